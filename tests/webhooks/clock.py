"""Time that passes when the test says so, and pauses that are short."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from twilio_compat.webhooks.office import Tools

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds of the wall's clock that a test waits for what must come."""
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.elapsed + seconds, next(self._numbers), future))
        await future

    def advance(self, seconds: float) -> None:
        """Let time pass; whoever slept until then wakes up."""
        self.elapsed += seconds
        while self._sleepers and self._sleepers[0][0] <= self.elapsed:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    def tools(self, *, timeout: float = 5.0) -> Tools:
        return Tools(
            now=self.now, clock=self.monotonic, sleep=self.sleep, chance=lambda: 0.5, timeout=timeout
        )


def quick(speed: float, *, now: Callable[[], datetime], timeout: float = 5.0) -> Tools:
    """Return tools whose pauses are so many times as short as they should be; *now* is what it is."""

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / speed)

    return Tools(
        now=now,
        clock=lambda: time.monotonic() * speed,
        sleep=sleep,
        chance=lambda: 0.5,
        timeout=timeout,
    )


async def until(found: Callable[[], Awaitable[T | None]]) -> T:
    """Look until there is something, and return it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if result := await found():
                return result
            await asyncio.sleep(0.005)
