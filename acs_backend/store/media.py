"""Queries on the table of uploaded files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.sids import message_sid
from acs_backend.store.chunks import chunks
from acs_backend.store.schema import conversations, media, messages


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRow:
    """An uploaded file. ``blob_name`` is a URL for a file that lies elsewhere; ``created_at`` epoch milliseconds."""

    sid: str
    blob_name: str
    content_type: str
    filename: str | None
    size: int
    category: str
    author: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Placed:
    """An uploaded file, and the sids of the conversation and of the message that names it, if one does."""

    row: MediaRow
    conversation_sid: str | None
    message_sid: str | None


async def insert_new(connection: AsyncConnection, rows: Sequence[MediaRow]) -> None:
    """Insert those of *rows* whose sid is not there yet."""
    known = await blob_names(connection, [row.sid for row in rows])
    new = [row for row in rows if row.sid not in known]
    if new:
        values = [{name: getattr(row, name) for name in MediaRow.__slots__} for row in new]
        await connection.execute(insert(media), values)


async def blob_names(connection: AsyncConnection, sids: Collection[str]) -> dict[str, str]:
    """Return the blob name of each of *sids* that is known."""
    names: dict[str, str] = {}
    for some in chunks(sids):
        query = select(media.c.sid, media.c.blob_name).where(media.c.sid.in_(some))
        names |= {row.sid: row.blob_name for row in await connection.execute(query)}
    return names


async def attach(connection: AsyncConnection, sids: Collection[str], thread_id: str, message_id: int) -> None:
    """Note which message names the files *sids*."""
    if sids:
        named = media.c.sid.in_(sids)
        await connection.execute(
            update(media).where(named).values(thread_id=thread_id, message_id=message_id)
        )


async def find(connection: AsyncConnection, sid: str) -> Placed | None:
    """Return a file, and where it is."""
    is_named = (messages.c.thread_id == media.c.thread_id) & (messages.c.message_id == media.c.message_id)
    places = media.outerjoin(conversations, conversations.c.thread_id == media.c.thread_id).outerjoin(
        messages, is_named
    )
    place = conversations.c.sid.label("conversation_sid"), messages.c.sid.label("message_sid")
    query = select(media, *place).select_from(places).where(media.c.sid == sid)
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        return None
    row = MediaRow(**{name: getattr(found, name) for name in MediaRow.__slots__})
    if found.thread_id is None:
        return Placed(row, None, None)
    return Placed(
        row, found.conversation_sid, found.message_sid or message_sid(found.thread_id, found.message_id)
    )


async def claim(connection: AsyncConnection, sids: Collection[str], mutation_id: str) -> bool:
    """Note that a message is about to name the files *sids*; False, with nothing to be kept, where another one does."""
    unused = media.c.mutation_id.is_(None) & media.c.thread_id.is_(None)
    free = media.c.sid.in_(sids) & (unused | (media.c.mutation_id == mutation_id))
    claimed = await connection.execute(update(media).where(free).values(mutation_id=mutation_id))
    return claimed.rowcount == len(sids)


async def release(connection: AsyncConnection, sids: Collection[str], mutation_id: str) -> None:
    """Note that the message was not sent that was about to name the files *sids*."""
    claimed = media.c.sid.in_(sids) & (media.c.mutation_id == mutation_id) & media.c.thread_id.is_(None)
    await connection.execute(update(media).where(claimed).values(mutation_id=None))


async def remove(connection: AsyncConnection, sid: str) -> None:
    """Drop a file."""
    await connection.execute(delete(media).where(media.c.sid == sid))


async def some(connection: AsyncConnection, *, limit: int) -> list[tuple[str, str]]:
    """Return the sids and the blob names of up to *limit* files."""
    rows = await connection.execute(select(media.c.sid, media.c.blob_name).order_by(media.c.sid).limit(limit))
    return [(row.sid, row.blob_name) for row in rows]
