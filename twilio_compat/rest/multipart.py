"""The file in an uploaded form (``multipart/form-data``), passed on as it comes in.

A form is a row of parts. The file is the part named ``Media``, as at Twilio, or else the first that has a file name;
other parts are passed over. Nothing is held but the piece that is being read. The form is read to its end, since only
that tells a whole file from one that was cut off.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from twilio_compat.errors import LimitError
from twilio_compat.records import MediaUpload
from twilio_compat.rest.call import Body
from twilio_compat.rest.error_codes import text_of

PIECE: Final = 64 * 1024
"""Bytes that are looked at at a time."""
_FORM: Final = b"multipart/form-data"


@dataclass(frozen=True, slots=True)
class _Part:
    """A part begins, with these headers, their names in lower case."""

    headers: dict[str, bytes] = field(default_factory=dict)

    def option(self, name: bytes) -> str | None:
        """Return an option of its disposition, such as its name."""
        _, options = parse_options_header(self.headers.get("content-disposition", b""))
        value = options.get(name)
        return None if value is None else _text(value)


class _End:
    """A part ends."""


_Event: TypeAlias = _Part | bytes | _End


def is_form(content_type: str) -> bool:
    """Say whether a body of this type is a form of parts."""
    return parse_options_header(content_type)[0] == _FORM


@asynccontextmanager
async def read_file(content_type: str, body: Body) -> AsyncIterator[MediaUpload]:
    """Find the file in a form; its content is to be read within the block, and once.

    `LimitError` 20422 where there is none, and where the form cannot be read; the latter from the content, too.
    """
    async with aclosing(_events(_boundary(content_type), body)) as events:
        part = await _file(events)
        async with aclosing(_content(events)) as content:
            yield MediaUpload(
                content=content,
                content_type=_text(part.headers.get("content-type", b"application/octet-stream")),
                filename=part.option(b"filename") or None,
            )


async def _file(events: AsyncIterator[_Event]) -> _Part:
    async for event in events:
        if isinstance(event, _Part) and (event.option(b"name") == "Media" or event.option(b"filename")):
            return event
    raise _unreadable("it has no part named Media")


async def _content(events: AsyncIterator[_Event]) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of the part that has begun, and read on to the end of the form."""
    async for event in events:
        if isinstance(event, bytes):
            yield event
        else:
            break
    async for _ in events:
        pass


async def _events(boundary: bytes, body: Body) -> AsyncGenerator[_Event, None]:
    parser = _Parser(boundary)
    async for piece in _pieces(body):
        for event in parser.feed(piece):
            yield event
    if not parser.is_complete:
        raise _unreadable("it ends too early")


async def _pieces(body: Body) -> AsyncGenerator[bytes, None]:
    if isinstance(body, AsyncIterable):
        async for piece in body:
            yield piece
    else:
        for start in range(0, len(body), PIECE):
            yield body[start : start + PIECE]


class _Parser:
    """Turns pieces of a form into what they hold."""

    def __init__(self, boundary: bytes) -> None:
        self.is_complete = False
        self._events: list[_Event] = []
        self._headers: dict[str, bytes] = {}
        self._name = self._value = b""
        self._parser = _opened(boundary, self)

    def feed(self, piece: bytes) -> Iterator[_Event]:
        """Take the next piece. `LimitError` where it cannot go on from what was before."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _unreadable(str(error)) from error
        events, self._events = self._events, []
        return iter(events)

    # What the parser calls

    def begin(self) -> None:
        """Note that a part begins."""
        self._headers = {}

    def add_to_name(self, data: bytes, start: int, end: int) -> None:
        """Note more of a header's name."""
        self._name += data[start:end]

    def add_to_value(self, data: bytes, start: int, end: int) -> None:
        """Note more of a header's value."""
        self._value += data[start:end]

    def end_header(self) -> None:
        """Note that a header ends."""
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name = self._value = b""

    def end_headers(self) -> None:
        """Note that the content of a part begins."""
        self._events.append(_Part(self._headers))

    def add(self, data: bytes, start: int, end: int) -> None:
        """Note some of a part's content."""
        self._events.append(data[start:end])

    def end_part(self) -> None:
        """Note that a part ends."""
        self._events.append(_End())

    def complete(self) -> None:
        """Note that the form ends."""
        self.is_complete = True


def _opened(boundary: bytes, told: _Parser) -> MultipartParser:
    try:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": told.begin,
                "on_header_field": told.add_to_name,
                "on_header_value": told.add_to_value,
                "on_header_end": told.end_header,
                "on_headers_finished": told.end_headers,
                "on_part_data": told.add,
                "on_part_end": told.end_part,
                "on_end": told.complete,
            },
        )
    except FormParserError as error:
        raise _unreadable(str(error)) from error


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise _unreadable("its Content-Type names no boundary")
    return boundary


def _text(value: bytes) -> str:
    """Return the text of a header: UTF-8 from whoever follows the standard, Latin-1 from others."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _unreadable(why: str) -> LimitError:
    return LimitError(text_of(20422, f"the form cannot be read: {why}"), code=20422)
