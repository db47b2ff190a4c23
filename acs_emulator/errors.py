"""Refusals: one exception with the status and code of the service, and the two bodies it is sent in.

The specification and the Identity service wrap an error in ``error``. The Chat service, as observed, wraps it in
``CommunicationError`` with capitalised names, or, where it says which fields are wrong, in ``communicationError``
with names that are not; the official SDKs parse neither. `envelope` makes each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acs_emulator.journal import Json
from acs_emulator.options import ErrorEnvelope


@dataclass(frozen=True, slots=True)
class Detail:
    """One of several reasons: what is wrong, and the field it is about."""

    message: str
    target: str


class AcsError(Exception):
    """A request that is refused, as the service refuses it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: tuple[Detail, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the HTTP status, the code and text of the body, its details and further response headers."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = dict(headers or {})


def envelope(error: AcsError, style: ErrorEnvelope) -> dict[str, Json]:
    """Build the body of an error response."""
    if style == "CommunicationError":
        return _observed_envelope(error)
    body: dict[str, Json] = {"code": error.code, "message": error.message}
    if error.details:
        body["target"] = error.details[0].target
        body["details"] = [
            {"code": error.code, "message": each.message, "target": each.target} for each in error.details
        ]
    return {"error": body}


def _observed_envelope(error: AcsError) -> dict[str, Json]:
    if not error.details:
        return {"CommunicationError": {"Code": error.code, "Message": error.message, "Details": []}}
    details: list[Json] = [{"message": each.message, "target": each.target} for each in error.details]
    return {"communicationError": {"code": error.code, "message": error.message, "details": details}}


def bad_request(message: str, target: str, *, code: str = "BadRequest") -> AcsError:
    """400: something in the request is malformed or too large; the target names the field."""
    return AcsError(400, code, message, details=(Detail(message, target),))


def unauthorized(message: str) -> AcsError:
    """401: the request proves no identity."""
    return AcsError(401, "Unauthorized", message)


def forbidden(message: str) -> AcsError:
    """403: the caller is known and may not do this."""
    return AcsError(403, "Forbidden", message)


def not_found(message: str) -> AcsError:
    """404: what the path names does not exist."""
    return AcsError(404, "NotFound", message)


def method_not_allowed(method: str, allowed: str) -> AcsError:
    """405: the path exists, and answers other methods."""
    message = f"{method} is not allowed here; allowed: {allowed}"
    return AcsError(405, "MethodNotAllowed", message, headers={"Allow": allowed})


def too_many_requests(retry_after: int | None) -> AcsError:
    """429: over a request rate; `retry_after` is in whole seconds and left out of the answer when None."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return AcsError(
        429, "TooManyRequests", "The request rate is over the limit of this operation", headers=headers
    )


def service_failure(status: int, retry_after: int | None) -> AcsError:
    """5xx: a failure that was asked for; `retry_after` as in `too_many_requests`."""
    code = {500: "InternalServerError", 503: "ServiceUnavailable"}.get(status, "ServerError")
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return AcsError(status, code, "The service fails on this request, as it was told to", headers=headers)


def internal_error() -> AcsError:
    """500: a fault of the emulator itself; its log has the cause."""
    return AcsError(500, "InternalServerError", "The emulator failed on this request; its log has the cause")
