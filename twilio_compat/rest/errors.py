"""From the port's errors to Twilio's answers, in one table.

An answer is ``{"code", "message", "more_info", "status"}`` and nothing else: twilio-python makes a
`TwilioRestException` of that, and another exception of what has a ``type`` and a ``title`` too.

================================  =============================================================================
what the path names is not there  404, code 20404, ``The requested resource /Conversations/CH... was not found``
any other refusal                 its code, with that code's status (`twilio_compat.rest.error_codes`), its text
`TranslationGapError`             400, code 20422: it cannot work at a later time, so nobody should repeat it
`BackendError`                    its status: 429 with code 20429, 500 to 504 with 20500 or 20503
`ClosedError`                     503, code 20503
anything else                     500, code 20500, and a traceback in the log: a bug of this library
================================  =============================================================================

`ConfigurationError` is not in it: who has not said where ACS is, is told so as such (`twilio_compat.rest.app`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import (
    AnswerError,
    ArgumentError,
    BackendError,
    ClosedError,
    ForbiddenError,
    NotFoundError,
    TranslationGapError,
)
from twilio_compat.records import JSONObject
from twilio_compat.rest.error_codes import CODES, text_of

MORE_INFO: Final = "https://www.twilio.com/docs/errors/"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is answered in place of what was asked for."""

    code: int
    message: str
    status: int

    def body(self) -> JSONObject:
        """Return the body of the answer."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"{MORE_INFO}{self.code}",
            "status": self.status,
        }


_NAMED_IN_PATH: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        50050: ("/Services/{",),
        50100: ("/Roles/{",),
        50200: ("/Users/{",),
        50350: ("/Conversations/{",),
        50360: ("/Webhooks/{",),
        50430: ("/Conversations/{",),
        50432: ("/Participants/{", "/Users/{UserSid}/Conversations/{"),
        50500: ("/Messages/{",),
        50507: ("/Media/{",),
    }
)
"""Of what a code says that it is not there, and where a path names that; in another place a parameter did."""

_BY_STATUS: Final[Mapping[int, int]] = MappingProxyType(
    {401: 20003, 403: 20003, 404: 20404, 409: 20409, 429: 20429, 503: 20503, 504: 20503}
)
"""Codes for errors that come without one."""


def problem_of(error: Exception, *, template: str, path: str) -> Problem:
    """Return what *error*, raised by the operation at *template*, is to the caller, who asked for *path*."""
    match error:
        case NotFoundError() | ForbiddenError() if _is_of_path(error, template):
            return not_found(path)
        case BackendError():
            return Problem(error.code or 20500, error.detail, error.status)
        case AnswerError():
            return _refusal(error)
        case ArgumentError():
            return Problem(20422, text_of(20422, str(error)), 400)
        case TranslationGapError():
            return Problem(20422, text_of(20422, str(error)), 400)
        case ClosedError():
            return Problem(20503, text_of(20503, str(error)), 503)
    return Problem(20500, text_of(20500), 500)


def not_found(path: str) -> Problem:
    """Return the answer where there is nothing at *path*, which begins after the version."""
    return Problem(20404, f"The requested resource {path} was not found", 404)


def not_allowed() -> Problem:
    """Return the answer where a path has no such method."""
    return Problem(20004, text_of(20004), 405)


def unauthorized() -> Problem:
    """Return the answer for whoever does not say who they are."""
    return Problem(20003, "Authenticate", 401)


def is_foreseen(error: Exception) -> bool:
    """Whether *error* is one that the port can raise, and no bug."""
    return isinstance(error, AnswerError | ArgumentError | TranslationGapError | ClosedError)


def _refusal(error: AnswerError) -> Problem:
    if error.code is None:
        return Problem(_BY_STATUS.get(error.status, 20422), error.detail, error.status)
    known = CODES.get(error.code)
    return Problem(error.code, error.detail, known.status if known else error.status)


def _is_of_path(error: NotFoundError | ForbiddenError, template: str) -> bool:
    if error.code is None or error.code == 20404:
        return isinstance(error, NotFoundError)
    return any(place in template for place in _NAMED_IN_PATH.get(error.code, ()))
