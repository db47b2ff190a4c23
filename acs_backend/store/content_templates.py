"""Queries on the table of content templates. Times are in epoch milliseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import content_templates
from twilio_compat.records import JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentTemplate:
    """A row."""

    sid: str
    friendly_name: str
    variables: Mapping[str, str]
    types: Mapping[str, JSONValue]
    created_at: int
    updated_at: int


async def every(connection: AsyncConnection) -> list[ContentTemplate]:
    """Return all of them, in ascending order of sid."""
    rows = await connection.execute(select(content_templates).order_by(content_templates.c.sid))
    return [_read(row) for row in rows]


async def find(connection: AsyncConnection, sid: str) -> ContentTemplate | None:
    """Return one."""
    rows = await connection.execute(select(content_templates).where(content_templates.c.sid == sid))
    row = rows.one_or_none()
    return None if row is None else _read(row)


async def put(connection: AsyncConnection, row: ContentTemplate) -> None:
    """Write *row*, in place of one with the same sid."""
    await remove(connection, row.sid)
    values = {name: getattr(row, name) for name in ContentTemplate.__slots__}
    values |= {name: json.dumps(values[name]) for name in ("variables", "types")}
    await connection.execute(insert(content_templates).values(values))


async def remove(connection: AsyncConnection, sid: str) -> None:
    """Drop one; nothing happens where there is none."""
    await connection.execute(delete(content_templates).where(content_templates.c.sid == sid))


def _read(row: Row[Any]) -> ContentTemplate:
    return ContentTemplate(
        sid=row.sid,
        friendly_name=row.friendly_name,
        variables=json.loads(row.variables),
        types=json.loads(row.types),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
