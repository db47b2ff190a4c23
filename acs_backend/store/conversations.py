"""Queries on the table of conversations. Each takes the connection of the transaction it belongs to."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.sids import conversation_sid
from acs_backend.store.chunks import chunks
from acs_backend.store.schema import conversations, messages
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
    date_updated: int | None = None
    active_at: int | None = None
    quiet_after: int | None = None
    untold: JSONValue = None


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
    """Insert *row*; False, with nothing inserted, if its thread, its sid or its unique name is taken."""
    try:
        async with connection.begin_nested():
            await connection.execute(insert(conversations).values(_values(row)))
    except IntegrityError:
        return False
    return True


async def set_free(connection: AsyncConnection, sid: str) -> None:
    """Take a sid from a conversation that was deleted, which gets one that nobody was ever told."""
    gone = (conversations.c.sid == sid) & conversations.c.deleted_at.is_not(None)
    thread_id = await connection.scalar(select(conversations.c.thread_id).where(gone))
    if thread_id is not None:
        another = conversation_sid(f"deleted {thread_id}")
        await connection.execute(update(conversations).where(gone).values(sid=another))


async def mark_deleted(connection: AsyncConnection, thread_id: str, now: int) -> None:
    """Note that the thread is gone; its unique name is free again."""
    await _set(connection, thread_id, deleted_at=now, unique_name=None)


async def mark_native(connection: AsyncConnection, thread_id: str) -> None:
    """Note that somebody may write to the thread past this library."""
    await _set(connection, thread_id, native=True)


async def save(connection: AsyncConnection, row: Conversation) -> None:
    """Write what may change of a conversation."""
    values = {name: value for name, value in _values(row).items() if name not in _SET_APART}
    await _set(connection, row.thread_id, **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which conversations are wanted; times are in epoch milliseconds, and both bounds included."""

    state: ConversationStateName | None = None
    created_from: int | None = None
    created_until: int | None = None


async def page(
    connection: AsyncConnection, sought: Sought, *, after: str | None, limit: int
) -> list[tuple[Conversation, int]]:
    """Return up to *limit* that were made after the one with the sid *after*, and the id of each one's newest message.

    Those deleted are left out; after a sid that nobody ever had comes nothing. The id is 0 where there is no message.
    """
    place = (conversations.c.created_at, conversations.c.sid)
    wanted = [conversations.c.deleted_at.is_(None), *_conditions(sought)]
    if after is not None:
        anchor = conversations.alias()
        made_at = select(anchor.c.created_at).where(anchor.c.sid == after).scalar_subquery()
        wanted.append(tuple_(*place) > tuple_(made_at, after))
    query = select(conversations, _NEWEST).where(*wanted)
    listed = await connection.execute(query.order_by(*place).limit(limit))
    return [(_read(row), row.newest or 0) for row in listed]


def _conditions(sought: Sought) -> Iterator[ColumnElement[bool]]:
    if sought.state is not None:
        yield conversations.c.state == sought.state
    if sought.created_from is not None:
        yield conversations.c.created_at >= sought.created_from
    if sought.created_until is not None:
        yield conversations.c.created_at <= sought.created_until


async def due(
    connection: AsyncConnection, now: int, *, limit: int, after: Conversation | None = None
) -> list[Conversation]:
    """Return up to *limit* at which it is time to look, the one that has waited longest first; those *after* one."""
    place = (conversations.c.due_at, conversations.c.sid)
    wanted = [conversations.c.due_at <= now, conversations.c.deleted_at.is_(None)]
    if after is not None:
        wanted.append(tuple_(*place) > tuple_(after.due_at, after.sid))
    query = select(conversations).where(*wanted).order_by(*place)
    return [_read(row) for row in await connection.execute(query.limit(limit))]


async def put_off(connection: AsyncConnection, thread_id: str, until: int) -> None:
    """Have a conversation looked at again later."""
    await _set(connection, thread_id, due_at=until)


_NEWEST = (
    select(func.max(messages.c.message_id))
    .where(messages.c.thread_id == conversations.c.thread_id)
    .scalar_subquery()
    .label("newest")
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


def _values(row: Conversation) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in Conversation.__slots__}
    return values | {
        "attributes": json.dumps(row.attributes),
        "extras": json.dumps(dict(row.extras)),
        "untold": None if row.untold is None else json.dumps(row.untold),
    }


def _read(row: Row[Any]) -> Conversation:
    values = {name: row._mapping[name] for name in Conversation.__slots__}
    values |= {"attributes": json.loads(row.attributes), "extras": json.loads(row.extras)}
    return Conversation(**values | {"untold": None if row.untold is None else json.loads(row.untold)})


_SET_APART = frozenset({"sid", "thread_id", "created_by", "native", "deleted_at"})
"""What stays as it is, or has a function of its own to change it."""
