"""Waiting for what an application would render."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 30.0
"""Seconds after which something is not expected any more."""


async def until(condition: Callable[[], object]) -> None:
    """Let the application run until *condition* holds; `TimeoutError` where it does not."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("What the application waits for has not come")
        await asyncio.sleep(0.005)
