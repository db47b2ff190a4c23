"""Doing alone what only one process should do at a time, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from twilio_compat.account import Leases
from twilio_compat.errors import ConflictError, TwilioCompatError

HELD: Final = 60.0
"""Seconds for which a lease is held; it is renewed three times as often."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def leased(
    leases: Leases,
    name: str,
    *,
    busy: str,
    sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Hold the lease *name* in a block. `ConflictError`, whose text is *busy*: another process has it, or has got it since."""
    holder = uuid4().hex
    try:
        if not await leases.hold(name, holder, seconds=HELD):
            raise ConflictError(busy)
        async with _kept(leases, name, holder, busy, sleep):
            yield
    finally:
        await leases.release(name, holder)


@asynccontextmanager
async def _kept(
    leases: Leases, name: str, holder: str, busy: str, sleep: Callable[[float], Coroutine[None, None, None]]
) -> AsyncIterator[None]:
    """Renew a lease as long as the block runs, and call that off once somebody else has the lease."""
    keeper = asyncio.create_task(_keep(leases, name, holder, sleep))
    block = asyncio.current_task()
    assert block is not None
    keeper.add_done_callback(lambda done: None if done.cancelled() else block.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if keeper.done() and block.uncancel() == 0:
            raise ConflictError(busy) from None
        raise
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def _keep(
    leases: Leases, name: str, holder: str, sleep: Callable[[float], Coroutine[None, None, None]]
) -> None:
    """Return when somebody else has it."""
    is_ours = True
    while is_ours:
        await sleep(HELD / 3)
        try:
            is_ours = await leases.hold(name, holder, seconds=HELD)
        except TwilioCompatError as error:
            _log.warning("The lease %s could not be renewed: %s", name, error)
