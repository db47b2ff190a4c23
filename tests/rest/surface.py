"""What Twilio's API has, from Twilio's own description of it: ``operations.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TheirOperation:
    """An operation as Twilio describes it; ``path`` begins after ``/v1``."""

    name: str
    method: str
    path: str
    parameters: frozenset[str]
    required: frozenset[str]

    @property
    def default(self) -> str:
        """The name of the same operation on the path of the default service, as far as there is one."""
        return re.sub(r"^(Create|Delete|Fetch|List|Update)Service(?=.)", r"\1", self.name)


@cache
def operations() -> Mapping[str, TheirOperation]:
    """Return all of them, by their names."""
    text = Path(__file__).with_name("operations.json").read_text(encoding="utf-8")
    return {name: _operation(name, **said) for name, said in json.loads(text)["operations"].items()}


def _operation(name: str, at: str, parameters: list[str], required: list[str]) -> TheirOperation:
    method, path = at.split()
    return TheirOperation(
        name=name,
        method=method,
        path=path.removeprefix("/v1"),
        parameters=frozenset(parameters),
        required=frozenset(required),
    )


@cache
def _patterns() -> list[tuple[str, re.Pattern[str], str]]:
    """Return method, pattern and name, those with fewer variable segments first."""
    ordered = sorted(operations().values(), key=lambda each: each.path.count("{"))
    return [(each.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", each.path)), each.name) for each in ordered]


def operation_at(method: str, path: str) -> str | None:
    """Return the name of the operation that a request calls."""
    return next((name for verb, found, name in _patterns() if verb == method and found.fullmatch(path)), None)
