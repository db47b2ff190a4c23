"""Queries on the table of participants: what a member has beyond ACS's record of them.

Who is a member, ACS alone decides: a row may stand for an add that failed, or have outlived a membership that ended
past this library, and a member who came in past it has none. Times are in epoch milliseconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import participants
from twilio_compat.records import JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A row."""

    thread_id: str
    acs_id: str
    sid: str
    attributes: JSONValue
    created_at: int
    updated_at: int


async def of_thread(connection: AsyncConnection, thread_id: str) -> dict[str, Participant]:
    """Return the rows of a thread by ACS id."""
    rows = await connection.execute(select(participants).where(participants.c.thread_id == thread_id))
    return {
        row.acs_id: Participant(
            thread_id=row.thread_id,
            acs_id=row.acs_id,
            sid=row.sid,
            attributes=json.loads(row.attributes),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    }


async def claim(connection: AsyncConnection, row: Participant, *, over: Participant | None) -> bool:
    """Write *row*, provided the table still holds *over* in its place (None: nothing); say whether it did.

    Of several that saw the same state and want to add the same member, exactly one gets True.
    """
    values = {
        "attributes": json.dumps(row.attributes),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
    if over is not None:
        stale = (
            (participants.c.thread_id == row.thread_id)
            & (participants.c.acs_id == row.acs_id)
            & (participants.c.created_at == over.created_at)
        )
        return (await connection.execute(update(participants).where(stale).values(values))).rowcount == 1
    keys = {"thread_id": row.thread_id, "acs_id": row.acs_id, "sid": row.sid}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(participants).values(keys | values))
    except IntegrityError:
        return False
    return True


async def remove(connection: AsyncConnection, thread_id: str, acs_id: str) -> None:
    """Drop the row of somebody who is no member any more."""
    await connection.execute(
        delete(participants).where(participants.c.thread_id == thread_id, participants.c.acs_id == acs_id)
    )
