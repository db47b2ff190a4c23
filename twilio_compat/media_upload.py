"""Files on their way out: what an application may give as one, and how it becomes an upload.

A file is described by `SendMediaOptions`, as in JavaScript, or by what stands for a browser's ``FormData``: a form
with one field, in the notation of httpx and requests, ``{"file": ("photo.png", content, "image/png")}``. Either way
the content may be bytes, text, a path, an open file, an asynchronous iterable or a URL; whatever is not in memory is
read piece by piece while it is sent.

What this module opens it closes, however the upload ends. A file that the application opened stays open, and goes
back to where it was if it can, so that a message that failed may be sent again. An asynchronous generator of the
application's is closed, as JavaScript's ``for await`` does, and has nothing more to send.
"""

from __future__ import annotations

import asyncio
import inspect
import mimetypes
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from io import BufferedReader, TextIOBase
from pathlib import Path
from typing import IO, Final, NotRequired, Protocol, TypeAlias, TypedDict, TypeGuard, cast, runtime_checkable

import httpx

from twilio_compat.arguments import Rule, any_of, check, non_empty_string, options, show, string, undefined
from twilio_compat.errors import ArgumentError
from twilio_compat.media_by_url import RemoteFile, fetched
from twilio_compat.records import MediaCategory, MediaUpload

__all__ = [
    "FormData",
    "MediaContent",
    "SendMediaOptions",
    "check_media",
    "form_data",
    "media_options",
    "send_media_options",
    "upload_of",
]

_PIECE: Final = 1 << 18
"""Bytes read from a file at a time."""


@runtime_checkable
class BinaryFile(Protocol):
    """An open file, or anything else that ``read(size)`` gets bytes from."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; none at the end."""


@runtime_checkable
class _SeekableFile(Protocol):
    """A file that may be able to go back."""

    closed: bool

    def seekable(self) -> bool: ...

    def tell(self) -> int: ...

    def seek(self, offset: int, /) -> object: ...


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


FormData: TypeAlias = Mapping[str, tuple[str | None, MediaContent] | tuple[str | None, MediaContent, str]]
"""A form with one file: its field, whatever that is called, holds file name, content and, where known, MIME type.

A type that is left out is guessed from the file name.
"""


class _SendableMedia:
    """What ``media`` may be: Twilio's browser types have no Python, so the wording is ours."""

    def accepts(self, value: object) -> bool:
        if isinstance(value, httpx.URL):
            return value.scheme in ("http", "https") and value.host != ""
        kinds = (bytes, bytearray, memoryview, Path, AsyncIterable)
        return isinstance(value, kinds) or self._is_binary_file(value) or non_empty_string.accepts(value)

    def expected(self, value: object) -> str:
        forms = "a non-empty string, bytes, a path, a binary file, an asynchronous iterable of bytes"
        return f"{forms} or an http(s) URL"

    def got(self, value: object) -> str:
        return repr(value) if isinstance(value, httpx.URL) else non_empty_string.got(value)

    @staticmethod
    def _is_binary_file(value: object) -> bool:
        """Tell a file that can be read here from one of text, and from one whose ``read`` is to be awaited."""
        if not isinstance(value, BinaryFile) or isinstance(value, TextIOBase):
            return False
        return not inspect.iscoroutinefunction(value.read)


_media: Final = _SendableMedia()


class _MediaOptions:
    """The rule for `SendMediaOptions`: a file at a URL brings its type with it, any other needs to be told."""

    def __init__(self, name: str) -> None:
        self._told = self._options_with(name, non_empty_string)
        self._fetched = self._options_with(name, any_of(non_empty_string, undefined))

    @staticmethod
    def _options_with(name: str, content_type: Rule) -> Rule:
        return options(name, contentType=content_type, media=_media, filename=any_of(string, undefined))

    def accepts(self, value: object) -> bool:
        return self._rule(value).accepts(value)

    def expected(self, value: object) -> str:
        return self._rule(value).expected(value)

    def got(self, value: object) -> str:
        return self._rule(value).got(value)

    def _rule(self, value: object) -> Rule:
        return self._fetched if _is_by_url(value) else self._told


class _FormData:
    """The rule for `FormData`."""

    def accepts(self, value: object) -> bool:
        return _is_form(value) and len(value) == 1 and all(map(self._holds_a_file, value.values()))

    def expected(self, value: object) -> str:
        if not _is_form(value):
            return "an instance of FormData"
        return "an instance of FormData (one field with file name, media and, if need be, content type)"

    def got(self, value: object) -> str:
        if not _is_form(value) or len(value) != 1:
            return f"a form of {len(value)} fields" if _is_form(value) else show(value)
        [fields] = value.values()
        return f"a form with ({', '.join(map(show, fields))})"

    @staticmethod
    def _holds_a_file(fields: tuple[object, ...]) -> bool:
        if len(fields) not in (2, 3) or not _media.accepts(fields[1]):
            return False
        return any_of(string, undefined).accepts(fields[0]) and all(map(non_empty_string.accepts, fields[2:]))


media_options: Final[Rule] = _MediaOptions("media options")
"""The rule for `SendMediaOptions`, as `Conversation.sendMessage` words it."""
send_media_options: Final[Rule] = _MediaOptions("send media options")
"""The same, as a `MessageBuilder` words it."""
form_data: Final[Rule] = _FormData()
"""The rule for `FormData`."""


def check_media(payload: object) -> None:
    """Raise `ArgumentError` unless *payload* is a file to send, as Twilio's message builder does."""
    if not _is_form(payload):
        given = payload if isinstance(payload, Mapping) else {}
        typed = given.get("contentType") or _is_by_url(payload)
        if not typed or given.get("media") is None or given["media"] == "":
            raise ArgumentError(
                "Media content in SendMediaOptions must contain non-empty contentType and media"
            )
    check(1, payload, any_of(form_data, send_media_options))


@asynccontextmanager
async def upload_of(
    payload: SendMediaOptions | FormData, category: MediaCategory = "media"
) -> AsyncIterator[MediaUpload]:
    """Turn what an application gave into an upload. What is to be opened is open for as long as the block runs.

    Raises as `fetched` for a file at a URL, and `OSError` for one on disk.
    """
    given = _options_of(payload)
    async with _opened(given["media"]) as (content, told):
        filename = given.get("filename")
        yield MediaUpload(
            content=content,
            content_type=given.get("contentType") or (told.content_type if told else ""),
            filename=told.filename if told and filename is None else filename,
            size=told.size if told else None,
            category=category,
        )


@asynccontextmanager
async def _opened(
    media: MediaContent,
) -> AsyncIterator[tuple[bytes | AsyncIterable[bytes], RemoteFile | None]]:
    """Open *media*, and tell what their server says about them where they have one."""
    match media:
        case httpx.URL() as url:
            async with fetched(url) as file:
                yield file.content, file
        case Path() as path:
            with await _open(path) as opened:
                async with aclosing(_read(opened)) as content:
                    yield content, None
        case bytes() | bytearray() | memoryview() as content:
            yield bytes(content), None
        case str() as text:
            yield _utf8(text), None
        case AsyncIterable() as stream:
            _check_unread(stream)
            async with aclosing(_checked(stream)) as content:
                yield content, None
        case open_file:
            with _put_back(open_file):
                async with aclosing(_read(open_file)) as content:
                    yield content, None


def _options_of(payload: SendMediaOptions | FormData) -> SendMediaOptions:
    """Return options as they are, and describe the file of a form by some."""
    if not _is_form(payload):
        return cast("SendMediaOptions", payload)
    [(filename, media, *kind)] = payload.values()
    given: SendMediaOptions = {"media": media, "filename": filename}
    if kind:
        given["contentType"] = kind[0]
    elif not isinstance(media, httpx.URL):
        given["contentType"] = mimetypes.guess_type(filename or "")[0] or "application/octet-stream"
    return given


def _is_form(value: object) -> TypeGuard[FormData]:
    """Tell a form, well made or not, from options: its values are tuples."""
    return (
        isinstance(value, Mapping) and bool(value) and all(isinstance(each, tuple) for each in value.values())
    )


def _is_by_url(options: object) -> bool:
    return isinstance(options, Mapping) and isinstance(options.get("media"), httpx.URL)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"The media are no Unicode text: {error.reason}; give bytes") from error


async def _open(path: Path) -> IO[bytes]:
    """Open a file in a thread, which cannot be called off: what it opens for nobody is closed."""
    opening = asyncio.get_running_loop().run_in_executor(None, path.open, "rb")
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opened: asyncio.Future[BufferedReader]) -> None:
    if opened.exception() is None:
        opened.result().close()


@contextmanager
def _put_back(file: BinaryFile | IO[bytes]) -> Iterator[None]:
    """Leave *file* where it was when the block began, if it can go back."""
    if not isinstance(file, _SeekableFile) or not file.seekable():
        yield
        return
    start = file.tell()
    try:
        yield
    finally:
        if not file.closed:
            file.seek(start)


async def _read(file: BinaryFile | IO[bytes]) -> AsyncGenerator[bytes, None]:
    while piece := await asyncio.to_thread(_piece_of, file):
        yield piece


def _piece_of(file: BinaryFile | IO[bytes]) -> bytes:
    try:
        return _bytes(file.read(_PIECE))
    except StopIteration as error:  # which no future can hold: whoever waits for it would wait for ever
        raise RuntimeError("The file raised StopIteration; read() returns b'' at the end") from error


def _check_unread(stream: AsyncIterable[bytes]) -> None:
    if inspect.isasyncgen(stream) and stream.ag_frame is None:
        raise ArgumentError("The media were read before, and an asynchronous generator brings them once")


async def _checked(stream: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in stream:
            yield _bytes(piece)
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def _bytes(piece: object) -> bytes:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise ArgumentError(f"Media are made of bytes, but this file brought {type(piece).__name__}")
    return bytes(piece)
