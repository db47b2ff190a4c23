"""Queries on the table of uploaded files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.chunks import chunks
from acs_backend.store.schema import media


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
