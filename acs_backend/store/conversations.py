"""Queries on the table of conversations. Each takes the connection of the transaction it belongs to."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.sids import conversation_sid
from acs_backend.store.chunks import chunks
from acs_backend.store.schema import conversations
from twilio_compat.records import ConversationStateName, JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A row. Times are in epoch milliseconds."""

    sid: str
    thread_id: str
    unique_name: str | None
    friendly_name: str | None
    topic: str
    attributes: JSONValue
    created_by: str
    created_at: int
    updated_at: int
    state: ConversationStateName
    state_updated_at: int
    native: bool
    deleted_at: int | None
    next_topic: str | None = None
    inactive_after: str | None = None
    closed_after: str | None = None
    due_at: int | None = None
    extras: Mapping[str, JSONValue] = field(default_factory=dict)


async def by_sid(connection: AsyncConnection, sid: str) -> Conversation | None:
    """Return the conversation with this sid, deleted or not."""
    return await _one(connection, conversations.c.sid == sid)


async def by_unique_name(connection: AsyncConnection, unique_name: str) -> Conversation | None:
    """Return the conversation that has this unique name now."""
    return await _one(connection, conversations.c.unique_name == unique_name)


async def by_thread(connection: AsyncConnection, thread_id: str) -> Conversation | None:
    """Return the conversation that is this thread, deleted or not."""
    return await _one(connection, conversations.c.thread_id == thread_id)


async def by_threads(connection: AsyncConnection, thread_ids: Collection[str]) -> dict[str, Conversation]:
    """Return the conversations of these threads, by thread id; a thread without a row is absent."""
    found: dict[str, Conversation] = {}
    for chunk in chunks(thread_ids):
        rows = await connection.execute(select(conversations).where(conversations.c.thread_id.in_(chunk)))
        found |= {row.thread_id: _read(row) for row in rows}
    return found


async def add(connection: AsyncConnection, row: Conversation) -> bool:
    """Insert *row*; False, with nothing inserted, if its thread or its unique name is taken."""
    values = {name: getattr(row, name) for name in Conversation.__dataclass_fields__}
    values |= {"attributes": json.dumps(row.attributes), "extras": json.dumps(dict(row.extras))}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(conversations).values(values))
    except IntegrityError:
        return False
    return True


async def mark_deleted(connection: AsyncConnection, thread_id: str, now: int) -> None:
    """Note that the thread is gone; its unique name is free again."""
    await _set(connection, thread_id, deleted_at=now, unique_name=None)


async def mark_native(connection: AsyncConnection, thread_id: str) -> None:
    """Note that somebody may write to the thread past this library."""
    await _set(connection, thread_id, native=True)


async def save(connection: AsyncConnection, row: Conversation) -> None:
    """Write what may change of a conversation."""
    await _set(
        connection,
        row.thread_id,
        unique_name=row.unique_name,
        friendly_name=row.friendly_name,
        topic=row.topic,
        next_topic=row.next_topic,
        attributes=json.dumps(row.attributes),
        updated_at=row.updated_at,
        state=row.state,
        state_updated_at=row.state_updated_at,
        created_at=row.created_at,
        inactive_after=row.inactive_after,
        closed_after=row.closed_after,
        due_at=row.due_at,
        extras=json.dumps(dict(row.extras)),
    )


def adopted(thread_id: str, *, topic: str, created_by: str, created_at: int) -> Conversation:
    """Return the row of a thread that was made by another ACS client."""
    return Conversation(
        sid=conversation_sid(thread_id),
        thread_id=thread_id,
        unique_name=None,
        friendly_name=topic,
        topic=topic,
        attributes={},
        created_by=created_by,
        created_at=created_at,
        updated_at=created_at,
        state="active",
        state_updated_at=created_at,
        native=True,
        deleted_at=None,
    )


async def _set(connection: AsyncConnection, thread_id: str, **values: object) -> None:
    await connection.execute(
        update(conversations).where(conversations.c.thread_id == thread_id).values(**values)
    )


async def _one(connection: AsyncConnection, condition: ColumnElement[bool]) -> Conversation | None:
    row = (await connection.execute(select(conversations).where(condition))).one_or_none()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> Conversation:
    return Conversation(
        sid=row.sid,
        thread_id=row.thread_id,
        unique_name=row.unique_name,
        friendly_name=row.friendly_name,
        topic=row.topic,
        attributes=json.loads(row.attributes),
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        state=cast(ConversationStateName, row.state),
        state_updated_at=row.state_updated_at,
        native=row.native,
        deleted_at=row.deleted_at,
        next_topic=row.next_topic,
        inactive_after=row.inactive_after,
        closed_after=row.closed_after,
        due_at=row.due_at,
        extras=json.loads(row.extras),
    )
