"""PostgreSQL: how a connection is opened and found alive, and how long a write waits for its turn, or keeps it.

A process may be stopped in the middle of a transaction, or be cut off, and holds the turn of all until its server
notices. So whoever is idle in such a transaction loses it, before those who wait give up.

A server, too, may be cut off without a word, and TCP waits for a quarter of an hour. So whoever asks it something gives
up long before, though later than the server itself would end the longest wait that it knows of.

A connection may have lost its other end while it lay in the pool, so it is asked before it is used: in one round trip,
where SQLAlchemy's own question takes three.
"""

from __future__ import annotations

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
_TAKE_TURN = text(
    "SELECT set_config('lock_timeout', :wait, true), "
    "set_config('idle_in_transaction_session_timeout', :idle, true), pg_advisory_xact_lock(:key)"
)


async def connect(*arguments: Any, **options: Any) -> Any:
    """Open a connection of asyncpg's. `ConnectionError` where the server refuses, as while it starts.

    SQLAlchemy 2.0 passes asyncpg's own errors on as they are, 2.1 as its own.
    """
    import asyncpg  # type: ignore[import-untyped]  # it comes without types

    try:
        return await asyncpg.connect(*arguments, **{"command_timeout": LONGEST_ANSWER, **options})
    except (asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise ConnectionError(str(error)) from error


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


async def take_turn(connection: AsyncConnection) -> None:
    """Wait until no other transaction writes, and keep others from it until this one ends."""
    wait, idle = (f"{seconds * 1000:.0f}" for seconds in (LONGEST_WAIT, LONGEST_IDLE))
    await connection.execute(_TAKE_TURN, {"wait": wait, "idle": idle, "key": _ADVISORY_LOCK})
