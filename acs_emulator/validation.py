"""Reading requests field by field, so that whatever is wrong with one is a 400 that names the field.

A JSON null counts as a field that is not there. Fields nobody asks for are ignored, as the service ignores them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import NoReturn

from acs_emulator.errors import bad_request
from acs_emulator.journal import Json
from acs_emulator.timestamps import parse_time


def parse_body(body: bytes) -> Json:
    """Parse a JSON body, which is UTF-8; raises a 400 for anything else, and for text that is not Unicode."""
    try:
        # Decoded here: given bytes, `json.loads` lets encoded halves of surrogate pairs pass.
        parsed: Json = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
        if b"\\u" in body:
            json.dumps(parsed, ensure_ascii=False).encode()  # half of a surrogate pair cannot be encoded
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body is not valid JSON: {error}", "body") from error
    return parsed


class Fields:
    """One JSON object of a request."""

    def __init__(self, value: Json, path: str = "") -> None:
        """Take an object; `path` is where it stands, such as ``participants[0]``. Raises a 400 for another type."""
        if not isinstance(value, dict):
            raise bad_request("A JSON object is expected", path or "body")
        self._values = value
        self.path = path

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def target(self, name: str) -> str:
        """Where a field stands in the body."""
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str) -> str | None:
        """Read an optional string."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise bad_request("A string is expected", self.target(name))
        return value

    def required_text(self, name: str) -> str:
        """Read a string that must be there and not be empty."""
        if not (value := self.text(name)):
            raise bad_request("This field is required and must not be empty", self.target(name))
        return value

    def integer(self, name: str) -> int | None:
        """Read an optional whole number."""
        value = self._values.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise bad_request("A whole number is expected", self.target(name))
        return value

    def number(self, name: str) -> float | None:
        """Read an optional number."""
        value = self._values.get(name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise bad_request("A number is expected", self.target(name))
        return value

    def flag(self, name: str) -> bool:
        """Read an optional boolean; False when it is not there."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise bad_request("A boolean is expected", self.target(name))
        return bool(value)

    def time(self, name: str) -> int | None:
        """Read an optional time, as milliseconds since 1970."""
        return None if (text := self.text(name)) is None else read_time(text, self.target(name))

    def items(self, name: str) -> list[Json] | None:
        """Read an optional array."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, list):
            raise bad_request("An array is expected", self.target(name))
        return value

    def texts(self, name: str) -> list[str]:
        """Read an array of strings; nothing when it is not there."""
        for position, value in enumerate(found := self.items(name) or []):
            if not isinstance(value, str):
                raise bad_request("A string is expected", f"{self.target(name)}[{position}]")
        return [str(each) for each in found]

    def refuse_others(self, names: Collection[str]) -> None:
        """Raise a 400 when there is a field that is not one of `names`."""
        for each in self._values:
            if each not in names:
                raise bad_request(f"There is no such field; there are {', '.join(names)}", self.target(each))

    def object(self, name: str) -> Fields | None:
        """Read an optional object."""
        return Fields(self._values[name], self.target(name)) if name in self else None

    def required_object(self, name: str) -> Fields:
        """Read an object that must be there."""
        if (found := self.object(name)) is None:
            raise bad_request("This field is required", self.target(name))
        return found

    def objects(self, name: str) -> Iterator[Fields]:
        """Read an array of objects; nothing when it is not there."""
        for position, value in enumerate(self.items(name) or []):
            yield Fields(value, f"{self.target(name)}[{position}]")

    def metadata(self, *, patch: bool = False) -> dict[str, str] | None:
        """Read the optional ``metadata``, strings by string; in a patch a null means an empty string: remove it."""
        if (found := self.object("metadata")) is None:
            return None
        values = {key: "" if value is None and patch else value for key, value in found._values.items()}
        for key, value in values.items():
            if not isinstance(value, str):
                raise bad_request("Metadata values must be strings", found.target(key))
        return {key: str(value) for key, value in values.items()}


def merge_metadata(current: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Apply an update: keys not named stay, keys with an empty value go (observed on the live service)."""
    return {key: value for key, value in {**current, **changes}.items() if value or key not in changes}


def check_metadata_size(metadata: Mapping[str, str], limit: int | None, target: str = "metadata") -> None:
    """Raise a 400 when keys and values are over `limit` UTF-8 bytes."""
    size = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
    if limit is not None and size > limit:
        raise bad_request(f"Metadata may hold {limit} bytes in all; it has {size}", target)


def read_number(query: Mapping[str, str], name: str, default: int) -> int:
    """Read a whole number of the query; raises a 400 when it is something else."""
    if (text := query.get(name)) is None:
        return default
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
        raise bad_request("A whole number is expected", name)
    return int(text)


def read_time(text: str, target: str) -> int:
    """Read a time as milliseconds since 1970; raises a 400 when it is none."""
    try:
        return parse_time(text)
    except (ValueError, OverflowError) as error:
        raise bad_request(f"A time such as 2026-01-31T12:00:00Z is expected: {error}", target) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
