"""Queries on adoptions: the sids and indexes that messages from elsewhere keep.

Theory of operation
-------------------
A message that is imported keeps the sid and the index that it had. ACS knows nothing of either, and whoever lists the
thread first brings the message into the ledger: another process, or the next one after a crash. So what it is to keep
is *promised* before the message is sent, under its mutation id, and whoever writes the ledger's row looks here. From
then on the row has it, and the promise is dropped in the same transaction.

What is promised is nobody else's: no other message gets the index, nor may be promised it or the sid. A promise whose
message never comes stands for ever, and leaves a gap.

A conversation that was deleted may be imported again. Its rows are kept, but their sids are free: they are given to
whoever asks, and what had them gets one that nobody was ever told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, exists, false, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.sids import message_sid
from acs_backend.store.chunks import chunks
from acs_backend.store.schema import adoptions, conversations, messages


@dataclass(frozen=True, slots=True)
class Adoption:
    """What the message of a mutation id keeps; None: it gets what any other would.

    ``written_at`` is when it was written, in epoch milliseconds.
    """

    mutation_id: str
    sid: str | None
    index: int | None
    written_at: int | None = None

    def fits(self, sid: str | None, index: int | None) -> bool:
        """Say whether a message that has these has what is to be kept."""
        return self.sid in (None, sid) and self.index in (None, index)


async def promise(connection: AsyncConnection, thread_id: str, adoption: Adoption) -> bool:
    """Keep a sid and an index for a message about to be sent; False, with nothing kept, if another one has either.

    The same promise again changes nothing, nor does one that was fulfilled.
    """
    for table in (messages, adoptions):
        same = (table.c.thread_id == thread_id) & (table.c.mutation_id == adoption.mutation_id)
        found = (await connection.execute(select(table.c.sid, table.c["index"]).where(same))).one_or_none()
        if found is not None:
            return adoption.fits(found[0], found[1])
    if adoption.sid is not None:
        await _set_free(connection, adoption.sid)
    for table in (messages, adoptions):
        if await connection.scalar(select(exists().where(_has_either(table, thread_id, adoption)))):
            return False
    values = {name: getattr(adoption, name) for name in Adoption.__slots__}
    await connection.execute(insert(adoptions).values(thread_id=thread_id, **values))
    return True


def _has_either(table: Table, thread_id: str, adoption: Adoption) -> ColumnElement[bool]:
    """Return the condition for rows with the sid or the index that is to be kept."""
    found: ColumnElement[bool] = false()
    if adoption.sid is not None:
        found |= table.c.sid == adoption.sid
    if adoption.index is not None:
        found |= (table.c.thread_id == thread_id) & (table.c["index"] == adoption.index)
    return found


async def of(
    connection: AsyncConnection, thread_id: str, mutation_ids: Collection[str]
) -> dict[str, Adoption]:
    """Return what is promised to the messages of these mutation ids, by mutation id."""
    found: dict[str, Adoption] = {}
    for chunk in chunks(mutation_ids):
        wanted = (adoptions.c.thread_id == thread_id) & adoptions.c.mutation_id.in_(chunk)
        for row in await connection.execute(select(adoptions).where(wanted)):
            found[row.mutation_id] = _read(row)
    return found


async def fulfil(
    connection: AsyncConnection, thread_id: str, kept: Sequence[Adoption], message_ids: Collection[int]
) -> None:
    """Drop promises that rows of the ledger, of these messages, have fulfilled.

    To import a message is no activity: a conversation that is inactive stays so, unless another one is newer as well.
    """
    for chunk in chunks([each.mutation_id for each in kept]):
        of_chunk = (adoptions.c.thread_id == thread_id) & adoptions.c.mutation_id.in_(chunk)
        await connection.execute(delete(adoptions).where(of_chunk))
    await _stay_inactive(connection, thread_id, message_ids)


async def _stay_inactive(connection: AsyncConnection, thread_id: str, message_ids: Collection[int]) -> None:
    of_thread = conversations.c.thread_id == thread_id
    since = func.coalesce(conversations.c.quiet_after, conversations.c.state_updated_at)
    inactive = of_thread & (conversations.c.state == "inactive")
    quiet_after = await connection.scalar(select(since).where(inactive))
    if quiet_after is None or not message_ids or max(message_ids) <= quiet_after:
        return
    newer = (messages.c.thread_id == thread_id) & (messages.c.message_id > quiet_after)
    found = set((await connection.execute(select(messages.c.message_id).where(newer))).scalars())
    if found <= set(message_ids):
        await connection.execute(update(conversations).where(inactive).values(quiet_after=max(message_ids)))


async def _set_free(connection: AsyncConnection, sid: str) -> None:
    """Take a sid from a message of a conversation that was deleted."""
    gone = select(conversations.c.thread_id).where(conversations.c.deleted_at.is_not(None))
    await connection.execute(delete(adoptions).where(adoptions.c.sid == sid, adoptions.c.thread_id.in_(gone)))
    held = (messages.c.sid == sid) & messages.c.thread_id.in_(gone)
    holder = (
        await connection.execute(select(messages.c.thread_id, messages.c.message_id).where(held))
    ).one_or_none()
    if holder is not None:
        another = message_sid(f"deleted {holder.thread_id}", holder.message_id)
        await connection.execute(update(messages).where(held).values(sid=another))


def _read(row: Row[Any]) -> Adoption:
    index: int | None = row._mapping["index"]  # a row is a tuple, whose `index` is a method
    return Adoption(row.mutation_id, row.sid, index, row.written_at)
