"""Queries on the table of presences: who is connected. Times are in epoch milliseconds."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import presences


async def is_online(connection: AsyncConnection, acs_id: str, now: int) -> bool:
    """Say whether a user has a connection whose lease has not ended."""
    running = (presences.c.acs_id == acs_id) & (presences.c.until > now)
    return (await connection.execute(select(presences.c.session).where(running).limit(1))).first() is not None


async def hold(connection: AsyncConnection, session: str, acs_id: str, until: int) -> None:
    """Move the end of a connection's lease; the first call makes it."""
    moved = await connection.execute(
        update(presences).where(presences.c.session == session).values(until=until)
    )
    if moved.rowcount == 0:
        await connection.execute(insert(presences).values(session=session, acs_id=acs_id, until=until))


async def forget(connection: AsyncConnection, session: str) -> None:
    """Drop a connection."""
    await connection.execute(delete(presences).where(presences.c.session == session))


async def forget_ended(connection: AsyncConnection, now: int) -> set[str]:
    """Drop the connections whose lease has ended; return whose they were."""
    ended = delete(presences).where(presences.c.until <= now).returning(presences.c.acs_id)
    return set((await connection.execute(ended)).scalars())
