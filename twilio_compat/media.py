"""Files on messages: those that came, and those that go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import TextIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NotRequired, Protocol, TypeAlias, TypedDict, runtime_checkable

import httpx

from twilio_compat.arguments import Rule, any_of, check, non_empty_string, options, string, undefined
from twilio_compat.errors import ArgumentError
from twilio_compat.media_by_url import RemoteFile, fetched
from twilio_compat.records import MediaCategory, MediaRecord, MediaUpload

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = ["Media", "MediaContent", "SendMediaOptions", "check_media", "media_options", "upload_of"]

_PIECE: Final = 1 << 18
"""Bytes read from a file at a time."""


@runtime_checkable
class BinaryFile(Protocol):
    """An open file, or anything else that ``read(size)`` gets bytes from."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; none at the end."""


MediaContent: TypeAlias = (
    bytes | bytearray | memoryview | str | Path | IO[bytes] | BinaryFile | AsyncIterable[bytes] | httpx.URL
)
"""What a file can be sent from.

A str is text, encoded as UTF-8; a file on disk is given as a `Path`, and one on the web as an `httpx.URL`.
"""


class SendMediaOptions(TypedDict):
    """A file to send. ``contentType`` is its MIME type; it is needed unless ``media`` is a URL.

    The file at a URL is fetched when the message is sent; its server tells the type and the name that are left out.
    """

    contentType: NotRequired[str]
    media: MediaContent
    filename: NotRequired[str | None]


class _SendableMedia:
    """What ``media`` may be: Twilio's browser types have no Python, so the wording is ours."""

    def accepts(self, value: object) -> bool:
        if isinstance(value, httpx.URL):
            return value.scheme in ("http", "https") and value.host != ""
        kinds = (bytes, bytearray, memoryview, Path, BinaryFile, AsyncIterable)
        binary = isinstance(value, kinds) and not isinstance(value, TextIOBase)
        return binary or non_empty_string.accepts(value)

    def expected(self, value: object) -> str:
        forms = "a non-empty string, bytes, a path, a binary file, an asynchronous iterable of bytes"
        return f"{forms} or an http(s) URL"

    def got(self, value: object) -> str:
        return repr(value) if isinstance(value, httpx.URL) else non_empty_string.got(value)


def _options_with(content_type: Rule) -> Rule:
    return options(
        "media options",
        contentType=content_type,
        media=_SendableMedia(),
        filename=any_of(string, undefined),
    )


class _MediaOptions:
    """The rule for `SendMediaOptions`: a file at a URL brings its type with it, any other needs to be told."""

    _told: Final = _options_with(non_empty_string)
    _fetched: Final = _options_with(any_of(non_empty_string, undefined))

    def accepts(self, value: object) -> bool:
        return self._rule(value).accepts(value)

    def expected(self, value: object) -> str:
        return self._rule(value).expected(value)

    def got(self, value: object) -> str:
        return self._rule(value).got(value)

    def _rule(self, value: object) -> Rule:
        return self._fetched if _is_by_url(value) else self._told


media_options: Final[Rule] = _MediaOptions()
"""The rule for `SendMediaOptions`."""


def check_media(payload: object) -> None:
    """Raise `ArgumentError` unless *payload* are `SendMediaOptions`, as Twilio's message builder does."""
    given = payload if isinstance(payload, Mapping) else {}
    typed = given.get("contentType") or _is_by_url(payload)
    if not typed or given.get("media") is None or given["media"] == "":
        raise ArgumentError("Media content in SendMediaOptions must contain non-empty contentType and media")
    check(1, payload, media_options)


def _is_by_url(options: object) -> bool:
    return isinstance(options, Mapping) and isinstance(options.get("media"), httpx.URL)


class Media:
    """A file of a message. The bytes stay where they are; `getContentTemporaryUrl` says where."""

    def __init__(self, session: Session, record: MediaRecord) -> None:
        """Stand for *record*."""
        self._session = session
        self._record = record

    def __repr__(self) -> str:
        """Name the file."""
        return f"<Media {self.sid} {self.contentType} {self.filename!r}>"

    @property
    def sid(self) -> str:
        """``ME`` and 32 hex digits."""
        return self._record.sid

    @property
    def filename(self) -> str | None:
        """Name of the file, as its sender gave it."""
        return self._record.filename

    @property
    def contentType(self) -> str:
        """MIME type."""
        return self._record.content_type

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self._record.size

    @property
    def category(self) -> MediaCategory:
        """``media`` for a file, ``body`` and ``history`` for parts of an e-mail."""
        return self._record.category

    async def getContentTemporaryUrl(self) -> str:
        """Return a URL that serves the bytes for a while to anyone who has it. `NotFoundError` 50507."""
        urls = await self._session.backend.media.temporary_urls(self._session.actor, [self.sid])
        return urls[self.sid]


@asynccontextmanager
async def upload_of(given: SendMediaOptions) -> AsyncIterator[MediaUpload]:
    """Turn what an application gave into an upload. What is to be opened is open for as long as the block runs.

    Raises as `fetched` for a file at a URL, and `OSError` for one on disk.
    """
    match given["media"]:
        case httpx.URL() as url:
            async with fetched(url) as file:
                yield _upload(given, file.content, file)
        case Path() as path:
            with await asyncio.to_thread(path.open, "rb") as opened:
                yield _upload(given, _read(opened))
        case bytes() | bytearray() | memoryview() as content:
            yield _upload(given, bytes(content))
        case str() as text:
            yield _upload(given, _utf8(text))
        case AsyncIterable() as stream:
            yield _upload(given, _checked(stream))
        case open_file:
            yield _upload(given, _read(open_file))


def _upload(
    given: SendMediaOptions, content: bytes | AsyncIterable[bytes], told: RemoteFile | None = None
) -> MediaUpload:
    """Describe the upload of *content*; what is not *given* is as its server *told*."""
    filename = given.get("filename")
    return MediaUpload(
        content=content,
        content_type=given.get("contentType") or (told.content_type if told else ""),
        filename=told.filename if told and filename is None else filename,
        size=told.size if told else None,
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"The media are no Unicode text: {error.reason}; give bytes") from error


async def _read(file: BinaryFile | IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield _bytes(piece)


async def _checked(stream: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for piece in stream:
        yield _bytes(piece)


def _bytes(piece: object) -> bytes:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise ArgumentError(f"Media are made of bytes, but this file brought {type(piece).__name__}")
    return bytes(piece)
