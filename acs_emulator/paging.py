"""Pages and the links from one to the next. The three kinds of list differ in when there is a link.

Messages have one whenever the page came back full, so that the last page may be empty. Participants and read
receipts are counted with ``skip``, and have one only when more follows. Both were observed on the live service.
Threads have one only when more follows, and continue from a place in their order, as messages do.

The place a message or thread list continues from is written into the link as ``syncState``: hexadecimal, opaque to
clients. It is a position in the order and not a count, so what arrives at the top meanwhile neither repeats nor
hides anything. What moves to the top meanwhile, as an edited message does, is on none of the pages still to come.

Page sizes out of range are brought into range, and a missing one is the default; what the live service does is
not documented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar
from urllib.parse import quote

from acs_emulator.calls import Call, Reply
from acs_emulator.errors import bad_request
from acs_emulator.journal import Json
from acs_emulator.validation import read_number

MAX_PAGE_SIZE = 200
DEFAULT_PAGE_SIZE = 100
DEFAULT_MESSAGES = 10

_STATE_DIGITS = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, and whether it goes on."""

    items: list[T]
    has_more: bool


def page_size(query: Mapping[str, str], default: int = DEFAULT_PAGE_SIZE) -> int:
    """Read ``maxPageSize``, brought into range; raises a 400 when it is no number."""
    return min(max(read_number(query, "maxPageSize", default), 1), MAX_PAGE_SIZE)


def take_page(items: Iterator[T], size: int) -> Page[T]:
    """Take a page, and look whether more follows."""
    taken = list(islice(items, size + 1))
    return Page(taken[:size], has_more=len(taken) > size)


def reply_counted(call: Call, items: Sequence[Json], *segments: str) -> Reply:
    """Answer the page of a list that is counted with ``skip``."""
    size, skip = page_size(call.query), max(read_number(call.query, "skip", 0), 0)
    end = skip + size
    link = {"skip": str(end), "maxPageSize": str(size)} if end < len(items) else None
    return reply_page(call, list(items[skip:end]), link, *segments)


def reply_page(call: Call, items: list[Json], link: Mapping[str, str] | None, *segments: str) -> Reply:
    """Answer a page; the link is given as its query, and goes to the host and scheme the caller used."""
    body: dict[str, Json] = {"value": items}
    if link is not None:
        query = {**link, "api-version": call.query.get("api-version", "")}
        pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        body["nextLink"] = f"{'/'.join([call.base_url, *segments])}?{pairs}"
    return Reply(200, body)


def write_state(*numbers: int) -> str:
    """Write the place a list continues from."""
    return "".join(f"{number:0{_STATE_DIGITS}x}" for number in numbers)


def read_state(query: Mapping[str, str], count: int) -> tuple[int, ...] | None:
    """Read the place a list continues from, None at its start; raises a 400 for one that was not made here."""
    if (text := query.get("syncState")) is None:
        return None
    if not re.fullmatch(rf"[0-9a-f]{{{count * _STATE_DIGITS}}}", text):
        raise bad_request("This is not the syncState of a nextLink", "syncState")
    starts = range(0, len(text), _STATE_DIGITS)
    return tuple(int(text[start : start + _STATE_DIGITS], 16) for start in starts)
