"""Files given by URL: fetched with httpx when the message is sent, and passed on as they come.

Nothing is held in memory but the piece under way, so that the file goes from the server it lies on to where media
are kept at the pace of the slower one. Redirects are followed, the proxy and certificate settings of the
environment are heeded, and a user and password in the URL are used. Errors name the URL without them, and without
its query, where signatures stand.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Final

import httpx

from twilio_compat.errors import (
    ForbiddenError,
    InvalidResponseError,
    NotFoundError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TwilioCompatError,
    TwilsockUpstreamError,
)

__all__ = ["RemoteFile", "fetched"]

TIMEOUT: Final = 30.0
"""Seconds to wait for a connection, for the answer, and for each piece of the file."""
_PIECE: Final = 1 << 16
"""Bytes passed on at a time."""
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
"""What a server may put into a name, and nobody can keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file as its server describes it: ``size`` in bytes where that is told, and the bytes, to be read once."""

    content: AsyncIterator[bytes]
    content_type: str
    filename: str | None
    size: int | None


@asynccontextmanager
async def fetched(url: httpx.URL) -> AsyncIterator[RemoteFile]:
    """Fetch the file at *url* for as long as the block runs.

    `NotFoundError` 50507 where there is none; `ForbiddenError` 20003; `TwilsockUpstreamError` 20422 for any other
    refusal; `BackendError` where its server fails or cannot be reached. Reading the content raises the last as well.
    """
    async with httpx.AsyncClient(follow_redirects=True, timeout=TIMEOUT) as http:
        with _explained(url):
            answer = await http.send(http.build_request("GET", url), stream=True)
        async with aclosing(answer), aclosing(_pieces(url, answer)) as content:
            if not answer.is_success:
                raise _refusal(url, answer)
            yield RemoteFile(
                content=content,
                content_type=answer.headers.get("Content-Type") or "application/octet-stream",
                filename=_filename(answer),
                size=_size(answer),
            )


async def _pieces(url: httpx.URL, answer: httpx.Response) -> AsyncGenerator[bytes, None]:
    with _explained(url):
        async for piece in answer.aiter_bytes(_PIECE):
            yield piece


@contextmanager
def _explained(url: httpx.URL) -> Iterator[None]:
    """Raise what httpx raises as an error of this library."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise ServiceTimeoutError(f"{_shown(url)} did not answer within {TIMEOUT:g} seconds") from error
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        raise ServiceUnavailableError(f"{_shown(url)} could not be fetched: {reason}") from error
    except ExceptionGroup as error:  # what becomes of a port that is none, which httpx lets through
        raise ServiceUnavailableError(f"{_shown(url)} could not be fetched: {error.exceptions[0]}") from error
    except httpx.RequestError as error:  # redirected in circles, or encoded otherwise than it says
        raise InvalidResponseError(f"{_shown(url)} could not be fetched: {error}") from error


def _refusal(url: httpx.URL, answer: httpx.Response) -> TwilioCompatError:
    status = answer.status_code
    text = f"{_shown(url)} answered {status} {answer.reason_phrase}".rstrip()
    if status in (404, 410):
        return NotFoundError(f"Media not found: {text}", code=50507)
    if status in (401, 403):
        return ForbiddenError(f"Media may not be fetched: {text}", code=20003)
    if status == 429:
        return RateLimitedError(f"Media cannot be fetched now: {text}")
    if status >= 500:
        return ServiceUnavailableError(f"Media cannot be fetched now: {text}")
    return TwilsockUpstreamError(f"Media cannot be fetched: {text}", code=20422)


def _filename(answer: httpx.Response) -> str | None:
    """Return the name that the answer gives the file, or else the last part of where it was found."""
    name = _told_name(answer.headers.get("Content-Disposition", "")) or answer.url.path
    return _NO_TEXT.sub("\ufffd", re.split(r"[/\\]", name)[-1]) or None


def _told_name(disposition: str) -> str | None:
    headers = Message()
    headers["Content-Disposition"] = disposition
    try:
        return headers.get_filename()
    except UnicodeError:  # from an encoding such as idna, which only host names have
        return None


def _size(answer: httpx.Response) -> int | None:
    """Return how long the file is, unless it comes compressed: then that is the length of something else."""
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and "Content-Encoding" not in answer.headers else None


def _shown(url: httpx.URL) -> str:
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))
