"""The store's database: connections, transactions, and the sign that another process wrote something.

Theory of operation
-------------------
All access is a transaction, `Database.read` or `Database.write`, committed when its block ends and rolled back when
the block raises. Only one transaction writes at a time, over all processes: it waits for its turn before it reads
anything, so nobody overwrites what they have not seen, and callers need no locks of their own. On SQLite the turn is
``BEGIN IMMEDIATE``, on PostgreSQL an advisory lock (`acs_backend.store.postgresql`); before either, within the
process, an `asyncio.Lock`, which is fair. Readers never wait: SQLite runs in WAL mode. It runs in the event loop's own
thread; `acs_backend.store.sqlite` says why that is well.

A database in memory (``sqlite://``) is one connection, so all its transactions take turns.

What is committed outlasts a power cut, on PostgreSQL as its server is set up. On SQLite that means to wait for the
disk, a fifth of a millisecond to many, which sends have no time for; so a transaction may do without (`durable`), and
a power cut may then take it back. That is for what a listing of ACS brings back, and only on SQLite: there, all
processes that share the store go down with it, and none goes on from what is lost.

The schema is made or upgraded on first use, in a write transaction (`acs_backend.store.upgrades`).

Beside the store of a deployment there may be others, of its *tenants*: each a file beside its file, or a PostgreSQL
schema beside its tables, or a database in memory. Such a store can be dropped, by any process that has it open. The
others find no tables any more, and say that the service is gone.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from acs_backend.store import changes, postgresql, schema, sqlite
from acs_backend.store.forks import GATE
from acs_backend.store.signals import Signals, from_file, from_postgresql
from acs_backend.store.upgrades import VARIABLE, bring_up_to_date
from twilio_compat.errors import ClosedError, ConfigurationError, NotFoundError, ServiceUnavailableError

_DRIVERS: Mapping[str, str] = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
_SMALL_POOL = {"pool_size": 2, "max_overflow": 4}
"""Connections of a tenant's store: there may be many tenants."""


class Database:
    """The store. Belongs to the event loop in which it is first used."""

    def __init__(self, url: str | URL, *, tenant: str | None = None) -> None:
        """Prepare for the SQLAlchemy *url*; nothing is opened yet. `ConfigurationError` where it is unusable.

        The store of a *tenant*, which is named by a sid, is beside the one at *url*.
        """
        self._beside = _checked(url)
        self._tenant = tenant
        self._sqlite = self._beside.get_backend_name() == "sqlite"
        self._in_memory = self._sqlite and self._beside.database in (None, "", ":memory:")
        self._schema = None if tenant is None or self._sqlite else tenant.lower()
        self._url = self._beside
        if tenant is not None and self._sqlite and not self._in_memory:
            self._url = self._beside.set(database=_beside(self._beside.database or "", tenant))
        self._ready = False
        self._engine = self._make_engine()
        self._writers = {
            durable: self._engine.execution_options(immediate=True, durable=durable)
            for durable in (True, False)
        }
        if self._sqlite:
            _begin_ourselves(self._engine)
        self._turn = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._closed = False
        self._listening: set[Signals] = set()

    def of_tenant(self, sid: str) -> Database:
        """Return the store of a tenant, beside this one; nothing is opened yet."""
        return Database(self._beside, tenant=sid)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads. `ServiceUnavailableError` where the database fails, `ClosedError`."""
        await self._open()
        with self._explained():
            async with self._turn if self._in_memory else self._unforked():
                async with self._engine.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write; no other one does until it ends, in any process. Errors as `read`.

        Not *durable* is for what can be read from ACS again: a power cut may take it back on SQLite.
        """
        await self._open()
        with self._explained():
            async with self._writing(durable=durable) as connection:
                yield connection

    @asynccontextmanager
    async def signals(self) -> AsyncIterator[Signals]:
        """Listen for changes that are added to the feed, in any process. Errors as `read`."""
        await self._open()
        with self._explained():
            async with self._open_signals() as listening:
                self._listening.add(listening)
                try:
                    yield listening
                finally:
                    self._listening.discard(listening)

    async def drop(self) -> None:
        """Remove the store of a tenant, with all that is in it, and close it."""
        assert self._tenant is not None, "only a tenant's store is dropped"
        async with self.write() as connection:
            if self._schema is not None:
                await postgresql.drop_schema(connection, self._schema)
            else:
                await connection.run_sync(schema.metadata.drop_all)
        await self.close()
        if self._sqlite and not self._in_memory:
            await asyncio.to_thread(_unlink, self._url.database or "")

    async def close(self) -> None:
        """Close the connections for good. Safe to call twice."""
        self._closed = True
        await self._engine.dispose()

    def _open_signals(self) -> AbstractAsyncContextManager[Signals]:
        if not self._sqlite:
            return from_postgresql(self._engine)
        return from_file(None if self._in_memory else self._url.database or "")

    @asynccontextmanager
    async def _writing(self, *, durable: bool) -> AsyncIterator[AsyncConnection]:
        async with self._turn, self._unforked(), self._writers[durable].connect() as connection:
            async with connection.begin():
                if not self._sqlite:
                    await postgresql.take_turn(connection, self._schema)
                yield connection
            if connection.info.pop(changes.ADDED, False):
                for each in self._listening:
                    each.wake()

    def _unforked(self) -> AbstractAsyncContextManager[None]:
        """Keep the process from forking in the middle of a transaction on a file."""
        return GATE.transaction() if self._sqlite and not self._in_memory else nullcontext()

    async def _open(self) -> None:
        if self._closed:
            raise ClosedError("The backend was closed; open another one")
        if self._ready:
            return
        async with self._opening:
            if not self._ready:
                await self._make_schema()
                self._ready = True

    async def _make_schema(self) -> None:
        try:
            async with self._writing(durable=True) as connection:
                if self._schema is not None:
                    await postgresql.make_schema(connection, self._schema)
                await connection.run_sync(bring_up_to_date)
        except (DBAPIError, sqlite3.Error, OSError) as error:
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise ConfigurationError(f"The database in {VARIABLE} cannot be used: {reason}") from error

    def _make_engine(self) -> AsyncEngine:
        try:
            options: dict[str, Any] = {} if self._tenant is None else dict(_SMALL_POOL)
            if self._sqlite:
                return self._sqlite_engine(options)
            engine = create_async_engine(
                self._url,
                connect_args={"async_creator_fn": postgresql.connector(self._schema)},
                execution_options={changes.SCHEMA: self._schema},
                **options,
            )
            postgresql.check_before_use(engine)
            return engine
        except ModuleNotFoundError as error:
            hint = "; pip install 'twilio-acs-compat[postgresql]'" if error.name == "asyncpg" else ""
            raise ConfigurationError(
                f"The driver for {VARIABLE} is not installed: {error.name}{hint}"
            ) from error

    def _sqlite_engine(self, options: dict[str, Any]) -> AsyncEngine:
        path = ":memory:" if self._in_memory else self._url.database or ""
        options = {"poolclass": StaticPool} if self._in_memory else options

        async def connect() -> sqlite.Connection:
            return await sqlite.connect(path, make=self._tenant is None or not self._ready)

        return create_async_engine(self._url, async_creator=connect, pool_reset_on_return=None, **options)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise a fault of the database as one of the port; what was asked wrongly is the caller's to understand.

        `NotFoundError` 50050 where the store of a tenant was dropped.
        """
        try:
            yield
        except (DBAPIError, sqlite3.Error, OSError) as error:
            reason = error.orig if isinstance(error, DBAPIError) else error
            if self._tenant is not None and (sqlite.is_gone(reason) or postgresql.is_gone(reason)):
                raise NotFoundError("Service Instance not found", code=50050) from error
            if isinstance(error, (IntegrityError, ProgrammingError, DataError, NotSupportedError)):
                raise
            said = str(reason) or "it does not answer"
            raise ServiceUnavailableError(f"The database in {VARIABLE} failed: {said}") from error


def _unlink(path: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(path + suffix).unlink(missing_ok=True)


def _beside(path: str, tenant: str) -> str:
    """Return the path of a tenant's file, ``name.IS....db`` beside ``name.db``."""
    file = Path(path)
    return str(file.with_name(f"{file.stem}.{tenant}{file.suffix}"))


def _checked(url: str | URL) -> URL:
    examples = "sqlite:///path/to/file.db or postgresql://user:password@host/name"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"{VARIABLE} is not a database URL; write {examples}") from error
    drivername = _DRIVERS.get(parsed.drivername, parsed.drivername)
    if drivername not in _DRIVERS.values():
        raise ConfigurationError(f"{VARIABLE} names {drivername}, which cannot be used; write {examples}")
    return parsed.set(drivername=drivername)


def _begin_ourselves(engine: AsyncEngine) -> None:
    """Begin transactions explicitly: the driver's idea of when they begin is too late for a lock."""

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite.Connection)
        driver.make_durable(options.get("durable", False))
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("immediate") else "BEGIN")
