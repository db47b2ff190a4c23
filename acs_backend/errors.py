"""One table from what ACS, Azure Storage and the network answer to the errors of the port.

A status alone does not say what went wrong: 404 may be a conversation or a message. So each call names its
`Subject`, and the table gives Twilio's code and text for the pair. Texts are the ones Twilio's service sends where
applications are known to compare them. Only the status code is looked at, never Azure's error body: the live
service uses another envelope than its specification, which the SDK cannot read.

========  ===========================================================================
400       `TwilsockUpstreamError`, with what ACS said about it
401       `TokenError`; `ConfigurationError` where the deployment's own key was refused
403, 404  by subject, see ``_REFUSALS``
408, 504  `ServiceTimeoutError`, as when nothing was answered in time
409       `ConflictError`
413       `LimitError`
429       `RateLimitedError`
5xx       `ServiceUnavailableError`, as when there was no connection
others    `InvalidResponseError`, as for answers that cannot be read
========  ===========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto

from azure.core.exceptions import (
    AzureError,
    DecodeError,
    DeserializationError,
    HttpResponseError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from acs_backend.retries import OutcomeUnknown, is_untrusted
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
    TokenError,
    TwilioCompatError,
    TwilsockUpstreamError,
)


class Subject(Enum):
    """What a call was about."""

    CONVERSATION = auto()
    """A conversation, or the actor's membership of it."""
    PARTICIPANT = auto()
    """Another member of a conversation."""
    MESSAGE = auto()
    """One message."""
    USER = auto()
    """A user of the deployment."""
    TOKEN = auto()
    """A token that somebody presented to sign in."""
    MEDIA = auto()
    """A file in the storage account."""
    ACCESS_KEY = auto()
    """A call made with the deployment's own access key: creating users, issuing tokens."""


_Refusal = tuple[type[AnswerError], int, str]

_NOT_A_MEMBER: _Refusal = (ForbiddenError, 50430, "Participant is not a member of conversation")
_UNAUTHORIZED: _Refusal = (ForbiddenError, 50107, "User unauthorized for command")

_REFUSALS: Mapping[tuple[Subject, int], _Refusal] = {
    (Subject.CONVERSATION, 403): _NOT_A_MEMBER,
    (Subject.PARTICIPANT, 403): _NOT_A_MEMBER,
    (Subject.MESSAGE, 403): _UNAUTHORIZED,
    (Subject.USER, 403): _UNAUTHORIZED,
    (Subject.TOKEN, 403): (TokenError, 20106, "Invalid Access Token grants: ACS refused it the chat scope"),
    (Subject.CONVERSATION, 404): (NotFoundError, 50350, "Conversation not found"),
    (Subject.PARTICIPANT, 404): (NotFoundError, 50432, "Participant not found"),
    (Subject.MESSAGE, 404): (NotFoundError, 50500, "Message not found"),
    (Subject.USER, 404): (NotFoundError, 50200, "User not found"),
    (Subject.ACCESS_KEY, 404): (NotFoundError, 50200, "User not found"),
    (Subject.MEDIA, 404): (NotFoundError, 50507, "Media not found"),
    (Subject.MEDIA, 413): (LimitError, 50512, "Message media size is too large"),
}

_BY_STATUS: Mapping[int, _Refusal] = {
    401: (TokenError, 20101, "Invalid Access Token: ACS refused it"),
    403: (ForbiddenError, 20003, "Permission Denied"),
    404: (NotFoundError, 20404, "Not Found"),
    408: (ServiceTimeoutError, 20503, "The service gave up waiting for the request"),
    409: (ConflictError, 20409, "Conflict"),
    413: (LimitError, 20422, "What was sent is larger than the service takes"),
    429: (RateLimitedError, 20429, "Too Many Requests"),
    504: (ServiceTimeoutError, 20503, "No answer within the deadline"),
}

_KEY_SETTINGS: Mapping[Subject, str] = {
    Subject.ACCESS_KEY: "COMMUNICATION_SERVICES_CONNECTION_STRING",
    Subject.MEDIA: "AZURE_STORAGE_CONNECTION_STRING",
}


def translate(error: Exception, subject: Subject) -> TwilioCompatError:
    """Return what *error*, raised by a call about *subject*, is to a face. A port error is returned as it is."""
    if isinstance(error, TwilioCompatError):
        return error
    if isinstance(error, OutcomeUnknown):
        return _unknown(translate(error.cause, subject))
    if isinstance(error, DecodeError | DeserializationError):
        return InvalidResponseError(f"The service answered something that cannot be read: {_brief(error)}")
    if isinstance(error, HttpResponseError) and error.status_code:
        return _refused(error, error.status_code, subject)
    if isinstance(error, TimeoutError | ServiceRequestTimeoutError | ServiceResponseTimeoutError):
        return ServiceTimeoutError("No answer within the deadline")
    if is_untrusted(error):
        return ConfigurationError(
            f"The certificate of the service is not trusted; SSL_CERT_FILE, set before the start of the program, names a "
            f"file of those that are: {_brief(error)}"
        )
    return ServiceUnavailableError(f"The service could not be reached: {_brief(error)}")


@contextmanager
def translated(subject: Subject) -> Iterator[None]:
    """Raise what the enclosed calls raise as errors of the port; bugs and cancellation pass through."""
    try:
        yield
    except (AzureError, DeserializationError, OutcomeUnknown, TimeoutError) as error:
        raise translate(error, subject) from error


def _refused(error: HttpResponseError, status: int, subject: Subject) -> TwilioCompatError:
    if status in (401, 403) and subject in _KEY_SETTINGS:
        return ConfigurationError(
            f"The service refused the access key in {_KEY_SETTINGS[subject]} (HTTP {status})"
        )
    if refusal := _REFUSALS.get((subject, status)) or _BY_STATUS.get(status):
        kind, code, text = refusal
        return kind(text, code=code, status=status)
    if 400 <= status < 500:
        return TwilsockUpstreamError(f"ACS refused the request: {_said(error)}", code=20422, status=status)
    if status >= 500:
        return ServiceUnavailableError(f"The service answered {status}", status=status)
    return InvalidResponseError(f"The service answered {status}, which this call never expects")


def _unknown(error: TwilioCompatError) -> TwilioCompatError:
    """Return *error* for a call that may have had its effect. Of a 429 everybody believes that it had none."""
    if isinstance(error, RateLimitedError):
        return ServiceTimeoutError(f"{error.detail}; whether the call had its effect is unknown")
    if not isinstance(error, AnswerError):
        return error
    kind = type(error)
    return kind(
        f"{error.detail}; whether the call had its effect is unknown", code=error.code, status=error.status
    )


def _said(error: HttpResponseError) -> str:
    """Return what the answer says, as far as it can be read, on one line."""
    text = error.response.text() if error.response is not None else str(error.message)
    return " ".join(text.split())[:500] or "without a reason"


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
