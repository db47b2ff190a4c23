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
A call that the service refuses once it has had its effect is one of those if it is a `removal`.
`Retries.once` repeats only what had no effect, and turns the ambiguous kind into `OutcomeUnknown`, so that the
caller finds out what happened before it tries again.

The pause grows exponentially from a quarter of a second and is drawn at random from its upper half, so that many
callers do not come back together. When the next pause would end after the deadline, the last error is raised.

While an attempt runs, `current_attempt` tells those who do its work how long it may take. They may wait for a turn
without its own time running out (`Attempt.paused`). Whoever calls `once` may have such waits, and those between two
attempts, enclosed in a context of their own (*aside*): in all of them the call has certainly had no effect so far.
"""

from __future__ import annotations

import asyncio
import email.utils
import math
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from types import TracebackType
from typing import ParamSpec, Self, TypeAlias, TypeVar

import aiohttp
from azure.core.exceptions import (
    DecodeError,
    DeserializationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)

P = ParamSpec("P")
T = TypeVar("T")

Aside: TypeAlias = Callable[[], AbstractContextManager[None]]

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


class Attempt:
    """One attempt of a call, while it runs: a time limit, and what there is to know for those who do the work."""

    def __init__(
        self, until: float, seconds: Callable[[], float], *, is_background: bool, aside: Aside = nullcontext
    ) -> None:
        """The whole call must have ended at *until*; this attempt may take as long as *seconds* says."""
        self.until = until
        self.is_background = is_background
        """Whether nobody waits for the call."""
        self._seconds = seconds
        self._aside = aside
        self._timeout = asyncio.timeout(seconds())
        self._pauses = 0
        self._token: Token[Attempt | None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or its time has."""
        return self._token is None or self._timeout.expired()

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._timeout.__aenter__()
        self._token = _current.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; `TimeoutError` where the time was over."""
        assert self._token is not None
        _current.reset(self._token)
        self._token = None
        await self._timeout.__aexit__(kind, error, trace)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the time of the enclosed wait not count; afterwards the attempt has its full time again."""
        self._pauses += 1
        self._timeout.reschedule(None)
        try:
            with self._aside():
                yield
        finally:
            self._pauses -= 1
            if not self._pauses and not self.is_over:
                self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds())


_current: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


def current_attempt() -> Attempt | None:
    """Return the attempt that the running code is part of, if there is one and it is not over."""
    attempt = _current.get()
    return None if attempt is None or attempt.is_over else attempt


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

    def until(self, *, at_most: float = math.inf) -> float:
        """Return when a call that starts now must have ended: after the deadline, or after *at_most* seconds.

        It may be handed to several calls that share one deadline.
        """
        return self._clock() + min(self._deadline, at_most)

    def expired(self, until: float) -> bool:
        """Say whether the moment *until* has passed."""
        return self._clock() >= until

    async def pause(self, attempt: int, until: float) -> bool:
        """Wait before attempt number *attempt* + 1; False, without waiting, if that is not before *until*."""
        return await self._wait(self._backoff(attempt), until)

    async def idempotent(self, call: Callable[[], Awaitable[T]], *, until: float | None = None) -> T:
        """Run *call* until it succeeds, is refused or *until* passes; then its last error is raised."""
        return await self._repeat(call, self.until() if until is None else until, may_repeat=is_transient)

    async def once(
        self, call: Callable[[], Awaitable[T]], *, until: float | None = None, aside: Aside = nullcontext
    ) -> T:
        """Run *call* so that it has its effect at most once; `OutcomeUnknown` where it may or may not have had it.

        Waits without effect are enclosed in *aside*.
        """
        until = self.until() if until is None else until
        try:
            return await self._repeat(call, until, may_repeat=had_no_effect, aside=aside)
        except Exception as error:
            if not _is_clear(error):
                raise OutcomeUnknown(error) from error
            raise

    async def _repeat(
        self,
        call: Callable[[], Awaitable[T]],
        until: float,
        *,
        may_repeat: Callable[[Exception], bool],
        aside: Aside = nullcontext,
    ) -> T:
        attempt = 0
        while True:
            try:
                async with self._attempt(until, aside=aside):
                    return await call()
            except Exception as error:
                if not may_repeat(error):
                    raise
                pause = _retry_after(error)
                with aside():
                    if not await self._wait(self._backoff(attempt) if pause is None else pause, until):
                        raise
            attempt += 1

    def _attempt(self, until: float, *, is_background: bool = False, aside: Aside = nullcontext) -> Attempt:
        def seconds() -> float:
            return max(0.0, min(self._attempt_timeout, until - self._clock()))

        return Attempt(until, seconds, is_background=is_background, aside=aside)

    def _backoff(self, attempt: int) -> float:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 10))
        return longest * (0.5 + 0.5 * self._chance())

    async def _wait(self, pause: float, until: float) -> bool:
        if self._clock() + pause >= until:
            return False
        await self._sleep(pause)
        return True


class OneAttempt(Retries):
    """Runs each call once, in the background; for whoever comes back by themselves."""

    async def idempotent(self, call: Callable[[], Awaitable[T]], *, until: float | None = None) -> T:
        """Run *call* within the time for one attempt."""
        async with self._attempt(self._clock() + self._attempt_timeout, is_background=True):
            return await call()


def removal(
    call: Callable[P, Awaitable[None]], *, gone: Collection[int] = frozenset({404})
) -> Callable[P, Awaitable[None]]:
    """Return *call*, which takes something away, such that it may be repeated.

    Once it may have had its effect, a refusal with a status in *gone* says that it had.
    """
    is_unclear = False

    async def attempt(*args: P.args, **kwargs: P.kwargs) -> None:
        nonlocal is_unclear
        try:
            await call(*args, **kwargs)
        except BaseException as error:
            if is_unclear and isinstance(error, HttpResponseError) and error.status_code in gone:
                return
            is_unclear = is_unclear or not (isinstance(error, Exception) and _is_clear(error))
            raise

    return attempt


def _is_clear(error: Exception) -> bool:
    """Say whether a call that ended with *error* certainly changed nothing."""
    return had_no_effect(error) or not is_transient(error)


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
    response = getattr(error, "response", None)
    return None if response is None else retry_after(response.headers)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the pause in seconds that an answer asks for, given as seconds or as a date; None if it does not."""
    value = headers.get("Retry-After")
    if not value:
        return None
    return float(value) if value.strip().isdecimal() else _seconds_until(value)


def _seconds_until(http_date: str) -> float | None:
    try:
        then = email.utils.parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return max(0.0, (then.astimezone(UTC) - datetime.now(UTC)).total_seconds())
