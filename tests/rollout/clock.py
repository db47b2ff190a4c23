"""A time that stands still until a test moves it, as monotonic seconds and as a time of day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

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
