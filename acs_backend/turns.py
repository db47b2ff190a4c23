"""Waiting for one's turn before a request is sent: the driver of `acs_backend.limits`.

A policy in the pipeline of each SDK client stands between the client and the network, so that no caller has to know
of rates. It finds the line of a request, waits for the turn, and sends. A turn that would come after the deadline of
the call is not waited for: the request is not sent, and the caller is told at once.

The wait does not count as time of the attempt (see `acs_backend.retries`); the request has its full time afterwards.
Who has other things to do says with `patience` how long to wait at most, whatever the deadline.

Asleep, the policy passes everything on; the first 429 wakes it. That is for an emulator on this machine, which counts
requests only if it was told to.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy

from acs_backend.connection_string import is_loopback
from acs_backend.limits import Line, Place
from acs_backend.quotas import QUOTAS, operation_of
from acs_backend.retries import current_attempt, retry_after
from twilio_compat.errors import RateLimitedError
from twilio_compat.settings import RateLimits

TIME_TO_ANSWER = 0.5
"""Seconds that are left to the answer when a turn comes last."""
SWEPT_AT = 1024
"""Lines that are kept before the idle ones are dropped."""

_Request = PipelineRequest[Any]  # the SDK's own requests are of two unrelated classes
_Response = PipelineResponse[Any, Any]


_patience: ContextVar[float] = ContextVar("patience", default=math.inf)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let no enclosed request wait longer than *seconds* for its turn; `RateLimitedError` where it would have to."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


class Turns:
    """The lines of one ACS resource. Times are in seconds; *clock* is monotonic."""

    def __init__(
        self,
        *,
        awake: bool,
        clock: Callable[[], float],
        sleep: Callable[[float], Coroutine[None, None, None]],
    ) -> None:
        """Start with empty lines; not *awake*, they are used from the first 429 on."""
        self.awake = awake
        """Whether requests stand in line."""
        self._clock = clock
        self._sleep = sleep
        self._lines: dict[tuple[str, str], Line] = {}
        self._sweep_at = SWEPT_AT

    def policy(self, user_id: str = "") -> TurnPolicy:
        """Return the policy for a client of one user; without one, for a client of the resource."""
        return TurnPolicy(self, user_id)

    def line(self, method: str, path: str, user_id: str) -> Line | None:
        """Return the line for a request; None where ACS documents no rate."""
        operation = operation_of(method, path)
        if operation is None:
            return None
        name, thread_id = operation
        quota = QUOTAS[name]
        key = (quota.requests, thread_id if quota.has_thread else user_id)
        if key not in self._lines:
            self._sweep()
            self._lines[key] = Line(quota)
        return self._lines[key]

    async def send(self, line: Line, user_id: str, send: Callable[[], Awaitable[_Response]]) -> _Response:
        """Wait for the turn, and send; again while ACS refuses it as too early. `RateLimitedError` without a turn."""
        attempt, moved, now = current_attempt(), asyncio.Event(), self._clock()
        latest = math.inf if attempt is None else attempt.until - TIME_TO_ANSWER
        place = Place(
            user=user_id,
            until=min(latest, now + _patience.get()),
            is_background=attempt is not None and attempt.is_background,
            moved=moved.set,
        )
        line.join(place, now)
        while True:
            await self._turn(line, place, moved)
            response = await self._under_way(line, place, send)
            if response.http_response.status_code != 429:
                return response

    async def _turn(self, line: Line, place: Place, moved: asyncio.Event) -> None:
        try:
            while place.turn > self._clock() or not line.start(place, self._clock()):
                await self._wait(line, place, moved)
        except BaseException:
            line.leave(place, self._clock())
            raise

    async def _wait(self, line: Line, place: Place, moved: asyncio.Event) -> None:
        attempt = current_attempt()
        if attempt is None:
            return await self._until_turn(line, place, moved)
        with attempt.paused():
            return await self._until_turn(line, place, moved)

    async def _until_turn(self, line: Line, place: Place, moved: asyncio.Event) -> None:
        while (pause := place.turn - self._clock()) > 0:
            if place.turn > place.until:
                raise _too_late(line, place, pause)
            moved.clear()
            tasks = [asyncio.ensure_future(self._sleep(pause)), asyncio.ensure_future(moved.wait())]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()

    async def _under_way(
        self, line: Line, place: Place, send: Callable[[], Awaitable[_Response]]
    ) -> _Response:
        try:
            response = await send()
        except BaseException:
            line.finish(place, self._clock())
            raise
        if response.http_response.status_code == 429:
            line.refuse(place, self._clock(), retry_after(response.http_response.headers))
        else:
            line.finish(place, self._clock())
        return response

    def _sweep(self) -> None:
        """Drop idle lines, now and then."""
        if len(self._lines) < self._sweep_at:
            return
        now = self._clock()
        self._lines = {key: line for key, line in self._lines.items() if not line.is_idle(now)}
        self._sweep_at = max(SWEPT_AT, 2 * len(self._lines))


class TurnPolicy(AsyncHTTPPolicy[Any, Any]):
    """Lets each request of one client wait for its turn."""

    def __init__(self, turns: Turns, user_id: str) -> None:
        """Stand in the lines of *turns*, as the user with this ACS id."""
        super().__init__()
        self._turns = turns
        self._user_id = user_id

    async def send(self, request: _Request) -> _Response:
        """Send, when it is time. `RateLimitedError` where that is after the deadline."""
        if not self._turns.awake:
            response = await self.next.send(request)
            if response.http_response.status_code != 429:
                return response
            self._turns.awake = True
        http_request = request.http_request
        line = self._turns.line(http_request.method, urlsplit(http_request.url).path, self._user_id)
        if line is None:
            return await self.next.send(request)
        return await self._turns.send(line, self._user_id, lambda: self.next.send(request))


def open_turns(
    rate_limits: RateLimits,
    endpoint: str,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], Coroutine[None, None, None]],
) -> Turns | None:
    """Return the lines that the setting asks for at *endpoint*; None where requests are to be sent at once."""
    if rate_limits == "off":
        return None
    awake = rate_limits == "on" or not is_loopback(urlsplit(endpoint).hostname or "")
    return Turns(awake=awake, clock=clock, sleep=sleep)


def _too_late(line: Line, place: Place, pause: float) -> RateLimitedError:
    rates = line.quota.words(None if place.limit is None else place.limit.scope)
    return RateLimitedError(
        f"Too Many Requests: ACS takes {rates}; the next turn comes in {math.ceil(pause)} s, too late for the deadline of "
        f"this call. The request was not sent; send fewer, or raise the setting deadline"
    )
