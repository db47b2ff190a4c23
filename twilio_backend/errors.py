"""From what Twilio and the network answer to the errors of the port; Twilio's code, status and words are kept.

The HTTP client raises these itself (`twilio_backend.clients`), before the official client makes its own of an answer: for
a list that one raises an exception that has neither code nor status. `translated` is for those that come all the same.

=============  =====================================================================================================
401            `ConfigurationError`: it is the deployment's own key that was refused
403            `ForbiddenError`
404            `NotFoundError`. Twilio's REST API says 20404 of everything that a path names, so the path tells what is
               not there, and code and words become those that Twilio has for it: 50350 "Conversation not found"
409            `ConflictError`
408, 504       `ServiceTimeoutError`, as when nothing was answered in time
429            `RateLimitedError`
5xx            `ServiceUnavailableError`, as when there was no connection
400, 413, ...  by the code: `NotFoundError` where something that a parameter names is not there, `ConflictError` for what is
               closed, else `LimitError`
others         `InvalidResponseError`, as for answers that cannot be read
=============  =====================================================================================================

What has no place at Twilio is refused with `TwilioGapError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException

from twilio_compat.errors import (
    AnswerError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidResponseError,
    LimitError,
    NotFoundError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TranslationGapError,
    TwilioCompatError,
)

_OF_COLLECTION: Final[Mapping[str, int]] = MappingProxyType(
    {
        "Conversations": 50350,
        "Participants": 50432,
        "Messages": 50500,
        "Users": 50200,
        "Roles": 50100,
        "Services": 50050,
        "Media": 50507,
    }
)
"""Of which code a thing is that is not there."""
_WORDS: Final[Mapping[int, str]] = MappingProxyType(
    {
        50350: "Conversation not found",
        50432: "Participant not found",
        50500: "Message not found",
        50200: "User not found",
        50100: "Role not found",
        50050: "Service Instance not found",
        50507: "Media not found",
    }
)
"""Twilio's words for these codes."""
_NOT_THERE: Final = frozenset(
    {50050, 50100, 50102, 50106, 50109, 50200, 50350, 50360, 50432, 50500, 50507, 20404}
)
"""Codes that say so, whatever the status they come with."""
_NOT_ALLOWED: Final = frozenset({50107, 50430})
_CONFLICTS: Final = frozenset({50377})
"""A closed conversation: Twilio says 400 of it, and the port calls it a conflict on either side."""
_BY_STATUS: Final[Mapping[int, type[AnswerError]]] = MappingProxyType(
    {
        403: ForbiddenError,
        404: NotFoundError,
        408: ServiceTimeoutError,
        409: ConflictError,
        429: RateLimitedError,
        504: ServiceTimeoutError,
    }
)


class TwilioGapError(TranslationGapError):
    """Twilio's REST API has nothing that could carry this; the text says where it can be had."""


class UnclearError(Exception):
    """A request that makes something ended without telling whether it did. It never leaves this package."""

    def __init__(self, error: AnswerError, *, answered: bool) -> None:
        """Keep how it ended; *answered*: the service itself said that it failed, so it is not at it any more."""
        super().__init__(str(error))
        self.error = error
        self.answered = answered


def refusal(status: int, text: str, url: str) -> TwilioCompatError:
    """Return the error that an answer with *status* and the body *text* stands for, to a request for *url*."""
    code, words = _read(text, status)
    if status == 401:
        return ConfigurationError(
            f"Twilio refused the credentials of the deployment ({words}): check TWILIO_ACCOUNT_SID and "
            "TWILIO_AUTH_TOKEN, or TWILIO_API_KEY and TWILIO_API_SECRET"
        )
    if code == 20404:
        code = _missing(url)
        words = _WORDS.get(code, words)
    return _kind(status, code)(words, code=code, status=status)


def no_answer(error: Exception) -> AnswerError:
    """Return the error that stands for a request that was not answered."""
    if isinstance(error, TimeoutError):
        return ServiceTimeoutError("Twilio did not answer in time")
    return ServiceUnavailableError(
        f"Twilio could not be reached, or did not answer: {str(error) or type(error).__name__}"
    )


@contextmanager
def translated(*, is_unclear_kept: bool = False) -> Iterator[None]:
    """Raise, in place of what the official client and the network raise, the errors of the port.

    With *is_unclear_kept* the caller gets `UnclearError`, to find out what happened.
    """
    try:
        yield
    except UnclearError as error:
        if is_unclear_kept:
            raise
        raise error.error from error
    except TwilioRestException as error:
        body = json.dumps({"code": error.code, "message": str(error.msg).partition(": ")[2] or error.msg})
        raise refusal(error.status, body, str(error.uri)) from error
    except (TwilioException, ValueError, KeyError) as error:
        if isinstance(error, TwilioCompatError):
            raise
        raise InvalidResponseError(f"Twilio's answer cannot be understood: {error}") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise no_answer(error) from error


def not_a_member() -> ForbiddenError:
    """Return the refusal of somebody who is no participant."""
    return ForbiddenError("Participant is not a member of conversation", code=50430)


def unauthorized() -> ForbiddenError:
    """Return the refusal of somebody whose roles do not allow it."""
    return ForbiddenError("User unauthorized for command", code=50107)


def _kind(status: int, code: int | None) -> type[AnswerError]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return ServiceUnavailableError
    if code in _NOT_THERE:
        return NotFoundError
    if code in _NOT_ALLOWED:
        return ForbiddenError
    if code in _CONFLICTS:
        return ConflictError
    return LimitError if 400 <= status < 500 else InvalidResponseError


def _read(text: str, status: int) -> tuple[int | None, str]:
    """Return the code and the words of an answer's body, be it Twilio's own or that of something on the way."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return None, f"HTTP status {status}"
    code, words = body.get("code"), body.get("message") or body.get("detail") or body.get("title")
    known = code if isinstance(code, int) and code >= 1000 else None
    return known, str(words or f"HTTP status {status}")


def _missing(url: str) -> int:
    """Return the code of what *url* names and is not there: the thing itself, or that in which a list would be."""
    segments = [each for each in urlsplit(url).path.split("/") if each][1:]
    if len(segments) % 2 and len(segments) > 1:
        segments.pop()
    return _OF_COLLECTION.get(segments[-2], 20404) if len(segments) > 1 else 20404
