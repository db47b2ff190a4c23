"""The store's database: connections, transactions, and a schema that several processes may create at once.

Theory of operation
-------------------
All access is a transaction, `Database.read` or `Database.write`, committed when its block ends and rolled back when
the block raises. Only one transaction writes at a time, over all processes: it waits for its turn before it reads
anything, so nobody overwrites what they have not seen, and callers need no locks of their own. On SQLite the turn is
``BEGIN IMMEDIATE``, on PostgreSQL an advisory lock; before either, within the process, an `asyncio.Lock`, which is
fair. Readers never wait: SQLite runs in WAL mode. It runs in the event loop's own thread; `acs_backend.store.sqlite`
says why that is well.

A database in memory (``sqlite://``) is one connection, so all its transactions take turns.

The schema is made on first use, in a write transaction, and carries a number. A store that was made by a newer
version of this library is refused.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext

from sqlalchemy import event, insert, make_url, select, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InternalError,
    InvalidRequestError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from acs_backend.store import schema, sqlite
from twilio_compat.errors import ConfigurationError, ServiceUnavailableError

VARIABLE = "TWILIO_COMPAT_DATABASE_URL"
_ADVISORY_LOCK = 0x7477_636F
_DRIVERS: Mapping[str, str] = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


class Database:
    """The store. Belongs to the event loop in which it is first used."""

    def __init__(self, url: str) -> None:
        """Prepare for the SQLAlchemy *url*; nothing is opened yet. `ConfigurationError` where it is unusable."""
        self._url = _checked(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._in_memory = self._sqlite and self._url.database in (None, "", ":memory:")
        self._engine = _engine(self._url, self._in_memory)
        self._writer = self._engine.execution_options(immediate=True)
        if self._sqlite:
            _begin_ourselves(self._engine)
        self._turn = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._ready = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads. `ServiceUnavailableError` where the database fails."""
        await self._open()
        with _explained():
            async with self._turn if self._in_memory else nullcontext():
                async with self._engine.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write; no other one does until it ends, in any process. Errors as `read`."""
        await self._open()
        with _explained():
            async with self._writing() as connection:
                yield connection

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        async with self._turn, self._writer.begin() as connection:
            if not self._sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            yield connection

    async def _open(self) -> None:
        if self._ready:
            return
        async with self._opening:
            if not self._ready:
                await self._make_schema()
                self._ready = True

    async def _make_schema(self) -> None:
        try:
            async with self._writing() as connection:
                if not self._sqlite:
                    await connection.execute(
                        text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}
                    )
                await connection.run_sync(_make_schema)
        except (DBAPIError, sqlite3.Error, OSError) as error:
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise ConfigurationError(f"The database in {VARIABLE} cannot be used: {reason}") from error


@contextmanager
def _explained() -> Iterator[None]:
    """Raise a fault of the database as one of the port; a violated constraint is the caller's to understand."""
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, ConnectionError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise ServiceUnavailableError(f"The database in {VARIABLE} failed: {reason}") from error


def _make_schema(connection: Connection) -> None:
    schema.metadata.create_all(connection)
    found = connection.scalar(select(schema.versions.c.version))
    if found is None:
        connection.execute(insert(schema.versions).values(version=schema.VERSION))
    elif found > schema.VERSION:
        raise ConfigurationError(
            f"The database in {VARIABLE} was made by a newer version of twilio-acs-compat (schema {found}, "
            f"this one knows {schema.VERSION}); upgrade the package or name another database"
        )


def _checked(url: str) -> URL:
    examples = "sqlite:///path/to/file.db or postgresql://user:password@host/name"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"{VARIABLE} is not a database URL; write {examples}") from error
    drivername = _DRIVERS.get(parsed.drivername, parsed.drivername)
    if drivername.partition("+")[0] not in _DRIVERS:
        raise ConfigurationError(f"{VARIABLE} names {drivername}, which cannot be used; write {examples}")
    return parsed.set(drivername=drivername)


def _engine(url: URL, in_memory: bool) -> AsyncEngine:
    try:
        if url.drivername != "sqlite+aiosqlite":
            return create_async_engine(url, pool_pre_ping=True)
        path = ":memory:" if in_memory else url.database or ""
        options = {"poolclass": StaticPool} if in_memory else {}
        return create_async_engine(
            url, async_creator=lambda: sqlite.connect(path), pool_reset_on_return=None, **options
        )
    except ModuleNotFoundError as error:
        hint = "; pip install 'twilio-acs-compat[postgresql]'" if error.name == "asyncpg" else ""
        raise ConfigurationError(f"The driver for {VARIABLE} is not installed: {error.name}{hint}") from error
    except (InvalidRequestError, NoSuchModuleError) as error:
        raise ConfigurationError(f"{VARIABLE} names a driver that cannot be used: {error}") from error


def _begin_ourselves(engine: AsyncEngine) -> None:
    """Begin transactions explicitly: the driver's idea of when they begin is too late for a lock."""

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
