"""One request and its answer, as operations see them: no server, no sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from acs_emulator.errors import bad_request
from acs_emulator.journal import Json
from acs_emulator.validation import Fields, parse_body

JSON_TYPES = ("application/json", "application/merge-patch+json")


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose sender has been checked. Names in `path` are those of the operation's path."""

    base_url: str
    """Scheme and host the caller used, without a slash at the end: links go back there."""
    caller: str
    """The calling ACS user's id; empty on Identity operations."""
    path: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def fields(self, *, optional: bool = False) -> Fields:
        """Read the body as a JSON object; an empty one is an empty object when it is optional. Raises a 400."""
        if optional and not self.body:
            return Fields({})
        content_type = self.headers.get("content-type", JSON_TYPES[0]).partition(";")[0].strip().lower()
        if content_type not in JSON_TYPES:
            raise bad_request(f"The content type must be one of {', '.join(JSON_TYPES)}", "Content-Type")
        return Fields(parse_body(self.body))

    def url(self, *segments: str) -> str:
        """Write the absolute, percent-encoded URL of a resource."""
        return "/".join([self.base_url, *(quote(each, safe="") for each in segments)])


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its HTTP status, its JSON body if it has one, and where what was made is found."""

    status: int
    body: Json = None
    location: str | None = None
