"""Queries on the table of identities."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, RowMapping, case, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.schema import identities
from twilio_compat.records import JSONValue

_CHUNK = 500
"""Ids per query: databases limit how many values one may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRow:
    """A Twilio identity and the ACS user that stands for it. Times are in epoch milliseconds."""

    identity: str
    acs_id: str
    sid: str
    friendly_name: str | None
    attributes: JSONValue
    native: bool
    created_at: int
    updated_at: int | None = None
    role_sid: str | None = None
    deleted_at: int | None = None


async def find(connection: AsyncConnection, identity: str) -> IdentityRow | None:
    """Return the row of *identity*, if there is one."""
    return await _one(connection, identities.c.identity == identity)


async def by_acs_id(connection: AsyncConnection, acs_id: str) -> IdentityRow | None:
    """Return the row of an ACS user, if there is one."""
    return await _one(connection, identities.c.acs_id == acs_id)


async def by_sid(connection: AsyncConnection, sid: str) -> IdentityRow | None:
    """Return the row with this sid, if there is one."""
    return await _one(connection, identities.c.sid == sid)


async def page(
    connection: AsyncConnection, after: IdentityRow | None, *, without: str, limit: int
) -> list[IdentityRow]:
    """Return up to *limit* users that were made after *after*, in that order; *without* is no user."""
    shown = identities.c.deleted_at.is_(None) & (identities.c.identity != without)
    order = (identities.c.created_at, identities.c.sid)
    if after is not None:
        shown &= tuple_(*order) > tuple_(after.created_at, after.sid)
    rows = await connection.execute(select(identities).where(shown).order_by(*order).limit(limit))
    return [_row(each) for each in rows.mappings()]


async def revive(connection: AsyncConnection, acs_id: str, now: int) -> None:
    """Make a user of who was one and was deleted; nothing changes for all others. *now* is in epoch milliseconds."""
    gone = (identities.c.acs_id == acs_id) & identities.c.deleted_at.is_not(None)
    moved = case((identities.c.updated_at >= now, identities.c.updated_at + 1), else_=now)
    again = {"deleted_at": None, "created_at": now, "updated_at": moved}
    await connection.execute(update(identities).where(gone).values(again))


async def save(connection: AsyncConnection, row: IdentityRow) -> None:
    """Write a row, whether there was one or not."""
    values = {name: getattr(row, name) for name in IdentityRow.__slots__}
    values["attributes"] = json.dumps(row.attributes)
    same = identities.c.identity == row.identity
    if (await connection.execute(update(identities).where(same).values(values))).rowcount == 0:
        await connection.execute(insert(identities).values(values))


async def insert_new(connection: AsyncConnection, row: IdentityRow) -> bool:
    """Insert *row*; False, with nothing changed, if the identity or its ACS user is there already."""
    values = {name: getattr(row, name) for name in IdentityRow.__slots__} | {
        "attributes": json.dumps(row.attributes)
    }
    try:
        async with connection.begin_nested():
            await connection.execute(insert(identities).values(values))
    except IntegrityError:
        return False
    return True


async def names(connection: AsyncConnection, acs_ids: Collection[str]) -> dict[str, str]:
    """Return the identity of each of *acs_ids* that has one."""
    found: dict[str, str] = {}
    for chunk in _chunks(acs_ids):
        query = select(identities.c.acs_id, identities.c.identity).where(identities.c.acs_id.in_(chunk))
        found.update((acs_id, identity) for acs_id, identity in await connection.execute(query))
    return found


async def role_sid(connection: AsyncConnection, acs_id: str) -> str | None:
    """Return the role that a user was given, if any."""
    return await connection.scalar(select(identities.c.role_sid).where(identities.c.acs_id == acs_id))


async def count_closed(connection: AsyncConnection, acs_ids: Collection[str]) -> int:
    """Return how many of *acs_ids* are known and have never been told to anybody."""
    counted = 0
    for chunk in _chunks(acs_ids):
        known = identities.c.acs_id.in_(chunk) & identities.c.native.is_(False)
        counted += await connection.scalar(select(func.count()).where(known)) or 0
    return counted


async def set_attributes(connection: AsyncConnection, identity: str, attributes: JSONValue) -> None:
    """Write the attributes of *identity*, and nothing else."""
    of_identity = update(identities).where(identities.c.identity == identity)
    await connection.execute(of_identity.values(attributes=json.dumps(attributes)))


async def mark_native(connection: AsyncConnection, identity: str) -> None:
    """Note that the ACS user of *identity* was told to somebody."""
    await connection.execute(update(identities).where(identities.c.identity == identity).values(native=True))


async def _one(connection: AsyncConnection, condition: ColumnElement[bool]) -> IdentityRow | None:
    rows = await connection.execute(select(identities).where(condition))
    found = rows.mappings().one_or_none()
    return None if found is None else _row(found)


def _row(found: RowMapping) -> IdentityRow:
    return IdentityRow(**{**found, "attributes": json.loads(found["attributes"])})


def _chunks(acs_ids: Collection[str]) -> list[list[str]]:
    every = sorted(set(acs_ids))
    return [every[start : start + _CHUNK] for start in range(0, len(every), _CHUNK)]
