"""Queries on the tables of errands and of their lines. Times are in epoch milliseconds.

Theory of operation
-------------------
Of one line only the first errand that waits may be taken. To find that among all errands would take looking at every
one that waits behind another. So each line in which something waits has a row, which says from when on its first
errand can be taken, and an index over that finds the lines that are ready, however long they are.

The row of a line moves with each event, in the transaction of the event: transactions that write take turns, so it is
always right. While an errand of the line is held, the row says until when; only the end of that hold, or what becomes
of that errand, lets the line go on. So whoever comes late with an errand that somebody else was given meanwhile does
not release what that one holds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.store.chunks import chunks
from acs_backend.store.inserts import insert_missing
from acs_backend.store.schema import errand_lines, errands
from twilio_compat.records import JSONObject

WAITING: Final = "waiting"
DONE: Final = "done"
DEAD: Final = "dead"

_ADDING: Final = insert(errands).returning(errands.c.errand_id, errands.c.queue, errands.c.key)
_KNOWN: Final = select(errands.c.queue, errands.c.key).where(
    errands.c.queue.in_(bindparam("queues", expanding=True)),
    errands.c.key.in_(bindparam("keys", expanding=True)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewErrand:
    """A row to be added."""

    queue: str
    line: str
    key: str
    content: JSONObject
    due_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrandRow:
    """A row. ``attempts`` counts how often it was taken before."""

    errand_id: int
    queue: str
    line: str
    key: str
    content: JSONObject
    due_at: int
    attempts: int
    state: str
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a queue, how much was given up, and when the oldest that waits was added."""

    waiting: int
    dead: int
    oldest: int | None


async def add(connection: AsyncConnection, new: Sequence[NewErrand], now: int) -> Mapping[int, NewErrand]:
    """Insert those of *new* whose key is unknown in their queue, in the order given; return them by their ids."""
    fresh: dict[tuple[str, str], NewErrand] = {}
    for each in new:
        fresh.setdefault((each.queue, each.key), each)
    for known in await _known(connection, fresh):
        del fresh[known]
    if not fresh:
        return {}
    rows = await connection.execute(_ADDING, [_values(each, now) for each in fresh.values()])
    added = {row.errand_id: fresh[row.queue, row.key] for row in sorted(rows)}
    await _open_lines(connection, added.values())
    return added


async def take(
    connection: AsyncConnection, queue: str, *, limit: int, now: int, until: int
) -> list[ErrandRow]:
    """Hold the first errands of up to *limit* lines that are ready, those that have been so for longest first."""
    taken: list[ErrandRow] = []
    for line in await _ready(connection, queue, limit=limit, now=now):
        head = _read((await connection.execute(select(errands).where(_head_of(queue, line)))).one())
        if head.due_at <= now:
            taken.append(head)
            moved: dict[str, int | None] = {"ready_at": until, "held_errand": head.errand_id}
        else:  # put off by somebody whose hold was over
            moved = {"ready_at": head.due_at, "held_errand": None}
        await connection.execute(update(errand_lines).where(_is_line(queue, line)).values(moved))
    for some in chunks(each.errand_id for each in taken):
        counted = update(errands).where(errands.c.errand_id.in_(some))
        await connection.execute(counted.values(attempts=errands.c.attempts + 1))
    return taken


async def finish(connection: AsyncConnection, errand_id: int, now: int) -> None:
    """Note that an errand was done; its line goes on."""
    await _move(connection, errand_id, (WAITING, DEAD), now, state=DONE, due_at=now)


async def put_off(
    connection: AsyncConnection, errand_id: int, *, due_at: int, error: str, now: int, uncounted: bool = False
) -> None:
    """Have an errand that waits done at another time; its line waits with it. *uncounted*: as if it was not taken."""
    attempts = errands.c.attempts - 1 if uncounted else errands.c.attempts
    await _move(connection, errand_id, (WAITING,), now, due_at=due_at, last_error=error, attempts=attempts)


async def bury(connection: AsyncConnection, errand_id: int, *, error: str, now: int) -> None:
    """Give an errand that waits up; its line goes on."""
    await _move(connection, errand_id, (WAITING,), now, state=DEAD, due_at=now, last_error=error)


async def revive(connection: AsyncConnection, queue: str, keys: Collection[str] | None, now: int) -> int:
    """Have those that were given up (None: all) wait again, as if they were new; return how many that was."""
    dead = (errands.c.queue == queue) & (errands.c.state == DEAD)
    wanted = [dead] if keys is None else [dead & errands.c.key.in_(some) for some in chunks(keys)]
    revived = 0
    for each in wanted:
        lines = (await connection.execute(select(errands.c.line).where(each).distinct())).scalars().all()
        again = update(errands).where(each).values(state=WAITING, due_at=now, attempts=0)
        revived += (await connection.execute(again)).rowcount
        await _reopen_lines(connection, queue, lines, now)
    return revived


async def dead(connection: AsyncConnection, queue: str, *, limit: int) -> list[ErrandRow]:
    """Return those that were given up, first those that were so first."""
    query = select(errands).where(errands.c.queue == queue, errands.c.state == DEAD)
    rows = await connection.execute(query.order_by(errands.c.due_at, errands.c.errand_id).limit(limit))
    return [_read(row) for row in rows]


async def amend(connection: AsyncConnection, queue: str, key: str, *, now: int, **values: object) -> bool:
    """Change an errand that waits and that nobody holds; say whether there was one."""
    held = (errand_lines.c.held_errand == errands.c.errand_id) & (errand_lines.c.ready_at > now)
    free = ~exists().where(errand_lines.c.queue == errands.c.queue, held)
    waits = (errands.c.queue == queue) & (errands.c.key == key) & (errands.c.state == WAITING)
    errand_id = await connection.scalar(select(errands.c.errand_id).where(waits, free))
    if errand_id is None:
        return False
    await _move(connection, errand_id, (WAITING,), now, **values)
    return True


async def backlog(connection: AsyncConnection, queue: str, line: str | None = None) -> Backlog:
    """Count what waits and what was given up, in one line or in all of a queue."""
    counted = func.count().label("many"), func.min(errands.c.errand_id).label("first")
    of_state = select(errands.c.state, *counted).where(
        errands.c.queue == queue, errands.c.state.in_((WAITING, DEAD))
    )
    if line is not None:
        of_state = of_state.where(errands.c.line == line)
    rows = {row.state: row for row in await connection.execute(of_state.group_by(errands.c.state))}
    waiting, given_up = rows.get(WAITING), rows.get(DEAD)
    oldest = None
    if waiting is not None:
        oldest = await connection.scalar(
            select(errands.c.created_at).where(errands.c.errand_id == waiting.first)
        )
    return Backlog(_count(waiting), _count(given_up), oldest)


async def next_ready(connection: AsyncConnection, queue: str) -> int | None:
    """Return when the next errand can be taken; None where none waits."""
    of_queue = select(func.min(errand_lines.c.ready_at)).where(errand_lines.c.queue == queue)
    ready: int | None = await connection.scalar(of_queue)
    return ready


async def trim(connection: AsyncConnection, queue: str, before: int, *, limit: int) -> None:
    """Drop up to *limit* errands that were done before a time, and as many that were given up, the oldest first."""
    for state in (DONE, DEAD):
        over = (errands.c.queue == queue) & (errands.c.state == state) & (errands.c.due_at < before)
        oldest = select(errands.c.errand_id).where(over).order_by(errands.c.due_at).limit(limit)
        await connection.execute(delete(errands).where(errands.c.errand_id.in_(oldest.scalar_subquery())))


# Lines


async def _ready(connection: AsyncConnection, queue: str, *, limit: int, now: int) -> Sequence[str]:
    ready = (errand_lines.c.queue == queue) & (errand_lines.c.ready_at <= now)
    query = select(errand_lines.c.line).where(ready).order_by(errand_lines.c.ready_at, errand_lines.c.line)
    return (await connection.execute(query.limit(limit))).scalars().all()


async def _open_lines(connection: AsyncConnection, added: Iterable[NewErrand]) -> None:
    """Make the rows of those lines in which nothing waited before."""
    firsts: dict[tuple[str, str], NewErrand] = {}
    for each in added:
        firsts.setdefault((each.queue, each.line), each)
    if firsts:
        values = [
            {"queue": queue, "line": line, "ready_at": each.due_at} for (queue, line), each in firsts.items()
        ]
        await connection.execute(insert_missing(connection, errand_lines), values)


async def _reopen_lines(connection: AsyncConnection, queue: str, lines: Iterable[str], now: int) -> None:
    """Bring lines up to date in which something waits again, perhaps before what is their first errand now."""
    for some in chunks(lines):
        values = [{"queue": queue, "line": each, "ready_at": now} for each in some]
        await connection.execute(insert_missing(connection, errand_lines), values)
        await _let_go(connection, (errand_lines.c.queue == queue) & errand_lines.c.line.in_(some), None, now)


async def _move(
    connection: AsyncConnection, errand_id: int, states: Collection[str], now: int, **values: object
) -> None:
    """Change an errand that is in one of *states*, and let its line go on if it was waiting there."""
    found = (errands.c.errand_id == errand_id) & errands.c.state.in_(states)
    place = select(errands.c.queue, errands.c.line, errands.c.state).where(found)
    row = (await connection.execute(place)).one_or_none()
    if row is None:
        return
    await connection.execute(update(errands).where(errands.c.errand_id == errand_id).values(**values))
    if row.state == WAITING:
        await _let_go(connection, _is_line(row.queue, row.line), errand_id, now)


async def _let_go(
    connection: AsyncConnection, lines: ColumnElement[bool], errand_id: int | None, now: int
) -> None:
    """Have lines wait for what is their first errand now, but for those in which another than *errand_id* is held."""
    free = or_(
        errand_lines.c.held_errand.is_(None),
        errand_lines.c.held_errand == errand_id,
        errand_lines.c.ready_at <= now,
    )
    await connection.execute(delete(errand_lines).where(lines, _first(errands.c.errand_id).is_(None)))
    moved = update(errand_lines).where(lines, free)
    await connection.execute(moved.values(ready_at=_first(errands.c.due_at), held_errand=None))


def _first(column: Any) -> ScalarSelect[Any]:
    """Return the query for a column of the first errand that waits in a line of the enclosing statement."""
    waits = and_(
        errands.c.queue == errand_lines.c.queue,
        errands.c.line == errand_lines.c.line,
        errands.c.state == WAITING,
    )
    first = select(column).where(waits).order_by(errands.c.errand_id).limit(1)
    return first.correlate(errand_lines).scalar_subquery()


def _head_of(queue: str, line: str) -> ColumnElement[bool]:
    waits = (errands.c.queue == queue) & (errands.c.line == line) & (errands.c.state == WAITING)
    return errands.c.errand_id == select(func.min(errands.c.errand_id)).where(waits).scalar_subquery()


def _is_line(queue: str, line: str) -> ColumnElement[bool]:
    return (errand_lines.c.queue == queue) & (errand_lines.c.line == line)


# Rows


async def _known(connection: AsyncConnection, keys: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those of *keys*, each with its queue before it, that were added before."""
    queues, found = list({queue for queue, _ in keys}), list[tuple[str, str]]()
    for some in chunks(key for _, key in keys):
        rows = await connection.execute(_KNOWN, {"queues": queues, "keys": some})
        found += [(row.queue, row.key) for row in rows if (row.queue, row.key) in keys]
    return found


def _values(new: NewErrand, now: int) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(new, name) for name in NewErrand.__slots__}
    return values | {
        "content": json.dumps(new.content),
        "created_at": now,
        "attempts": 0,
        "state": WAITING,
        "last_error": None,
    }


def _read(row: Row[Any]) -> ErrandRow:
    values = {name: getattr(row, name) for name in ErrandRow.__slots__}
    return ErrandRow(**(values | {"content": json.loads(row.content)}))


def _count(row: Row[Any] | None) -> int:
    return 0 if row is None else int(row.many)
