"""One reader of the store's change feed for all subscriptions of a backend.

Theory of operation
-------------------
The ids of changes ascend in the order of their commits (`acs_backend.store.changes`), so a position in the feed is a
single number, and to go on is to read what lies above it. While anybody subscribes, one task does so whenever the
store gives a signal, and keeps the newest changes in a window in memory. An idle store costs nothing on PostgreSQL,
and twenty looks a second at one number on SQLite, whatever the number of subscriptions.

A subscription has a position of its own. It takes it before it looks at the state of things, so that nothing falls
between the two; what lies above it may be in that state already, and is told again. From then on it asks for what
came `since`, and moves its position as it tells. Those who follow a thread that changed are woken; the others move
on when they look next. The window answers, unless a subscription has slept for longer than it reaches back: then the
store does. If that, too, has dropped what comes next, `ForgottenChangesError` says so, and the subscription begins
anew.

The reader listens before it reads, at the start and after each interruption, so that it misses nothing. While it
cannot read, `since` raises what keeps it from doing so; but not before it has tried once more, since a connection
may just have been closed. It tries again after pauses that grow.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager

from acs_backend.event_sources.hub import Hub
from acs_backend.store import changes
from acs_backend.store.changes import Change, ForgottenChangesError
from acs_backend.store.database import Database
from acs_backend.store.signals import Signals
from twilio_compat.errors import TwilioCompatError

WINDOW = 1000
"""Changes kept in memory."""
BATCH = 500
"""Changes read at once."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
"""Seconds to wait after a failure: doubled each time, up to the longest."""


class ChangeFeed:
    """The newest changes of the store, for those who subscribe."""

    def __init__(
        self, database: Database, hub: Hub, *, sleep: Callable[[float], Coroutine[None, None, None]]
    ) -> None:
        """Read from *database* and wake the subscriptions in *hub*."""
        self._database = database
        self._hub = hub
        self._sleep = sleep
        self._openings = 0
        self._reader: asyncio.Task[None] | None = None
        self._window: list[Change] = []
        self._begin: int | None = None
        """Position from which on the window has everything; None while nothing was read."""
        self._failures = 0
        self._trouble: TwilioCompatError | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Have the feed read while the block runs; blocks may overlap, and share a reader."""
        self._openings += 1
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        try:
            yield
        finally:
            self._openings -= 1
            if not self._openings:
                await self._stop()

    async def position(self) -> int:
        """Return where the feed stands now. `ServiceUnavailableError` where the store fails."""
        async with self._database.read() as connection:
            return await changes.newest(connection)

    async def since(self, position: int) -> Sequence[Change]:
        """Return what came after *position*, in order; perhaps not all of it, but nothing only if there is nothing.

        Raises what keeps the reader from reading; `ForgottenChangesError` for a position too long ago.
        """
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
        if self._reader is not None and self._reader.done():
            self._reader.result()
        if self._begin is None or position >= self.end:
            return []
        if position < self._begin:
            async with self._database.read() as connection:
                return await changes.after(connection, position, limit=BATCH)
        return self._window[bisect_right(self._window, position, key=_id) :]

    @property
    def end(self) -> int:
        """The position up to which the feed was read."""
        return self._window[-1].change_id if self._window else self._begin or 0

    async def _stop(self) -> None:
        reader, self._reader = self._reader, None
        assert reader is not None
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        if self._reader is None:
            self._window, self._begin = [], None
            self._failures, self._trouble = 0, None

    async def _read(self) -> None:
        while True:
            try:
                async with self._database.signals() as signals:
                    await self._follow(signals)
            except TwilioCompatError as error:
                await self._pause(error)

    async def _follow(self, signals: Signals) -> None:
        while True:
            await self._catch_up()
            self._failures = 0
            if self._trouble is not None:
                self._trouble = None
                self._hub.nudge_all()
            await signals.wait()

    async def _pause(self, error: TwilioCompatError) -> None:
        if self._failures:
            self._trouble = error
            self._hub.hear_all()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 10))
        self._failures += 1
        await self._sleep(pause)

    async def _catch_up(self) -> None:
        """Read up to the end."""
        if self._begin is None:
            self._begin = await self.position()
            self._hub.hear_all()
        while batch := await self._next():
            self._window += batch
            if len(self._window) > WINDOW:
                self._begin = self._window[-WINDOW - 1].change_id
                del self._window[:-WINDOW]
            for change in batch:
                self._hub.changed(change)

    async def _next(self) -> Sequence[Change]:
        try:
            async with self._database.read() as connection:
                return await changes.after(connection, self.end, limit=BATCH)
        except ForgottenChangesError:
            self._window, self._begin = [], await self.position()
            self._hub.hear_all()
            return []


def _id(change: Change) -> int:
    return change.change_id
