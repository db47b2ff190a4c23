"""Files on messages: those that came, and those that go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from io import TextIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NotRequired, Protocol, TypeAlias, TypedDict, runtime_checkable

from twilio_compat.arguments import Rule, non_empty_string, options
from twilio_compat.records import MediaCategory, MediaRecord, MediaUpload

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = ["Media", "MediaContent", "SendMediaOptions", "media_options", "upload_of"]

_CHUNK: Final = 1 << 18
"""Bytes read from a file at a time."""


@runtime_checkable
class BinaryFile(Protocol):
    """An open file, or anything else that ``read(size)`` gets bytes from."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; none at the end."""


MediaContent: TypeAlias = (
    bytes | bytearray | memoryview | str | Path | IO[bytes] | BinaryFile | AsyncIterable[bytes]
)
"""What a file can be sent from. A str is text, encoded as UTF-8; a file on disk is given as a `Path`."""


class SendMediaOptions(TypedDict):
    """A file to send. ``contentType`` is its MIME type."""

    contentType: str
    media: MediaContent
    filename: NotRequired[str | None]


class _SendableMedia:
    """What ``media`` may be: Twilio's browser types have no Python, so the wording is ours."""

    def accepts(self, value: object) -> bool:
        kinds = (bytes, bytearray, memoryview, Path, BinaryFile, AsyncIterable)
        binary = isinstance(value, kinds) and not isinstance(value, TextIOBase)
        return binary or non_empty_string.accepts(value)

    def expected(self, value: object) -> str:
        return "a non-empty string, bytes, a path, a binary file or an asynchronous iterable of bytes"

    def got(self, value: object) -> str:
        return non_empty_string.got(value)


media_options: Final[Rule] = options("media options", contentType=non_empty_string, media=_SendableMedia())
"""The rule for `SendMediaOptions`."""


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
        return await self._session.backend.media.temporary_url(self._session.actor, self.sid)


def upload_of(given: SendMediaOptions) -> MediaUpload:
    """Turn what an application gave into an upload; files are read when the upload runs, not here."""
    return MediaUpload(
        content=_content_of(given["media"]),
        content_type=given["contentType"],
        filename=given.get("filename"),
    )


def _content_of(media: MediaContent) -> bytes | AsyncIterable[bytes]:
    match media:
        case bytes():
            return media
        case str():
            return media.encode()
        case bytearray() | memoryview():
            return bytes(media)
        case Path():
            return _read_path(media)
        case AsyncIterable():
            return media
        case _:
            return _read_file(media)


async def _read_path(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        async for chunk in _read_file(file):
            yield chunk


async def _read_file(file: BinaryFile | IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk
