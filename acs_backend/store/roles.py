"""Queries on the table of roles. Times are in epoch milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import roles
from twilio_compat.account import RoleType


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRow:
    """A row."""

    sid: str
    friendly_name: str
    type: RoleType
    permissions: tuple[str, ...]
    created_at: int
    updated_at: int


async def every(connection: AsyncConnection) -> list[RoleRow]:
    """Return all of them, in the order in which they were made."""
    rows = await connection.execute(select(roles).order_by(roles.c.created_at, roles.c.sid))
    return [_read(row) for row in rows]


async def find(connection: AsyncConnection, sid: str) -> RoleRow | None:
    """Return one."""
    row = (await connection.execute(select(roles).where(roles.c.sid == sid))).one_or_none()
    return None if row is None else _read(row)


async def add(connection: AsyncConnection, rows: Iterable[RoleRow]) -> None:
    """Insert *rows*."""
    values = [{name: getattr(row, name) for name in RoleRow.__slots__} for row in rows]
    if values:
        await connection.execute(
            insert(roles), [each | {"permissions": json.dumps(each["permissions"])} for each in values]
        )


async def save(connection: AsyncConnection, row: RoleRow) -> None:
    """Write what may change of a role."""
    values = {"permissions": json.dumps(row.permissions), "updated_at": row.updated_at}
    await connection.execute(update(roles).where(roles.c.sid == row.sid).values(values))


async def remove(connection: AsyncConnection, sid: str) -> bool:
    """Drop one; say whether there was one."""
    return (await connection.execute(delete(roles).where(roles.c.sid == sid))).rowcount == 1


def _read(row: Row[Any]) -> RoleRow:
    return RoleRow(
        sid=row.sid,
        friendly_name=row.friendly_name,
        type=cast(RoleType, row.type),
        permissions=tuple(json.loads(row.permissions)),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
