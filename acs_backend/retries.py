"""Repeating what may be repeated, until a deadline, and never what may not.

Theory of operation
-------------------
A failed call belongs to one of four kinds:

* **refused**: the service understood and said no (400, 401, 403, 404, 409, ...), or this machine refused its
  certificate. Final; raised at once.
* **throttled**: 429. It had no effect, so any call may be repeated, after ``Retry-After`` where there is one.
* **never sent**: no connection came about. It had no effect either.
* **ambiguous**: the request went out and no good answer came back: 408, 5xx, a lost connection, a timeout, an
  answer that cannot be read. It may have had its effect.

`Retries.idempotent` repeats all but refusals; for reads, and for writes that a second copy does not change.
`Retries.once` repeats only what had no effect, and turns the ambiguous kind into `OutcomeUnknown`, so that the
caller finds out what happened before it tries again.

The pause grows exponentially from a quarter of a second and is drawn at random from its upper half, so that many
callers do not come back together. When the next pause would end after the deadline, the last error is raised.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import aiohttp
from azure.core.exceptions import (
    DecodeError,
    DeserializationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)

T = TypeVar("T")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
FINAL_SERVER_ERRORS = frozenset({501, 505})
"""Server errors that say that the service will never do this."""


class OutcomeUnknown(Exception):  # noqa: N818  # it reports a state of knowledge rather than a fault
    """A call that must not be repeated blindly ended without telling whether it had its effect."""

    def __init__(self, cause: Exception) -> None:
        """Keep *cause*, the error it ended with."""
        super().__init__(f"it is unknown whether the call had its effect: {cause}")
        self.cause = cause


class Retries:
    """Runs calls with a limit on each attempt and a deadline on all of them. Times are in seconds."""

    def __init__(
        self,
        *,
        deadline: float,
        attempt_timeout: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Allow one call *deadline* in all and *attempt_timeout* per attempt; *chance* draws from [0, 1)."""
        self._deadline = deadline
        self._attempt_timeout = attempt_timeout
        self._clock = clock
        self._sleep = sleep
        self._chance = chance

    def until(self) -> float:
        """Return when a call that starts now must have ended; hand it to several calls that share one deadline."""
        return self._clock() + self._deadline

    def expired(self, until: float) -> bool:
        """Say whether the moment *until* has passed."""
        return self._clock() >= until

    async def pause(self, attempt: int, until: float) -> bool:
        """Wait before attempt number *attempt* + 1; False, without waiting, if that is not before *until*."""
        return await self._wait(self._backoff(attempt), until)

    async def idempotent(self, call: Callable[[], Awaitable[T]], *, until: float | None = None) -> T:
        """Run *call* until it succeeds, is refused or *until* passes; then its last error is raised."""
        return await self._repeat(call, self.until() if until is None else until, may_repeat=is_transient)

    async def once(self, call: Callable[[], Awaitable[T]], *, until: float | None = None) -> T:
        """Run *call* so that it has its effect at most once; `OutcomeUnknown` where it may or may not have had it."""
        try:
            return await self._repeat(
                call, self.until() if until is None else until, may_repeat=had_no_effect
            )
        except Exception as error:
            if is_transient(error) and not had_no_effect(error):
                raise OutcomeUnknown(error) from error
            raise

    async def _repeat(
        self, call: Callable[[], Awaitable[T]], until: float, *, may_repeat: Callable[[Exception], bool]
    ) -> T:
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(self._time_for_attempt(until)):
                    return await call()
            except Exception as error:
                pause = _retry_after(error)
                if not may_repeat(error) or not await self._wait(
                    self._backoff(attempt) if pause is None else pause, until
                ):
                    raise
            attempt += 1

    def _time_for_attempt(self, until: float) -> float:
        return max(0.0, min(self._attempt_timeout, until - self._clock()))

    def _backoff(self, attempt: int) -> float:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 10))
        return longest * (0.5 + 0.5 * self._chance())

    async def _wait(self, pause: float, until: float) -> bool:
        if self._clock() + pause >= until:
            return False
        await self._sleep(pause)
        return True


def had_no_effect(error: Exception) -> bool:
    """Say whether the call certainly changed nothing and may be repeated: throttled, or never sent."""
    if isinstance(error, HttpResponseError):
        return error.status_code == 429
    if isinstance(error, ServiceRequestTimeoutError):
        return True
    return _inner(error, aiohttp.ClientConnectorError) and not is_untrusted(error)


def is_transient(error: Exception) -> bool:
    """Say whether the same call may succeed later."""
    if is_untrusted(error):
        return False
    if isinstance(
        error, DecodeError | DeserializationError | TimeoutError | ServiceRequestError | ServiceResponseError
    ):
        return True
    return isinstance(error, HttpResponseError) and _may_pass(error.status_code or 0)


def is_untrusted(error: Exception) -> bool:
    """Say whether the service showed a certificate that this machine does not trust."""
    return _inner(error, aiohttp.ClientConnectorCertificateError)


def _inner(error: Exception, kind: type[Exception]) -> bool:
    return isinstance(error, ServiceRequestError) and isinstance(error.inner_exception, kind)


def _may_pass(status: int) -> bool:
    return status in (408, 429) or (status >= 500 and status not in FINAL_SERVER_ERRORS)


def _retry_after(error: Exception) -> float | None:
    """Return the pause in seconds that the service asked for, given as seconds or as a date; None if it did not."""
    response = getattr(error, "response", None)
    value = response.headers.get("Retry-After") if response is not None else None
    if not value:
        return None
    return float(value) if value.strip().isdecimal() else _seconds_until(value)


def _seconds_until(http_date: str) -> float | None:
    try:
        then = email.utils.parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return max(0.0, (then.astimezone(UTC) - datetime.now(UTC)).total_seconds())
