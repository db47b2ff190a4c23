"""Waiting for what other tasks do, by looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], Awaitable[bool]], *, within: float = 30.0) -> None:
    """Return once *holds* does. `TimeoutError` after *within* seconds."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110  # there is nothing to be told by
            await asyncio.sleep(0.02)
