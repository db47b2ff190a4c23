"""The ordered change feed of the store.

Who changes what others are to hear of adds a change in the same transaction. Transactions that write take turns over
all processes, so the ids of changes ascend in the order in which the transactions were committed: a reader that has
seen a change has seen every earlier one. A change carries the new state, so that two changes in a row are two pieces
of news, whenever they are read. Times are in epoch milliseconds.

Old changes are dropped, now and then, by whoever adds one. A reader asks for what comes after the change that it saw
last. If that one is gone, so may be others that it has not seen, and it must begin anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Insert, Row, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from acs_backend.store.schema import changes
from twilio_compat.records import JSONValue


class Kind(StrEnum):
    """What a change is about, and whom it is for."""

    CONVERSATION = "conversation"
    """The row of a conversation, for its members."""
    PARTICIPANT = "participant"
    """The row of a member, ``acs_id``, for all members."""
    TYPING = "typing"
    """A member, ``acs_id``, types; for the other members, and only for as long as it holds."""
    MEMBERSHIP = "membership"
    """``acs_id`` was added to a thread or removed from it: worth a look, for them and for the members."""
    EDIT = "edit"
    """A message of a thread was edited or deleted, which ACS's list of threads need not show: worth a reading."""
    USER = "user"
    """The row of a user, ``acs_id``, for everybody."""
    UNKNOWN = "unknown"
    """What a later version of this library told; its processes may share the store. For nobody."""

    @classmethod
    def _missing_(cls, value: object) -> Kind:
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row of the feed."""

    change_id: int
    changed_at: int
    kind: Kind
    thread_id: str | None
    acs_id: str | None
    content: JSONValue


CHANNEL = "twilio_compat_changes"
"""What PostgreSQL notifies its listeners on; of a schema of its own, with its name behind it."""
SCHEMA = "schema of the store"
"""The execution option of an engine that names its schema, if it has one of its own."""
ADDED = "change added"
"""Key in the ``info`` of a connection whose transaction adds a change."""
KEPT_MS = 3_600_000
"""How long a change is kept at least: longer than any reader is away without having to begin anew."""
TRIMMED_EVERY = 100
"""Changes after which the old ones are dropped."""


class ForgottenChangesError(LookupError):
    """The change that a reader wants to go on after was dropped, and with it perhaps some that it has not seen."""


async def add(
    connection: AsyncConnection,
    kind: Kind,
    *,
    now: int,
    thread_id: str | None = None,
    acs_id: str | None = None,
    content: JSONValue = None,
) -> None:
    """Add a change to the feed, as part of the transaction that makes it; readers are woken when that is committed."""
    row = insert(changes).values(
        changed_at=now, kind=kind.value, thread_id=thread_id, acs_id=acs_id, content=json.dumps(content)
    )
    change_id = (await connection.execute(_returning(connection, row))).scalar_one()
    connection.info[ADDED] = True
    if change_id % TRIMMED_EVERY == 0:
        await forget(connection, now - KEPT_MS)


def _returning(connection: AsyncConnection, row: Insert) -> ReturningInsert[Any]:
    """Return a statement that gives the id, and on PostgreSQL notifies the listeners with the commit."""
    if connection.dialect.name == "postgresql":
        options = connection.sync_connection.get_execution_options() if connection.sync_connection else {}
        return row.returning(changes.c.change_id, func.pg_notify(channel(options.get(SCHEMA)), ""))
    return row.returning(changes.c.change_id)


def channel(schema: str | None) -> str:
    """Return what PostgreSQL notifies the listeners of a schema on; None: of the usual one."""
    return CHANNEL if schema is None else f"{CHANNEL}_{schema}"


async def newest(connection: AsyncConnection) -> int:
    """Return the id of the newest change; 0 where there never was one."""
    return await connection.scalar(select(func.max(changes.c.change_id))) or 0


async def after(connection: AsyncConnection, change_id: int, *, limit: int) -> list[Change]:
    """Return up to *limit* changes that are newer than *change_id*, in order.

    `ForgottenChangesError` where older ones were dropped up to beyond that id.
    """
    query = select(changes).where(changes.c.change_id >= change_id).order_by(changes.c.change_id)
    found = [_read(row) for row in await connection.execute(query.limit(limit + 1))]
    if change_id == 0:
        if found and found[0].change_id > 1:
            raise ForgottenChangesError
        return found[:limit]
    if not found or found[0].change_id != change_id:
        raise ForgottenChangesError
    return found[1:]


async def forget(connection: AsyncConnection, before: int) -> None:
    """Drop what is older than the newest change from before a time.

    That one stays, for `after` to recognise: whoever has seen it has missed nothing.
    """
    newest_old = select(func.max(changes.c.change_id)).where(changes.c.changed_at < before).scalar_subquery()
    await connection.execute(delete(changes).where(changes.c.change_id < newest_old))


def _read(row: Row[Any]) -> Change:
    return Change(
        change_id=row.change_id,
        changed_at=row.changed_at,
        kind=Kind(row.kind),
        thread_id=row.thread_id,
        acs_id=row.acs_id,
        content=json.loads(row.content),
    )
