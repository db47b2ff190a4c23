"""Whether this process is the only one that sends.

Several processes may share one store. Each that sends holds a lease: a row with a time until which it may have
sends in flight, moved on long before it ends. A process starts a send only while its lease covers the longest that
send can take, so a lease that has ended belongs to nobody who is still sending. It is renewed a quarter of a
`deadline` after it was taken, so what a process that dies leaves behind ends soon: the others send at full cost for
two deadlines and a quarter at the most.

A process must also notice another that came and went while it was not looking. So leases that have ended stay for
a day, and `epoch` counts: it grows whenever the set of other leases differs from the last look, whenever one of them
has ended since, and whenever this process let its own lease end. What was concluded in one epoch does not hold in the
next: what another process sent last may have been left unrecorded.

A process that takes a lease while another runs waits before its first send, until the other must have noticed
(`acs_backend.ledger.foresight` says why).

Clocks of different machines may differ by up to one `deadline` without harm.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.ledger.foresight import NOTICE
from acs_backend.store import writers
from acs_backend.store.database import Database
from twilio_compat.errors import ClosedError

DAY_MS = 24 * 3600 * 1000


class WriterLease:
    """One process's lease. *deadline* is the longest a send can take, in seconds; *clock* gives epoch seconds."""

    def __init__(
        self,
        database: Database,
        *,
        deadline: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Coroutine[None, None, None]],
    ) -> None:
        """Hold nothing yet."""
        self._database = database
        self._deadline_ms = int(deadline * 1000)
        self._clock = clock
        self._sleep = sleep
        self._renewing = asyncio.Lock()
        self._writer = uuid.uuid4().hex
        self._until = 0
        self._released = False
        self._others: frozenset[tuple[str, int]] = frozenset()
        self._running: frozenset[tuple[str, int]] = frozenset()
        self.epoch = 0
        """Number of the period since which nothing changed among the writers; 0 before the first look."""

    async def hold(self) -> int:
        """Make sure that the lease covers a send that starts now; return the epoch. `ClosedError` after `release`."""
        if not self._covers_a_send():
            async with self._renewing:
                if self._released:
                    raise ClosedError("The backend was closed; open another one")
                if not self._covers_a_send():
                    await self._renew()
        return self.epoch

    async def alone(self, connection: AsyncConnection) -> bool:
        """Look at the other leases within a transaction; say whether none is running, and count the epoch."""
        self._look(await writers.all_but(connection, self._writer))
        return self.quiet

    @property
    def quiet(self) -> bool:
        """Whether no other lease was running at the last look."""
        return not self._running

    @property
    def seen(self) -> tuple[str, int]:
        """The name of this writer, and what the ends of the other leases added up to at the last look.

        A lease that is made, moved on or dropped changes the sum, by an amount in milliseconds that no other undoes.
        """
        return self._writer, sum(until for _, until in self._others)

    async def release(self) -> None:
        """Give the lease up for good, when no send is in flight any more."""
        async with self._renewing:
            self._released = True
            if self._until:
                async with self._database.write() as connection:
                    await writers.forget(connection, self._writer)
                self._until = 0

    async def _renew(self) -> None:
        now = self._now()
        until, is_new = now + (2 * self._deadline_ms + self._deadline_ms // 4), self._until < now
        async with self._database.write() as connection:
            await writers.hold(connection, self._writer, until)
            await writers.forget_ended(connection, now - DAY_MS)
            self._look(await writers.all_but(connection, self._writer))
        if is_new:
            self.epoch += 1
            if not self.quiet:
                await self._sleep(NOTICE)
        self._until = until

    def _covers_a_send(self) -> bool:
        return self._until - self._now() >= 2 * self._deadline_ms

    def _look(self, others: frozenset[tuple[str, int]]) -> None:
        now = self._now()
        running = frozenset(each for each in others if each[1] >= now)
        if (others, running) != (self._others, self._running):
            self._others, self._running = others, running
            self.epoch += 1

    def _now(self) -> int:
        return int(self._clock() * 1000)
