"""Queries on the table of writers: which processes may be sending. Times are in epoch milliseconds."""

from __future__ import annotations

from sqlalchemy import delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import writers

_OTHERS = text("SELECT writer, until FROM writers WHERE writer <> :writer")
"""As text since it runs with every send."""


async def all_but(connection: AsyncConnection, writer: str) -> frozenset[tuple[str, int]]:
    """Return every other writer with the time its lease ends, ended or not."""
    rows = await connection.execute(_OTHERS, {"writer": writer})
    return frozenset((other, until) for other, until in rows)


async def hold(connection: AsyncConnection, writer: str, until: int) -> None:
    """Move the end of a lease; the first call makes it."""
    moved = await connection.execute(update(writers).where(writers.c.writer == writer).values(until=until))
    if moved.rowcount == 0:
        await connection.execute(insert(writers).values(writer=writer, until=until))


async def forget(connection: AsyncConnection, writer: str) -> None:
    """Drop a lease."""
    await connection.execute(delete(writers).where(writers.c.writer == writer))


async def forget_ended(connection: AsyncConnection, before: int) -> None:
    """Drop the leases that ended before a time."""
    await connection.execute(delete(writers).where(writers.c.until < before))
