"""Queries on the table of documents: JSON objects by kind and name. Times are in epoch milliseconds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import documents
from acs_backend.times import later
from twilio_compat.records import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """A row."""

    kind: str
    name: str
    content: JSONObject
    created_at: int
    updated_at: int


async def every(connection: AsyncConnection, kind: str, *, after: int | None = None) -> list[DocumentRow]:
    """Return all of a kind, or those made *after* a time, in the order in which they were made."""
    query = select(documents).where(documents.c.kind == kind).order_by(documents.c.created_at)
    if after is not None:
        query = query.where(documents.c.created_at > after)
    return [_read(row) for row in await connection.execute(query)]


async def find(connection: AsyncConnection, kind: str, name: str) -> DocumentRow | None:
    """Return one."""
    row = (await connection.execute(select(documents).where(_named(kind, name)))).one_or_none()
    return None if row is None else _read(row)


async def put(
    connection: AsyncConnection, kind: str, name: str, content: JSONObject, now: int
) -> DocumentRow:
    """Write one, in place of the one that is there.

    No two of a kind are made at the same time, nor is one changed at the time of its last change, whatever the clocks say.
    """
    old = await find(connection, kind, name)
    if old is None:
        newest = await connection.scalar(
            select(func.max(documents.c.created_at)).where(documents.c.kind == kind)
        )
        made = now if newest is None else later(newest, now)
        new = DocumentRow(kind=kind, name=name, content=content, created_at=made, updated_at=made)
        values = {each: getattr(new, each) for each in DocumentRow.__slots__}
        await connection.execute(insert(documents).values(values | {"content": json.dumps(content)}))
        return new
    moved = later(old.updated_at, now)
    await connection.execute(
        update(documents).where(_named(kind, name)).values(content=json.dumps(content), updated_at=moved)
    )
    return DocumentRow(kind=kind, name=name, content=content, created_at=old.created_at, updated_at=moved)


async def remove(connection: AsyncConnection, kind: str, name: str) -> bool:
    """Drop one; say whether there was one."""
    return (await connection.execute(delete(documents).where(_named(kind, name)))).rowcount == 1


def _named(kind: str, name: str) -> ColumnElement[bool]:
    return (documents.c.kind == kind) & (documents.c.name == name)


def _read(row: Row[Any]) -> DocumentRow:
    return DocumentRow(
        kind=row.kind,
        name=row.name,
        content=json.loads(row.content),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
