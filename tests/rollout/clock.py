"""A time that stands still until a test moves it, as monotonic seconds and as a time of day."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    """Tells the time. Who sleeps moves it on, so nobody waits."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.seconds)

    def move(self, seconds: float) -> None:
        self.seconds += seconds

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)
        await asyncio.sleep(0)


async def turns(count: int = 20) -> None:
    """Let what was begun on the event loop go on."""
    for _ in range(count):
        await asyncio.sleep(0)


class VirtualTime(Clock):
    """Moves on by itself, to when the next sleeper wakes, once nobody has anything to do before that."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, self._count, woken))
        await woken

    async def run(self, until: asyncio.Future[Any]) -> None:
        """Let time pass until something is done."""
        while not until.done():
            await turns(30)
            if self._sleepers and not until.done():
                self.seconds, _, woken = heapq.heappop(self._sleepers)
                if not woken.done():
                    woken.set_result(None)
        await until


class SteppedTime(VirtualTime):
    """Moves on when a test says so, and who sleeps until then wakes."""

    def move(self, seconds: float) -> None:
        super().move(seconds)
        while self._sleepers and self._sleepers[0][0] <= self.seconds:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
