"""From a path to the operation that it names.

The paths of all operations make a tree, built once: a step for each segment, by its text or, where the template has a
name in braces there, by whatever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from twilio_compat.rest.operations import SERVICE_PATH, Operation

VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Route:
    """An operation at one of its paths; ``names`` are those of the path's variable segments, in their order."""

    operation: Operation
    template: str
    names: tuple[str, ...]

    @property
    def is_scoped(self) -> bool:
        """Whether the path names a service in front."""
        return self.template.startswith(SERVICE_PATH)


@dataclass(frozen=True, slots=True)
class Match:
    """What a path names: routes by method, none where there is no such path; and the variable segments, decoded."""

    routes: Mapping[str, Route]
    segments: tuple[str, ...] = ()

    def named(self, route: Route) -> dict[str, str]:
        """Return the variable segments by their names."""
        return dict(zip(route.names, self.segments, strict=True))


_NOWHERE = Match({})


@dataclass(slots=True)
class _Step:
    literal: dict[str, _Step] = field(default_factory=dict)
    variable: _Step | None = None
    routes: dict[str, Route] = field(default_factory=dict)

    def onward(self, segment: str) -> _Step:
        """Return the step that follows for a segment of a template, made where there is none."""
        if not segment.startswith("{"):
            return self.literal.setdefault(segment, _Step())
        if self.variable is None:
            self.variable = _Step()
        return self.variable


class Routes:
    """The tree."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        """Build it."""
        self._root = _Step()
        for operation in operations:
            for template in operation.templates():
                self._add(operation, template)

    def match(self, path: str) -> Match:
        """Find what *path*, encoded and without the version in front, names."""
        step, variable = self._root, []
        for segment in path.split("/")[1:]:
            following = step.literal.get(segment)
            if following is None:
                if step.variable is None or not segment:
                    return _NOWHERE
                following = step.variable
                variable.append(unquote(segment))
            step = following
        return Match(step.routes, tuple(variable))

    def _add(self, operation: Operation, template: str) -> None:
        step = self._root
        segments = template.split("/")[1:]
        for segment in segments:
            step = step.onward(segment)
        names = tuple(each[1:-1] for each in segments if each.startswith("{"))
        step.routes[operation.method] = Route(operation, template, names)
