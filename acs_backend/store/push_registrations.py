"""Queries on the table of push registrations."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import push_registrations
from twilio_compat.records import PushChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRow:
    """A device. ``created_at`` is in epoch milliseconds."""

    identity: str
    channel: PushChannel
    registration_id: str
    created_at: int


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


async def remove_all(connection: AsyncConnection, identity: str) -> None:
    """Forget all devices of *identity*."""
    await connection.execute(delete(push_registrations).where(push_registrations.c.identity == identity))


async def any_of(connection: AsyncConnection, identity: str) -> bool:
    """Say whether there is a device to notify *identity* at."""
    found = select(push_registrations.c.identity).where(push_registrations.c.identity == identity).limit(1)
    return (await connection.execute(found)).first() is not None


async def every(connection: AsyncConnection) -> list[RegistrationRow]:
    """Return all devices, in the order in which they were noted."""
    columns = push_registrations.c
    order = (columns.created_at, columns.identity, columns.channel, columns.registration_id)
    found = await connection.execute(select(push_registrations).order_by(*order))
    return [
        RegistrationRow(
            identity=row.identity,
            channel=row.channel,
            registration_id=row.registration_id,
            created_at=row.created_at,
        )
        for row in found
    ]
