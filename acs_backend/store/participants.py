"""Queries on the table of participants: what a member has beyond ACS's record of them.

Who is a member, ACS alone decides: a row may stand for an add that failed, or have outlived a membership that ended
past this library, and a member who came in past it has none. Times are in epoch milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Insert, RowMapping, Update, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.sids import participant_sid
from acs_backend.store.chunks import LARGEST_STATEMENT, chunks
from acs_backend.store.schema import conversations, participants
from twilio_compat.records import JSONValue, NotificationLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A row."""

    thread_id: str
    acs_id: str
    sid: str
    attributes: JSONValue
    created_at: int
    updated_at: int
    role_sid: str | None = None
    last_read_index: int | None = None
    last_read_at: int | None = None
    notification_level: NotificationLevel | None = None
    date_created: int | None = None
    date_updated: int | None = None


async def of_thread(connection: AsyncConnection, thread_id: str) -> dict[str, Participant]:
    """Return the rows of a thread by ACS id."""
    rows = await connection.execute(select(participants).where(participants.c.thread_id == thread_id))
    return {row["acs_id"]: _read(row) for row in rows.mappings()}


async def of_user(
    connection: AsyncConnection, acs_id: str, thread_ids: Collection[str]
) -> dict[str, Participant]:
    """Return a user's own rows in these threads, by thread id."""
    found: dict[str, Participant] = {}
    for chunk in chunks(thread_ids):
        own = (participants.c.acs_id == acs_id) & participants.c.thread_id.in_(chunk)
        rows = await connection.execute(select(participants).where(own))
        found |= {row["thread_id"]: _read(row) for row in rows.mappings()}
    return found


async def of_members(
    connection: AsyncConnection, members: Mapping[str, Collection[str]]
) -> dict[tuple[str, str], Participant]:
    """Return the rows of these members, given by thread, by thread and ACS id; there may be others among them."""
    found: dict[tuple[str, str], Participant] = {}
    for some in chunks(members, LARGEST_STATEMENT // 2):
        acs_ids = set().union(*(members[each] for each in some))
        for chunk in chunks(acs_ids, LARGEST_STATEMENT // 2):
            wanted = participants.c.thread_id.in_(some) & participants.c.acs_id.in_(chunk)
            rows = await connection.execute(select(participants).where(wanted))
            found |= {(row["thread_id"], row["acs_id"]): _read(row) for row in rows.mappings()}
    return found


async def claim(connection: AsyncConnection, row: Participant, *, over: Participant | None) -> bool:
    """Write *row*, provided the table still holds *over* in its place (None: nothing); say whether it did.

    Of several that saw the same state and want to add the same member, exactly one gets True. False as well where
    another member has the sid.
    """
    keys = {"thread_id": row.thread_id, "acs_id": row.acs_id}
    values = {name: getattr(row, name) for name in Participant.__slots__ if name not in keys}
    values["attributes"] = json.dumps(row.attributes)
    writing: Update | Insert = insert(participants).values(keys | values)
    if over is not None:
        stale = (
            (participants.c.thread_id == row.thread_id)
            & (participants.c.acs_id == row.acs_id)
            & (participants.c.created_at == over.created_at)
            & (participants.c.updated_at == over.updated_at)
        )
        writing = update(participants).where(stale).values(values)
    try:
        async with connection.begin_nested():
            return (await connection.execute(writing)).rowcount == 1
    except IntegrityError:
        return False


async def set_free(connection: AsyncConnection, sid: str) -> None:
    """Take a sid from a member of a conversation that was deleted, who gets one that nobody was ever told."""
    gone = select(conversations.c.thread_id).where(conversations.c.deleted_at.is_not(None))
    held = (participants.c.sid == sid) & participants.c.thread_id.in_(gone)
    query = select(participants.c.thread_id, participants.c.acs_id).where(held)
    holder = (await connection.execute(query)).one_or_none()
    if holder is not None:
        another = participant_sid(f"deleted {holder.thread_id}", holder.acs_id)
        await connection.execute(update(participants).where(held).values(sid=another))


async def settle(connection: AsyncConnection, row: Participant) -> bool:
    """Let a row that was claimed stand for a member; say False if another one was claimed over it meanwhile."""
    of_member = (participants.c.thread_id == row.thread_id) & (participants.c.acs_id == row.acs_id)
    own = of_member & (participants.c.created_at == row.created_at)
    untouched = own & (participants.c.updated_at == row.updated_at)
    await connection.execute(update(participants).where(untouched).values(updated_at=row.created_at))
    there = (
        await connection.execute(select(participants.c.created_at).where(of_member))
    ).scalar_one_or_none()
    return there in (None, row.created_at)


async def withdraw(connection: AsyncConnection, row: Participant) -> None:
    """Drop a row that was claimed, unless another one was claimed over it."""
    claimed = (
        (participants.c.thread_id == row.thread_id)
        & (participants.c.acs_id == row.acs_id)
        & (participants.c.created_at == row.created_at)
    )
    await connection.execute(delete(participants).where(claimed))


async def save(connection: AsyncConnection, row: Participant) -> None:
    """Write the row of a member, whether there was one or not."""
    found = (participants.c.thread_id == row.thread_id) & (participants.c.acs_id == row.acs_id)
    values = {name: getattr(row, name) for name in Participant.__slots__}
    values["attributes"] = json.dumps(row.attributes)
    if (await connection.execute(update(participants).where(found).values(values))).rowcount == 0:
        await connection.execute(insert(participants).values(values))


async def remove(connection: AsyncConnection, thread_id: str, acs_id: str) -> None:
    """Drop the row of somebody who is no member any more."""
    await connection.execute(
        delete(participants).where(participants.c.thread_id == thread_id, participants.c.acs_id == acs_id)
    )


def _read(found: RowMapping) -> Participant:
    return Participant(**{**found, "attributes": json.loads(found["attributes"])})
