"""The ordered change feed of the store.

Who changes what others are to hear of adds a change in the same transaction. Transactions that write take turns over
all processes, so the ids of changes ascend in the order in which the transactions were committed: a reader that has
seen a change has seen every earlier one. A change carries the new state, so that two changes in a row are two pieces
of news, whenever they are read. Times are in epoch milliseconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import changes
from twilio_compat.records import JSONValue


class Kind(StrEnum):
    """What a change is about, and whom it is for."""

    CONVERSATION = "conversation"
    """The row of a conversation, for its members."""
    PARTICIPANT = "participant"
    """The row of a member, ``acs_id``, for all members."""
    TYPING = "typing"
    """A member, ``acs_id``, types; for the other members, and only for as long as it holds."""
    MEMBERSHIP = "membership"
    """``acs_id`` was added to a thread or removed from it: worth a look, for them and for the members."""
    USER = "user"
    """The row of a user, ``acs_id``, for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row of the feed."""

    change_id: int
    changed_at: int
    kind: Kind
    thread_id: str | None
    acs_id: str | None
    content: JSONValue


async def add(
    connection: AsyncConnection,
    kind: Kind,
    *,
    now: int,
    thread_id: str | None = None,
    acs_id: str | None = None,
    content: JSONValue = None,
) -> None:
    """Add a change to the feed, as part of the transaction that makes it."""
    await connection.execute(
        insert(changes).values(
            changed_at=now, kind=kind.value, thread_id=thread_id, acs_id=acs_id, content=json.dumps(content)
        )
    )


async def newest(connection: AsyncConnection) -> int:
    """Return the id of the newest change; 0 where there is none."""
    return await connection.scalar(select(func.max(changes.c.change_id))) or 0


async def after(connection: AsyncConnection, change_id: int, *, limit: int) -> list[Change]:
    """Return up to *limit* changes that are newer than *change_id*, in order."""
    rows = await connection.execute(
        select(changes).where(changes.c.change_id > change_id).order_by(changes.c.change_id).limit(limit)
    )
    return [
        Change(
            change_id=row.change_id,
            changed_at=row.changed_at,
            kind=Kind(row.kind),
            thread_id=row.thread_id,
            acs_id=row.acs_id,
            content=json.loads(row.content),
        )
        for row in rows
    ]


async def forget(connection: AsyncConnection, before: int) -> None:
    """Drop the changes that are older than a time."""
    await connection.execute(delete(changes).where(changes.c.changed_at < before))
