"""How a process learns that there may be something new in the change feed.

A signal says only that it is time to read, so one too many does no harm, and several may come as one.

* What this process committed itself wakes it at once.
* PostgreSQL notifies those who listen when a transaction that added a change is committed. That needs a connection
  of its own, on which something is asked now and then: a connection whose other end went away says nothing.
  A pooler between must leave the connection to this process (PgBouncer: pool mode ``session``).
* SQLite has no way to tell another process anything. But it keeps a number that moves with each commit of another
  connection, and to look at it, and then at the newest change, takes a few microseconds.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from acs_backend.store import sqlite
from acs_backend.store.changes import SCHEMA, channel
from acs_backend.store.forks import GATE

LOOK = 0.05
"""Seconds between two looks at the number of a SQLite file."""
HEARTBEAT = 15.0
"""Seconds of silence after which PostgreSQL is asked whether it is still there; and how long it may take to answer."""


class Signals(Protocol):
    """Signs that the feed may have grown."""

    def wake(self) -> None:
        """Give one."""

    async def wait(self) -> None:
        """Wait for one. `ConnectionError` or SQLAlchemy's errors where there can be no more."""


@asynccontextmanager
async def from_file(path: str | None) -> AsyncIterator[Signals]:
    """Open the signals of a SQLite file; None for a database in memory, which no other process can write to."""
    if path is None:
        yield _Memory()
        return
    async with GATE.transaction():
        connection = await sqlite.connect(path, make=False)
    try:
        yield _File(connection)
    finally:
        await connection.close()


@asynccontextmanager
async def from_postgresql(engine: AsyncEngine) -> AsyncIterator[Signals]:
    """Open the signals of a PostgreSQL database, on a connection that is none of the pool's any more."""
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        signals = _PostgreSQL(connection, channel(engine.get_execution_options().get(SCHEMA)))
        await signals.listen()
        await connection.run_sync(lambda each: each.detach())
        yield signals


class _Memory:
    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def wait(self) -> None:
        await self._woken.wait()
        self._woken.clear()


class _File(_Memory):
    """Looks from a timer of the loop: to wake a task for each look would take ten times as long as the look."""

    def __init__(self, connection: sqlite.Connection) -> None:
        super().__init__()
        self._connection = connection
        self._version = self._newest = -1
        self._has_grown()
        self._timer: asyncio.TimerHandle | None = None
        self._trouble: sqlite3.Error | None = None

    async def wait(self) -> None:
        self._look()
        try:
            await super().wait()
        finally:
            if self._timer is not None:
                self._timer.cancel()
        if self._trouble is not None:
            raise self._trouble
        self._has_grown()

    def _look(self) -> None:
        try:
            has_news = self._has_grown()
        except sqlite3.Error as error:
            self._trouble = error
            has_news = True
        if has_news:
            self.wake()
        else:
            self._timer = asyncio.get_running_loop().call_later(LOOK, self._look)

    def _has_grown(self) -> bool:
        """Say whether the feed has grown since the last look; most commits are of the ledger, and no news."""
        version = self._connection.number("PRAGMA data_version")
        if version == self._version:
            return False
        newest = self._connection.number("SELECT max(change_id) FROM changes")
        is_news, self._version, self._newest = newest != self._newest, version, newest
        return is_news


class _PostgreSQL(_Memory):
    def __init__(self, connection: AsyncConnection, channel: str) -> None:
        super().__init__()
        self._connection = connection
        self._channel = channel
        self._ended = False

    async def listen(self) -> None:
        from asyncpg import InterfaceError, PostgresError  # type: ignore[import-untyped]  # it comes without types

        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(lambda _: self._end())
        try:
            await driver.add_listener(self._channel, lambda *_: self.wake())
        except (InterfaceError, PostgresError) as error:
            raise ConnectionError(f"PostgreSQL does not let us listen: {error}") from error

    async def wait(self) -> None:
        if not await self._is_woken_within(HEARTBEAT):
            async with asyncio.timeout(HEARTBEAT):
                await self._connection.exec_driver_sql("SELECT 1")
        if self._ended:
            raise ConnectionError("PostgreSQL closed the connection that listens")

    def _end(self) -> None:
        self._ended = True
        self.wake()

    async def _is_woken_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await super().wait()
                return True
        return False
