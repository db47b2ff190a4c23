"""PostgreSQL: how a connection is opened and found alive, and how long a write waits for its turn, or keeps it.

A process may be stopped in the middle of a transaction, or be cut off, and holds the turn of all until its server
notices. So whoever is idle in such a transaction loses it, before those who wait give up.

A server, too, may be cut off without a word, and TCP waits for a quarter of an hour. So whoever asks it something gives
up long before, though later than the server itself would end the longest wait that it knows of.

A connection may have lost its other end while it lay in the pool, so it is asked before it is used: in one round trip,
where SQLAlchemy's own question takes three.

A store may be one *schema* of a database among others. Its connections look for tables there alone, and its writes and
its notifications are its own: turns are taken, and channels named, by schema.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

LONGEST_WAIT = 30.0
"""Seconds that a write waits for its turn, as on SQLite."""
LONGEST_IDLE = 15.0
"""Seconds between two statements after which a transaction that writes is rolled back, and its connection closed."""
LONGEST_ANSWER = 45.0
"""Seconds that a statement may take, that which waits for the turn too; the URL may say otherwise."""

_ADVISORY_LOCK = 0x7477_636F
_NO_TABLES = {"42P01", "3F000"}
"""What PostgreSQL calls that a table, or a schema, is not there."""
_TAKE_TURN = text(
    "SELECT set_config('lock_timeout', :wait, true), "
    "set_config('idle_in_transaction_session_timeout', :idle, true), pg_advisory_xact_lock(:key)"
)


def connector(schema: str | None) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return what opens connections of asyncpg's, to *schema* or to the usual one.

    `ConnectionError` where the server refuses, as while it starts: SQLAlchemy 2.0 passes asyncpg's own errors on as they
    are, 2.1 as its own.
    """
    import asyncpg  # type: ignore[import-untyped]  # it comes without types

    async def connect(*arguments: Any, **options: Any) -> Any:
        try:
            connection = await asyncpg.connect(*arguments, **{"command_timeout": LONGEST_ANSWER, **options})
            if schema is not None:
                await connection.execute(f'SET search_path TO "{schema}"')
        except (asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            raise ConnectionError(str(error)) from error
        return connection

    return connect


def check_before_use(engine: AsyncEngine) -> None:
    """Have *engine* open another connection where the one at hand has lost its other end."""

    @event.listens_for(engine.sync_engine, "checkout")
    def check(connection: AdaptedConnection, entry: object, proxy: object) -> None:
        import asyncpg

        lost = (asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError, OSError)
        try:
            connection.run_async(lambda driver: driver.execute("SELECT 1"))
        except lost as error:  # the second where the server's last words have just come in
            raise InvalidatePoolError from error


async def take_turn(connection: AsyncConnection, schema: str | None) -> None:
    """Wait until no other transaction writes to *schema*, and keep others from it until this one ends."""
    wait, idle = (f"{seconds * 1000:.0f}" for seconds in (LONGEST_WAIT, LONGEST_IDLE))
    await connection.execute(_TAKE_TURN, {"wait": wait, "idle": idle, "key": _lock(schema)})


async def make_schema(connection: AsyncConnection, schema: str) -> None:
    """Make *schema* where there is none, in a turn."""
    await connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')


async def drop_schema(connection: AsyncConnection, schema: str) -> None:
    """Drop *schema* with all that is in it, in a turn."""
    await connection.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def is_gone(error: BaseException | None) -> bool:
    """Say whether *error* says that there are no tables."""
    return getattr(error, "sqlstate", None) in _NO_TABLES


def _lock(schema: str | None) -> int:
    """Return the number that those who write to *schema* take turns by."""
    if schema is None:
        return _ADVISORY_LOCK
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:8], signed=True)
