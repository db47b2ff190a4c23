"""Parameters: from the text that was sent to the values that a resource gets, or to Twilio's refusal.

What is checked here is what can be said of a value alone: that it is a number, or JSON, or one of some words; the
operation table (`twilio_compat.rest.operation_table`) says which. What is not text in Unicode is refused before anything
stores it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import LimitError
from twilio_compat.records import JSONValue
from twilio_compat.rest.call import Json, Value
from twilio_compat.rest.error_codes import text_of
from twilio_compat.rest.http import Pairs
from twilio_compat.rest.operations import Kind, Operation, Parameter

PAGING: Final = frozenset({"PageSize", "Page", "PageToken"})

_NUMBER = re.compile(r"[0-9]{1,18}")
_SID_DIGITS = re.compile(r"[0-9a-fA-F]{32}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,9})D)?(?:T(?=.)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is wanted."""

    size: int
    number: int = 0
    token: str | None = None


def read_values(operation: Operation, pairs: Pairs) -> dict[str, Value]:
    """Return what was given, by name. `LimitError` for what Twilio would refuse, with its code."""
    texts = _gathered(operation, pairs)
    values = {name: _read(operation.parameters[name], given) for name, given in texts.items()}
    for parameter in operation.parameters.values():
        if parameter.required and values.get(parameter.name) in (None, "", ()):
            raise _missing(parameter)
    return values


def read_paging(operation: Operation, pairs: Pairs) -> Paging:
    """Return which page is wanted. More records than a page has are asked for often, and are no error."""
    given = {name: text for name, text in pairs if name in PAGING} if operation.envelope else {}
    if not given:
        return Paging(operation.default_size)
    size = _count("PageSize", given.get("PageSize") or str(operation.default_size))
    if size < 1:
        raise _invalid("PageSize", "must be greater than 0")
    number = _count("Page", given.get("Page") or "0")
    return Paging(min(size, operation.largest_size), number, given.get("PageToken") or None)


def bounds(text: str) -> tuple[datetime, datetime]:
    """Return the first and the last moment of what a parameter of the kind `Kind.DAY` names: a second, or a whole day."""
    if _DAY.fullmatch(text):
        midnight = datetime.combine(datetime.fromisoformat(text), time(), UTC)
        return midnight, midnight + timedelta(days=1, microseconds=-1)
    moment = _moment(text)
    return moment, moment if moment.microsecond else moment + timedelta(seconds=1, microseconds=-1)


def json_value(text: str) -> JSONValue:
    """Read JSON as its standard has it: no ``NaN``, and no number beyond what can be written. `ValueError`."""
    try:
        value: JSONValue = _JSON.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def seconds_of(duration: str) -> float:
    """Return how long an ISO 8601 duration of days or less takes. `ValueError` for another one, and for none."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError("not an ISO 8601 duration")
    days, hours, minutes, seconds = (float(each or 0) for each in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def is_text(text: str) -> bool:
    """Say whether *text* can be stored: Unicode without half of a surrogate pair, and without NUL."""
    if "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


# Gathering


def _gathered(operation: Operation, pairs: Pairs) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        if name in operation.parameters:
            texts.setdefault(name, []).append(_checked(name, text))
        elif not (operation.envelope and name in PAGING):
            raise LimitError(f"Unknown parameters: {name}", code=20001)
    return texts


def _checked(name: str, text: str) -> str:
    if not is_text(text):
        raise _invalid(name, "must be Unicode text without NUL")
    return text


# Kinds


def _read(parameter: Parameter, given: list[str]) -> Value:
    if parameter.kind is Kind.LIST:
        return tuple(each for each in given if each)
    try:
        return _READERS[parameter.kind](parameter, given[-1])
    except (ValueError, OverflowError) as error:
        raise _refused(parameter, error) from error


def _text(parameter: Parameter, text: str) -> str:
    if parameter.longest is not None and len(text) > parameter.longest:
        detail = f"{parameter.name} has {len(text)} characters, and Twilio takes {parameter.longest}"
        raise LimitError(text_of(parameter.too_long, detail), code=parameter.too_long)
    return text


def _json(_: Parameter, text: str) -> Json:
    return Json(json_value(text))


def _date(_: Parameter, text: str) -> datetime:
    return _moment(text)


def _day(_: Parameter, text: str) -> str:
    bounds(text)
    return text


def _integer(_: Parameter, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a whole number, not below 0")
    return int(text)


def _boolean(_: Parameter, text: str) -> bool:
    if (lowered := text.lower()) in ("true", "false"):
        return lowered == "true"
    raise ValueError("must be true or false")


def _choice(parameter: Parameter, text: str) -> str:
    if text in parameter.choices:
        return text
    for each in parameter.choices:
        if each.lower() == text.lower():
            return each
    raise ValueError(f"must be one of {', '.join(parameter.choices)}")


def _duration(parameter: Parameter, text: str) -> str:
    if text and seconds_of(text) < parameter.shortest:
        raise LimitError(text_of(parameter.too_short), code=parameter.too_short)
    return text


def _sid(parameter: Parameter, text: str) -> str:
    prefix, digits = text[:2], text[2:]
    if text and not (prefix == parameter.prefix and _SID_DIGITS.fullmatch(digits)):
        raise ValueError(f"must be {parameter.prefix} and 32 hexadecimal digits")
    return text


_READERS: Final[Mapping[Kind, Callable[[Parameter, str], Value]]] = MappingProxyType(
    {
        Kind.TEXT: _text,
        Kind.JSON: _json,
        Kind.DATE: _date,
        Kind.DAY: _day,
        Kind.INTEGER: _integer,
        Kind.BOOLEAN: _boolean,
        Kind.CHOICE: _choice,
        Kind.DURATION: _duration,
        Kind.SID: _sid,
    }
)


def _moment(text: str) -> datetime:
    """Read a time; one without a zone is in UTC, as everything is that twilio-python sends."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text} is beyond what a number can be")
    return number


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_JSON: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


def _count(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _invalid(name, "must be a whole number, not below 0")
    return int(text)


# Refusals


def _missing(parameter: Parameter) -> LimitError:
    detail = f"Missing required parameter {parameter.name} in the post body"
    return LimitError(
        detail if parameter.missing == 20001 else text_of(parameter.missing), code=parameter.missing
    )


def _refused(parameter: Parameter, error: Exception) -> LimitError:
    return LimitError(text_of(parameter.code, f"{parameter.name}: {error}"), code=parameter.code)


def _invalid(name: str, why: str) -> LimitError:
    return LimitError(text_of(20422, f"{name} {why}"), code=20422)
