"""Queries on the table of push registrations."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import push_registrations
from twilio_compat.records import PushChannel


async def add(
    connection: AsyncConnection, identity: str, channel: PushChannel, registration_id: str, now: int
) -> None:
    """Note a device; nothing changes where it is noted. *now* is in epoch milliseconds."""
    values = {"identity": identity, "channel": channel, "registration_id": registration_id, "created_at": now}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(push_registrations).values(values))
    except IntegrityError:
        return  # noted already


async def remove(
    connection: AsyncConnection, identity: str, channel: PushChannel, registration_id: str | None
) -> None:
    """Forget a device; None forgets all those of the channel."""
    which = (push_registrations.c.identity == identity) & (push_registrations.c.channel == channel)
    if registration_id is not None:
        which &= push_registrations.c.registration_id == registration_id
    await connection.execute(delete(push_registrations).where(which))


async def any_of(connection: AsyncConnection, identity: str) -> bool:
    """Say whether there is a device to notify *identity* at."""
    found = select(push_registrations.c.identity).where(push_registrations.c.identity == identity).limit(1)
    return (await connection.execute(found)).first() is not None
