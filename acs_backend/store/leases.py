"""Queries on the table of leases: what only one process does at a time. Times are in epoch milliseconds."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import leases


async def is_free(connection: AsyncConnection, name: str, holder: str, now: int) -> bool:
    """Say whether nobody but *holder* has *name*."""
    others = (leases.c.name == name) & (leases.c.holder != holder) & (leases.c.until > now)
    return (await connection.execute(select(leases.c.name).where(others))).first() is None


async def hold(connection: AsyncConnection, name: str, holder: str, until: int) -> None:
    """Give *name* to *holder*, whoever has it."""
    values = {"holder": holder, "until": until}
    moved = await connection.execute(update(leases).where(leases.c.name == name).values(values))
    if moved.rowcount == 0:
        await connection.execute(insert(leases).values(values | {"name": name}))


async def release(connection: AsyncConnection, name: str, holder: str) -> None:
    """Take *name* from *holder*, who may not have it."""
    await connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))
