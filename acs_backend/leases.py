"""Leases: which process does what only one should do at a time.

A lease runs until a time of whoever took it, so the clocks of the processes should agree to within what a lease lasts.
One that is not released, because its process died, ends by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from acs_backend.store import leases as table
from acs_backend.store.database import Database
from acs_backend.times import to_milliseconds


class Leases:
    """The port's leases."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        """Keep them in *database*; *clock* tells the time that they run by."""
        self._database = database
        self._clock = clock
        self._taken: set[tuple[str, str]] = set()
        """Names and holders of those that were taken here and not released."""

    async def hold(self, name: str, holder: str, *, seconds: float) -> bool:
        """Take or keep *name* for *holder* for that long from now; say whether nobody else has it.

        Who does not get it is told so without waiting for those who write.
        """
        async with self._database.read() as connection:
            if not await table.is_free(connection, name, holder, self._now()):
                return False
        async with self._database.write(durable=False) as connection:
            now = self._now()
            if not await table.is_free(connection, name, holder, now):
                return False
            await table.hold(connection, name, holder, now + int(seconds * 1000))
        self._taken.add((name, holder))
        return True

    async def release(self, name: str, holder: str) -> None:
        """Give it up, if *holder* has it."""
        async with self._database.write(durable=False) as connection:
            await table.release(connection, name, holder)
        self._taken.discard((name, holder))

    async def close(self) -> None:
        """Give up all that were taken here, so that others need not wait for their end. Safe to call twice."""
        while self._taken:
            await self.release(*self._taken.pop())

    def _now(self) -> int:
        return to_milliseconds(self._clock())
