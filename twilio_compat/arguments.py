"""Argument checks, in the wording of Twilio's client.

A `Rule` says what an argument may be. `checked` attaches rules to the parameters of a method, by name; the
method then refuses what does not fit with an `ArgumentError` before anything is sent, such as::

    Argument 1 is expected to be a non-empty string, but got ""

Twilio's client is JavaScript, so its texts speak JavaScript: an argument that is left out reads ``undefined``, None
reads ``null``; booleans read ``true`` and ``false``; a dict is an ``object``. Applications and their users know
these texts, so they are kept word by word. What Twilio's client cannot be given (a set, a coroutine) is named
in Python's words. Python has one word for what JavaScript has two for: wherever an argument may be left out, None
leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, iscoroutinefunction, signature
from typing import Final, ParamSpec, Protocol, TypeVar, cast

from twilio_compat.errors import ArgumentError
from twilio_compat.records import JSONValue

__all__ = [
    "OMITTED",
    "Rule",
    "any_of",
    "array",
    "as_json",
    "check",
    "checked",
    "instance_of",
    "json_type",
    "literal",
    "non_empty_array",
    "non_empty_string",
    "non_negative_integer",
    "null",
    "optional",
    "optional_json",
    "options",
    "positive_integer",
    "pure_object",
    "show",
    "string",
    "undefined",
]

P = ParamSpec("P")
R = TypeVar("R")


class _Omitted:
    """The type of `OMITTED`."""


OMITTED: Final = _Omitted()
"""Stands for an argument that was not given, where None is a value of its own."""


def show(value: object) -> str:
    """Return *value* as Twilio's texts show it."""
    match value:
        case _Omitted():
            return "undefined"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return f'"{value}"'
        case dict():
            return "object"
        case list() | tuple():
            return "instance of Array"
        case _:
            return f"instance of {type(value).__name__}"


class Rule(Protocol):
    """What an argument may be."""

    def accepts(self, value: object) -> bool:
        """Return whether *value* fits."""

    def expected(self, value: object) -> str:
        """Say what was expected instead of *value*."""

    def got(self, value: object) -> str:
        """Say what *value* is."""


@dataclass(frozen=True, slots=True)
class _Simple:
    """A rule whose wording does not depend on the value."""

    wording: str
    test: Callable[[object], bool]

    def accepts(self, value: object) -> bool:
        return self.test(value)

    def expected(self, value: object) -> str:
        return self.wording

    def got(self, value: object) -> str:
        return show(value)


def _is_undefined(value: object) -> bool:
    return value is None or value is OMITTED


undefined: Final[Rule] = _Simple("of type undefined", _is_undefined)
null: Final[Rule] = _Simple("null", lambda value: value is None)
string: Final[Rule] = _Simple("of type string", lambda value: isinstance(value, str))
non_empty_string: Final[Rule] = _Simple(
    "a non-empty string", lambda value: isinstance(value, str) and value != ""
)
non_negative_integer: Final[Rule] = _Simple(
    "a non-negative integer",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
)
pure_object: Final[Rule] = _Simple(
    "a pure object (non-null and non-array)", lambda value: isinstance(value, Mapping)
)
positive_integer: Final[Rule] = _Simple(
    "a positive integer", lambda value: non_negative_integer.accepts(value) and value != 0
)


def instance_of(kind: type, name: str | None = None) -> Rule:
    """Accept instances of *kind*, told as *name*."""
    return _Simple(f"an instance of {name or kind.__name__}", lambda value: isinstance(value, kind))


def literal(*values: str) -> Rule:
    """Accept one of *values*."""
    return _Simple(" or ".join(show(each) for each in values), lambda value: value in values)


class _JSONType:
    """Anything ``json.dumps`` can write; None is JSON's null, as at Twilio."""

    def accepts(self, value: object) -> bool:
        return self._fault(value) is None

    def expected(self, value: object) -> str:
        return "a JSON type"

    def got(self, value: object) -> str:
        return (
            f"{show(value)} ({self._fault(value)})" if isinstance(value, dict | list | tuple) else show(value)
        )

    @staticmethod
    def _fault(value: object) -> str | None:
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            return str(error)
        return None


@dataclass(frozen=True, slots=True)
class _OptionalJSON:
    """What `json_type` accepts, or nothing; Twilio's client has words of its own for it."""

    def accepts(self, value: object) -> bool:
        return _is_undefined(value) or json_type.accepts(value)

    def expected(self, value: object) -> str:
        return "an optional JSON type"

    def got(self, value: object) -> str:
        return json_type.got(value)


json_type: Final[Rule] = _JSONType()
optional_json: Final[Rule] = _OptionalJSON()


def as_json(value: JSONValue) -> JSONValue:
    """Return what *value* is once it was sent as JSON: a copy, tuples as lists, and keys as text."""
    return cast("JSONValue", json.loads(json.dumps(value)))


@dataclass(frozen=True, slots=True)
class _Array:
    """A list or tuple whose items all follow one rule."""

    name: str
    item: Rule
    empty_too: bool

    def accepts(self, value: object) -> bool:
        return isinstance(value, list | tuple) and self._fits(value) and self._misfit(value) is None

    def expected(self, value: object) -> str:
        kind = "array" if self.empty_too else "non-empty array"
        if not isinstance(value, list | tuple) or (place := self._misfit(value)) is None:
            return f"{'an' if self.empty_too else 'a'} {kind} of {self.name}"
        return f"a valid {kind} of {self.name} (index {place} should be {self.item.expected(value[place])})"

    def got(self, value: object) -> str:
        if not isinstance(value, list | tuple) or (place := self._misfit(value)) is None:
            return show(value)
        return f"malformed array of {self.name} (index {place} is {self.item.got(value[place])})"

    def _fits(self, value: Sequence[object]) -> bool:
        return self.empty_too or len(value) > 0

    def _misfit(self, value: Sequence[object]) -> int | None:
        return next((place for place, each in enumerate(value) if not self.item.accepts(each)), None)


def array(name: str, item: Rule) -> Rule:
    """Accept a list or tuple of what *item* accepts; *name* is what Twilio calls its items."""
    return _Array(name, item, empty_too=True)


def non_empty_array(name: str, item: Rule) -> Rule:
    """Accept what `array` accepts, unless there is nothing in it."""
    return _Array(name, item, empty_too=False)


@dataclass(frozen=True, slots=True)
class _AnyOf:
    """Accepts what one of several rules accepts."""

    rules: tuple[Rule, ...]

    def accepts(self, value: object) -> bool:
        return any(rule.accepts(value) for rule in self.rules)

    def expected(self, value: object) -> str:
        *most, last = (rule.expected(value) for rule in self.rules)
        return f"{', '.join(most)} or {last}"

    def got(self, value: object) -> str:
        """Take the wording of the rule that has more to say than what the value is."""
        told = (rule.got(value) for rule in self.rules)
        return next((each for each in told if each != show(value)), show(value))


def any_of(*rules: Rule) -> Rule:
    """Accept what one of *rules* accepts."""
    return _AnyOf(rules)


def optional(rule: Rule) -> Rule:
    """Accept what *rule* accepts, and None."""
    return _AnyOf((undefined, rule))


@dataclass(frozen=True, slots=True)
class _Options:
    """A dict of options: each named key has a rule, other keys are nobody's business."""

    name: str
    keys: Mapping[str, Rule]

    def accepts(self, value: object) -> bool:
        return isinstance(value, Mapping) and self._misfit(value) is None

    def expected(self, value: object) -> str:
        if not isinstance(value, Mapping) or (key := self._misfit(value)) is None:
            return f"valid {self.name} (should be a pure object)"
        return f'valid {self.name} (key "{key}" should be {self.keys[key].expected(value.get(key, OMITTED))})'

    def got(self, value: object) -> str:
        if not isinstance(value, Mapping) or (key := self._misfit(value)) is None:
            return show(value)
        return f'malformed {self.name} (key "{key}" is {self.keys[key].got(value.get(key, OMITTED))})'

    def _misfit(self, value: Mapping[str, object]) -> str | None:
        return next(
            (key for key, rule in self.keys.items() if not rule.accepts(value.get(key, OMITTED))), None
        )


def options(name: str, **keys: Rule) -> Rule:
    """Accept a dict whose *keys* follow their rules; *name* is what Twilio calls it."""
    return _Options(name, keys)


def check(position: int, value: object, rule: Rule) -> None:
    """Raise `ArgumentError` unless the argument at *position*, counted from 1, follows *rule*."""
    if rule.accepts(value):
        return
    alternatives = len(rule.rules) if isinstance(rule, _AnyOf) else 1
    stop = ";" if alternatives >= 3 else ","  # so Twilio writes it
    expected, got = rule.expected(value), rule.got(value)
    raise ArgumentError(f"Argument {position} is expected to be {expected}{stop} but got {got}")


def checked(**rules: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the named parameters of a method before its body runs; of an async one, when it is awaited.

    Arguments that the method does not have are refused as well: too many, given twice, or by a name it lacks.
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        inspect_arguments = _inspector(method, rules)

        if iscoroutinefunction(method):

            @wraps(method)
            async def checked_later(*args: P.args, **kwargs: P.kwargs) -> object:
                inspect_arguments(args, kwargs)
                return await method(*args, **kwargs)

            return cast("Callable[P, R]", checked_later)

        @wraps(method)
        def checked_now(*args: P.args, **kwargs: P.kwargs) -> R:
            inspect_arguments(args, kwargs)
            return method(*args, **kwargs)

        return checked_now

    return decorate


def _inspector(
    method: Callable[..., object], rules: Mapping[str, Rule]
) -> Callable[[tuple[object, ...], Mapping[str, object]], None]:
    """Prepare the check of a method's arguments; ``self`` is at place 0."""
    parameters = {
        name: each for name, each in signature(method).parameters.items() if name not in ("self", "cls")
    }
    places = [name for name, each in parameters.items() if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
    required = {name for name, each in parameters.items() if each.default is Parameter.empty}
    called = method.__qualname__.removesuffix(".__init__").rpartition(".")[2]
    steps = [(places.index(name), name, rule) for name, rule in rules.items()]

    def inspect_arguments(args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        given = args[1:]
        if len(given) > len(places):
            raise ArgumentError(f"Expected at most {len(places)} argument(s), but got {len(given)}")
        if kwargs:
            _inspect_names(called, kwargs, [*parameters], places[: len(given)])
        for place, name, rule in steps:
            value = given[place] if place < len(given) else kwargs.get(name, OMITTED)
            if value is not OMITTED or name in required:
                check(place + 1, value, rule)

    return inspect_arguments


def _inspect_names(
    method: str, kwargs: Mapping[str, object], known: Sequence[str], given: Sequence[str]
) -> None:
    """Refuse a keyword that *method* does not know, and one for what was *given* by place."""
    for name in kwargs:
        if name not in known:
            takes = ", ".join(known) or "none"
            raise ArgumentError(f"{method}() got an unexpected keyword argument {name!r}; it takes {takes}")
        if name in given:
            raise ArgumentError(f"{method}() got its argument {name!r} twice: by place and by keyword")
