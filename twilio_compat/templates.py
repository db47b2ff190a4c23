"""Content templates in the words of Twilio's Content API: read from JSON, written as JSON, and filled in.

Pure functions, for adapters that keep templates themselves and for the command that gives them some. A template of
Twilio's API is an object with ``sid``, ``friendly_name``, ``variables``, ``types`` and two dates; other keys, such as
``account_sid``, ``language`` and ``links``, mean nothing here. Its list is an object with ``contents``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from twilio_compat.errors import ArgumentError
from twilio_compat.records import ContentTemplateRecord, JSONValue

__all__ = ["as_json", "fill_in", "read_templates", "text_of"]

_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_SID: Final = re.compile(r"HX[0-9a-f]{32}\Z")
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
"""Characters that JSON can name, and no database takes."""


# Filling in


def fill_in(types: Mapping[str, JSONValue], values: Mapping[str, str]) -> dict[str, JSONValue]:
    """Return *types* with each placeholder replaced by its value; one that has none stays as it is."""
    return {kind: _filled(data, values) for kind, data in types.items()}


def text_of(types: Mapping[str, JSONValue]) -> str | None:
    """Return what a reader of mere text is to see: the text, or else a body, a title, a label, or URLs."""
    for kind in sorted(types, key=lambda kind: kind != "twilio/text"):
        data = types[kind]
        if isinstance(data, dict) and (text := _text(data)):
            return text
    return None


def _filled(data: JSONValue, values: Mapping[str, str]) -> JSONValue:
    match data:
        case str():
            return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), data)
        case list():
            return [_filled(each, values) for each in data]
        case dict():
            return {key: _filled(each, values) for key, each in data.items()}
        case _:
            return data


def _text(data: dict[str, JSONValue]) -> str | None:
    for key in ("body", "title", "label"):
        if isinstance(text := data.get(key), str) and text:
            return text
    urls = data.get("media")
    return "\n".join(each for each in urls if isinstance(each, str)) if isinstance(urls, list) else None


# Reading and writing


def read_templates(text: str, *, now: datetime) -> list[ContentTemplateRecord]:
    """Return the templates in *text*: one, a JSON array of them, or a page of Twilio's list.

    A date that is missing is *now*. `ArgumentError` says which template is wrong, and how.
    """
    found = _parsed(text)
    if isinstance(found, dict) and "contents" in found:
        found = found["contents"]
    templates = found if isinstance(found, list) else [found]
    return [_record(each, f"Template {place}", now) for place, each in enumerate(templates, 1)]


def as_json(record: ContentTemplateRecord) -> dict[str, JSONValue]:
    """Return *record* as Twilio's Content API shows it; `read_templates` reads it back."""
    return {
        "sid": record.sid,
        "friendly_name": record.friendly_name,
        "variables": dict(record.variables),
        "types": dict(record.types),
        "date_created": record.date_created.isoformat(),
        "date_updated": record.date_updated.isoformat(),
    }


def _parsed(text: str) -> JSONValue:
    try:
        found: JSONValue = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"This is no JSON: {error}") from error
    return found


def _refused(constant: str) -> JSONValue:
    """Refuse what Python reads, but no other reader of JSON."""
    raise ValueError(f"{constant} is no number")


def _record(data: JSONValue, which: str, now: datetime) -> ContentTemplateRecord:
    if not isinstance(data, dict):
        raise ArgumentError(f"{which} is no JSON object")
    if any(map(_NO_TEXT.search, _strings(data))):
        raise ArgumentError(f"{which} has half of a surrogate pair or a NUL in it, which is no text")
    sid = data.get("sid")
    if not isinstance(sid, str) or not _SID.match(sid):
        raise ArgumentError(f"{which} has the sid {sid!r}; it must be HX and 32 lower-case hex digits")
    name = data.get("friendly_name") or ""
    if not isinstance(name, str):
        raise ArgumentError(f"{sid}: friendly_name is {name!r}; it must be text")
    created = _date(data, "date_created", sid, now)
    return ContentTemplateRecord(
        sid=sid,
        friendly_name=name,
        variables=_variables(data.get("variables") or {}, sid),
        types=_types(data.get("types"), sid),
        date_created=created,
        date_updated=_date(data, "date_updated", sid, created),
    )


def _strings(data: JSONValue) -> Iterator[str]:
    """Yield every text in *data*, keys included."""
    match data:
        case str():
            yield data
        case list():
            yield from chain.from_iterable(map(_strings, data))
        case dict():
            yield from chain(data, chain.from_iterable(map(_strings, data.values())))


def _variables(data: JSONValue, sid: str) -> dict[str, str]:
    if not isinstance(data, dict):
        raise ArgumentError(f'{sid}: variables must be an object, such as {{"1": "a sample"}}')
    faulty = next((name for name, value in data.items() if not isinstance(value, str)), None)
    if faulty is not None:
        raise ArgumentError(f"{sid}: the variable {faulty!r} is {data[faulty]!r}; it must be text")
    return {name: value for name, value in data.items() if isinstance(value, str)}


def _types(data: JSONValue, sid: str) -> dict[str, JSONValue]:
    if not isinstance(data, dict) or not data:
        raise ArgumentError(f'{sid}: types must be an object, such as {{"twilio/text": {{"body": "Hello"}}}}')
    faulty = next((kind for kind, each in data.items() if not isinstance(each, dict)), None)
    if faulty is not None:
        raise ArgumentError(f"{sid}: the type {faulty} must be an object, not {data[faulty]!r}")
    return data


def _date(data: dict[str, JSONValue], key: str, sid: str, missing: datetime) -> datetime:
    text = data.get(key)
    if text is None:
        return missing
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ArgumentError(f"{sid}: {key} is {text!r}; it must be as in 2026-01-31T12:00:00Z") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC)
