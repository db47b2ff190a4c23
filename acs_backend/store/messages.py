"""Queries on the ledger and on what belongs to a message. `acs_backend.ledger.ledger` says what the ledger means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, bindparam, case, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.sids import message_sid
from acs_backend.store.chunks import chunks
from acs_backend.store.schema import conversations, messages, overflows

LARGEST_INDEX = 2**31 - 1
"""Of the column."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A message in the ledger. No index: a second copy, hidden from everyone.

    ``written_at`` is when one that is imported was written, in epoch milliseconds; a page does without it.
    """

    message_id: int
    index: int | None
    sid: str
    mutation_id: str | None = None
    deleted: bool = False
    written_at: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the ledger of a thread goes.

    ``newest_id`` is the id of its newest message (0: none); ``native``: somebody may write past this library;
    ``adopting``: a sid or an index is promised to a message that is not in the ledger yet, which no other one gets.
    """

    native: bool
    synced_sequence: int
    newest_id: int
    next_index: int
    adopting: bool = False


_STANDINGS = text(
    """
    SELECT c.thread_id, c.native,
           EXISTS (SELECT 1 FROM participants p JOIN identities i ON i.acs_id = p.acs_id
                   WHERE p.thread_id = c.thread_id AND i.native),
           c.synced_sequence,
           (SELECT max(m.message_id) FROM messages m WHERE m.thread_id = c.thread_id),
           (SELECT max(m."index") FROM messages m WHERE m.thread_id = c.thread_id),
           (SELECT max(coalesce(a."index", -1)) FROM adoptions a WHERE a.thread_id = c.thread_id)
    FROM conversations c WHERE c.thread_id IN :threads
    """
).bindparams(bindparam("threads", expanding=True))
"""Written as text since it runs with every send: composing it would cost more than running it."""


async def standings(connection: AsyncConnection, thread_ids: Collection[str]) -> dict[str, Standing]:
    """Return how far the ledgers of these threads go, by thread id."""
    found: dict[str, Standing] = {}
    for chunk in chunks(thread_ids):
        for thread_id, native, member, synced, newest, last, promised in await connection.execute(
            _STANDINGS, {"threads": chunk}
        ):
            next_index = max(-1 if each is None else each for each in (last, promised)) + 1
            is_open, adopting = bool(native or member), promised is not None
            found[thread_id] = Standing(is_open, synced, newest or 0, next_index, adopting)
    return found


async def rows(
    connection: AsyncConnection, thread_id: str, message_ids: Iterable[int]
) -> dict[int, LedgerRow]:
    """Return the ledger's rows of these messages by id; one that is not in the ledger is absent."""
    found = await _where(connection, thread_id, messages.c.message_id, message_ids)
    return {row.message_id: row for row in found}


async def by_mutations(
    connection: AsyncConnection, thread_id: str, mutation_ids: Iterable[str]
) -> dict[str, LedgerRow]:
    """Return the ledger's rows of these sends, by mutation id."""
    found = await _where(connection, thread_id, messages.c.mutation_id, mutation_ids)
    return {row.mutation_id: row for row in found if row.mutation_id is not None}


async def by_sid(connection: AsyncConnection, thread_id: str, sid: str) -> LedgerRow | None:
    """Return the row of one message."""
    condition = (messages.c.thread_id == thread_id) & (messages.c.sid == sid)
    row = (await connection.execute(select(messages).where(condition))).one_or_none()
    return None if row is None else _read(row)


async def add(connection: AsyncConnection, new: Iterable[tuple[str, LedgerRow]]) -> None:
    """Append rows, each given with its thread id."""
    values = [
        {
            "thread_id": thread_id,
            "message_id": row.message_id,
            "index": row.index,
            "sid": row.sid,
            "mutation_id": row.mutation_id,
            "deleted": row.deleted,
            "written_at": row.written_at,
        }
        for thread_id, row in new
    ]
    if values:
        await connection.execute(_INSERT, values)


async def append_next(
    connection: AsyncConnection, thread_id: str, row: LedgerRow, *, writer: str, others: int
) -> int | None:
    """Append *row* with the next index and return that, or None with nothing done: a statement for the usual case.

    It is usual that nobody may write past this library, that nothing is promised to a message to come, that this one is
    newer than all in the ledger, and that the leases of the writers other than *writer* still add up to *others*.
    """
    values = {
        "thread_id": thread_id,
        "message_id": row.message_id,
        "sid": row.sid,
        "mutation_id": row.mutation_id,
        "writer": writer,
        "others": others,
    }
    return (await connection.execute(_APPEND_NEXT, values)).scalar_one_or_none()


_APPEND_NEXT = text(
    """
    INSERT INTO messages (thread_id, message_id, "index", sid, mutation_id, deleted)
    SELECT c.thread_id, CAST(:message_id AS BIGINT),
           (SELECT coalesce(max(m."index") + 1, 0) FROM messages m WHERE m.thread_id = c.thread_id),
           CAST(:sid AS VARCHAR(34)), CAST(:mutation_id AS VARCHAR(64)), false
    FROM conversations c
    WHERE c.thread_id = :thread_id AND NOT c.native
      AND NOT EXISTS (SELECT 1 FROM participants p JOIN identities i ON i.acs_id = p.acs_id
                      WHERE p.thread_id = c.thread_id AND i.native)
      AND NOT EXISTS (SELECT 1 FROM adoptions a WHERE a.thread_id = c.thread_id)
      AND NOT EXISTS (SELECT 1 FROM messages m
                      WHERE m.thread_id = c.thread_id AND m.message_id >= CAST(:message_id AS BIGINT))
      AND (SELECT coalesce(sum(w.until), 0) FROM writers w WHERE w.writer <> :writer) = CAST(:others AS BIGINT)
    RETURNING "index"
    """
)

_INSERT = insert(messages)


async def mark_deleted(connection: AsyncConnection, thread_id: str, message_ids: Iterable[int]) -> None:
    """Note that messages are deleted; they keep their indexes."""
    for chunk in chunks(message_ids):
        condition = (messages.c.thread_id == thread_id) & messages.c.message_id.in_(chunk)
        await connection.execute(update(messages).where(condition).values(deleted=True))


async def advance(connection: AsyncConnection, thread_id: str, *, sequence: int, native: bool) -> None:
    """Note that the ledger is complete up to *sequence*, and whether a writer past this library was seen."""
    synced = conversations.c.synced_sequence
    values: dict[Any, Any] = {synced: case((synced < sequence, sequence), else_=synced)}
    if native:
        values[conversations.c.native] = True
    await connection.execute(
        update(conversations).where(conversations.c.thread_id == thread_id).values(values)
    )


async def around(
    connection: AsyncConnection,
    thread_id: str,
    *,
    start: int | None,
    older: bool,
    limit: int,
    floor: int = 0,
) -> Sequence[LedgerRow]:
    """Return up to *limit* visible messages from index *start* (inclusive; None: from the end), nearest first.

    None of them has an id below *floor*.
    """
    place = {"thread_id": thread_id, "floor": floor, "limit": limit}
    if older:
        place["start"] = LARGEST_INDEX if start is None else start
    else:
        place["start"] = 0 if start is None else start
    found = await connection.execute(_OLDER if older else _NEWER, place)
    return [LedgerRow(each, index, sid, mutation, bool(gone)) for each, index, sid, mutation, gone in found]


_OLDER = text(
    """
    SELECT message_id, "index", sid, mutation_id, deleted FROM messages
    WHERE thread_id = :thread_id AND "index" <= :start AND message_id >= :floor AND NOT deleted
    ORDER BY "index" DESC LIMIT :limit
    """
)
_NEWER = text(
    """
    SELECT message_id, "index", sid, mutation_id, deleted FROM messages
    WHERE thread_id = :thread_id AND "index" >= :start AND message_id >= :floor AND NOT deleted
    ORDER BY "index" ASC LIMIT :limit
    """
)
"""Written as text since they run with every page, twice: composing them costs as much as running them."""


async def count(connection: AsyncConnection, thread_id: str, *, above: int | None = None) -> int:
    """Return how many visible messages a thread has, or how many with an index *above* one."""
    condition = _is_visible(thread_id)
    if above is not None:
        condition &= messages.c.index > above
    return await connection.scalar(select(func.count()).where(condition)) or 0


async def index_at(connection: AsyncConnection, thread_id: str, message_id: int) -> int | None:
    """Return the index of a message, or of the last one before something that is no user's message.

    None where the ledger does not reach as far, or there is none.
    """
    reaches = messages.c.message_id >= message_id
    of_thread = messages.c.thread_id == thread_id
    if (await connection.execute(select(messages.c.sid).where(of_thread & reaches).limit(1))).first() is None:
        return None
    before = of_thread & (messages.c.message_id <= message_id)
    index: int | None = await connection.scalar(select(func.max(messages.c.index)).where(before))
    return index


async def newest(connection: AsyncConnection, thread_ids: Collection[str]) -> dict[str, LedgerRow]:
    """Return the newest visible message of each thread, by thread id."""
    visible = messages.c.index.is_not(None) & ~messages.c.deleted
    found: dict[str, LedgerRow] = {}
    for chunk in chunks(thread_ids):
        last = (
            select(messages.c.thread_id, func.max(messages.c.index).label("last"))
            .where(messages.c.thread_id.in_(chunk), visible)
            .group_by(messages.c.thread_id)
            .subquery()
        )
        same = (messages.c.thread_id == last.c.thread_id) & (messages.c.index == last.c.last)
        query = select(messages).join(last, same)
        found |= {row.thread_id: _read(row) for row in await connection.execute(query)}
    return found


async def newest_ids(connection: AsyncConnection, thread_ids: Collection[str]) -> dict[str, int]:
    """Return the id of the newest message of each thread, deleted or not, by thread id; 0 where there is none."""
    found = dict.fromkeys(thread_ids, 0)
    for chunk in chunks(thread_ids):
        newest = select(messages.c.thread_id, func.max(messages.c.message_id).label("newest"))
        of_chunk = newest.where(messages.c.thread_id.in_(chunk)).group_by(messages.c.thread_id)
        found |= {row.thread_id: row.newest for row in await connection.execute(of_chunk)}
    return found


async def add_overflow(connection: AsyncConnection, thread_id: str, overflow_id: str, content: str) -> None:
    """Keep what did not fit into a message; the id is made of the content, so a second write changes nothing."""
    values = {"thread_id": thread_id, "overflow_id": overflow_id, "content": content}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(overflows).values(values))
    except IntegrityError:
        return


async def overflow_contents(
    connection: AsyncConnection, thread_id: str, overflow_ids: Iterable[str]
) -> dict[str, str]:
    """Return kept overflows by id."""
    found: dict[str, str] = {}
    for chunk in chunks(overflow_ids):
        condition = (overflows.c.thread_id == thread_id) & overflows.c.overflow_id.in_(chunk)
        rows = await connection.execute(select(overflows).where(condition))
        found |= {row.overflow_id: row.content for row in rows}
    return found


def _is_visible(thread_id: str) -> ColumnElement[bool]:
    return (messages.c.thread_id == thread_id) & messages.c.index.is_not(None) & ~messages.c.deleted


def row(
    thread_id: str, message_id: int, index: int | None, mutation_id: str | None, deleted: bool
) -> LedgerRow:
    """Return a new row, with the message's sid."""
    return LedgerRow(message_id, index, message_sid(thread_id, message_id), mutation_id, deleted)


async def _where(
    connection: AsyncConnection, thread_id: str, column: Column[Any], values: Iterable[object]
) -> list[LedgerRow]:
    found: list[LedgerRow] = []
    for chunk in chunks(values):
        condition = (messages.c.thread_id == thread_id) & column.in_(chunk)
        found += [_read(row) for row in await connection.execute(select(messages).where(condition))]
    return found


def _read(row: Row[Any]) -> LedgerRow:
    index: int | None = row._mapping["index"]  # a row is a tuple, whose `index` is a method
    return LedgerRow(row.message_id, index, row.sid, row.mutation_id, row.deleted, row.written_at)
