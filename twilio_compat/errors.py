"""Every error this library raises, as a tree; the branch says whose fault it was.

::

    TwilioCompatError
    ├── ArgumentError              the call itself is malformed (also a ValueError); nothing was sent
    ├── ConfigurationError         a setting is missing or unusable; the text names it
    ├── PromiseCancelledError      the application called the call off
    ├── TokenError                 the access token was refused (401; codes 201xx)
    ├── TwilsockUpstreamError      the service understood the request and refused it: the caller's side must change
    │   ├── NotFoundError          404
    │   │   └── ClientNotFoundError  ... as Twilio's client itself finds: its message is the text
    │   ├── ForbiddenError         403
    │   ├── ConflictError          409
    │   └── LimitError             400 or 413: what was sent does not fit
    ├── BackendError               the service or the network failed; the same call may work later
    │   ├── RateLimitedError       429, code 20429
    │   ├── ServiceUnavailableError  500, 502, 503, or no connection
    │   ├── ServiceTimeoutError    no answer within the deadline
    │   └── InvalidResponseError   an answer that cannot be understood
    ├── TranslationGapError        Azure Communication Services has nothing that could carry this
    │   └── DirectModeError        ... without a connection string; with one it works
    └── ClosedError                the backend was closed before the call had ended

Twilio applications branch on ``error.status`` (the HTTP status), ``error.body["code"]`` (the Twilio code) and
``error.message`` (the reason phrase, such as ``"Conflict"``), so every error that answers a request has all
three. ``str(error)`` is the longer text, meant for a log. Any other error has ``error.message`` too: its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

__all__ = [
    "AnswerError",
    "ArgumentError",
    "BackendError",
    "ClientNotFoundError",
    "ClosedError",
    "ConfigurationError",
    "ConflictError",
    "DirectModeError",
    "ForbiddenError",
    "InvalidResponseError",
    "LimitError",
    "MaxListenersExceededWarning",
    "NotFoundError",
    "PromiseCancelledError",
    "RateLimitedError",
    "ServiceTimeoutError",
    "ServiceUnavailableError",
    "TokenError",
    "TranslationGapError",
    "TwilioCompatError",
    "TwilsockUpstreamError",
    "UnsentMessageWarning",
]


_REASONS: Mapping[int, str] = {each.value: each.phrase for each in HTTPStatus}


class TwilioCompatError(Exception):
    """Base of everything raised here; catch it to catch all of it."""

    @property
    def message(self) -> str:
        """The text, by the name that an ``Error`` of JavaScript has for it."""
        return str(self)


class ArgumentError(TwilioCompatError, ValueError):
    """An argument does not fit. The text is the one Twilio's client uses."""


class ConfigurationError(TwilioCompatError):
    """A setting is missing or unusable; the text names it and says what to set."""


class PromiseCancelledError(TwilioCompatError):
    """The application called the call off. The text is the one Twilio's client uses."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("Promise was cancelled")


class AnswerError(TwilioCompatError):
    """An error that stands for an HTTP answer, in the form Twilio's client gives it."""

    default_status: ClassVar[int] = 500
    default_code: ClassVar[int | None] = None

    def __init__(self, detail: str, *, code: int | None = None, status: int | None = None) -> None:
        """Keep *detail* (the body's ``message``), the Twilio *code* and the HTTP *status*."""
        self.detail = detail
        self.status = status if status is not None else self.default_status
        """HTTP status."""
        self.code = code if code is not None else self.default_code
        """Twilio's error code, or None where Twilio has none."""
        super().__init__(f"{detail} (HTTP {self.status}{f', Twilio code {self.code}' if self.code else ''})")

    @property
    def message(self) -> str:
        """The reason phrase of the status, which is what Twilio's client puts into ``error.message``."""
        return _REASONS.get(self.status, str(self.status))

    @property
    def body(self) -> Mapping[str, object]:
        """The JSON body Twilio's client shows: ``status``, ``code`` and ``message``."""
        return {"status": self.status, "code": self.code, "message": self.detail}


class TokenError(AnswerError):
    """The access token is malformed, expired, foreign, revoked or lacks a grant."""

    default_status = 401
    default_code = 20101


class TwilsockUpstreamError(AnswerError):
    """The service understood the request and refused it. Named as in Twilio's client."""

    default_status = 400


class NotFoundError(TwilsockUpstreamError):
    """What the call names does not exist."""

    default_status = 404


class ClientNotFoundError(NotFoundError):
    """It does not exist, and at Twilio it is the client that says so: ``message`` is the text, no reason phrase."""

    @property
    def message(self) -> str:
        """The text, as Twilio's client words it."""
        return self.detail


class ForbiddenError(TwilsockUpstreamError):
    """The acting user may not do this."""

    default_status = 403


class ConflictError(TwilsockUpstreamError):
    """It exists already."""

    default_status = 409


class LimitError(TwilsockUpstreamError):
    """What was sent does not fit; the text names the limit and whose it is."""


class BackendError(AnswerError):
    """The service or the network failed. Nothing is wrong with the call; it may work later."""


class RateLimitedError(BackendError):
    """Too many requests, after waiting as long as the settings allow."""

    default_status = 429
    default_code = 20429


class ServiceUnavailableError(BackendError):
    """The service answered 5xx or could not be reached."""

    default_status = 503
    default_code = 20503


class ServiceTimeoutError(BackendError):
    """No answer within the deadline."""

    default_status = 504
    default_code = 20503


class InvalidResponseError(BackendError):
    """The service answered something that cannot be understood."""

    default_status = 502
    default_code = 20500


class TranslationGapError(TwilioCompatError):
    """Azure Communication Services has nothing that could carry this; the text says what to do instead."""


class DirectModeError(TranslationGapError):
    """Needs the connection string: with a bare ACS user token there is no steward and no store."""


class MaxListenersExceededWarning(ResourceWarning):
    """An event has more listeners than it is meant to; named as in Node. ``setMaxListeners`` says how many."""


class ClosedError(TwilioCompatError):
    """The backend was closed before the call had ended, or before it began; it takes a new one."""


class UnsentMessageWarning(ResourceWarning):
    """A message builder was dropped without ``.build().send()``: as at Twilio, nothing was sent."""
