"""Durable queues: what is to be done later, by whichever process takes it, once each as far as that can be.

Theory of operation
-------------------
An errand waits in the store until somebody takes it and says what became of it. Whoever takes one holds its whole line
for a while: nobody else is given anything of that line, so what is in a line is done in order. Who dies holding one
leaves it to the next when the hold has run out, so an errand may be done twice, but is never forgotten; and one that
was added twice under the same key is one.

What was done is kept for a week, so that its key is known, and what was given up as long, so that it can be revived.
After that it is dropped, now and then, by whoever adds something.

Times are those of the process that asks; the clocks should agree to within what an errand is held for.
`acs_backend.store.errands` has the queries, and says how they find what is ready.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from acs_backend.store import errands as table
from acs_backend.store.database import Database
from acs_backend.text import as_text
from acs_backend.times import to_milliseconds, to_time
from twilio_compat.account import Backlog, Errand, TakenErrand
from twilio_compat.records import JSONObject

KEPT = timedelta(days=7)
"""How long an errand that is over is kept."""
TRIMMED_EVERY = 100
"""Errands after which old ones are dropped: five times as many, so that there is an end to it."""


class Queues:
    """The port's errands."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        """Keep them in *database*; *clock* tells what is due."""
        self._database = database
        self._clock = clock

    async def add(self, errands: Sequence[Errand]) -> int:
        """Add those whose key their queue does not know; return how many that was."""
        async with self._database.write() as connection:
            now = self._now()
            added = await table.add(connection, [_row(each) for each in errands], now)
            newest = max(added, default=0)
            if newest // TRIMMED_EVERY != (newest - len(added)) // TRIMMED_EVERY:
                limit = 5 * max(len(added), TRIMMED_EVERY)
                for queue in {each.queue for each in added.values()}:
                    await table.trim(connection, queue, now - KEPT // timedelta(milliseconds=1), limit=limit)
        return len(added)

    async def amend(self, queue: str, key: str, *, content: JSONObject, due: datetime) -> bool:
        """Give one that nobody has taken another content and time; say whether."""
        async with self._database.write() as connection:
            return await table.amend(
                connection,
                queue,
                key,
                now=self._now(),
                content=json.dumps(content),
                due_at=to_milliseconds(due),
            )

    async def withdraw(self, queue: str, key: str) -> bool:
        """Have one that nobody has taken count as done; say whether."""
        async with self._database.write() as connection:
            now = self._now()
            return await table.amend(connection, queue, key, now=now, state=table.DONE, due_at=now)

    async def of_line(self, queue: str, line: str) -> Backlog:
        """Say how much waits in a line, and how much of it was given up."""
        async with self._database.read() as connection:
            return _backlog(await table.backlog(connection, queue, line))

    async def take(self, queue: str, *, limit: int, hold: float) -> Sequence[TakenErrand]:
        """Return up to *limit* that are due, at most one of each line, and hold their lines for *hold* seconds.

        Where nothing is due, that is known without waiting for those who write.
        """
        async with self._database.read() as connection:
            ready = await table.next_ready(connection, queue)
        if ready is None or ready > self._now():
            return []
        async with self._database.write(durable=False) as connection:
            now = self._now()
            until = now + int(hold * 1000)
            taken = await table.take(connection, queue, limit=limit, now=now, until=until)
        return [_taken(each) for each in taken]

    async def done(self, errand_id: int) -> None:
        """Note that it was done; its line goes on."""
        async with self._database.write() as connection:
            await table.finish(connection, errand_id, self._now())

    async def retry(self, errand_id: int, *, at: datetime, error: str, is_failure: bool = True) -> None:
        """Note that it is to be tried again at a time; its line waits for it. Where that is no failure it is not counted."""
        async with self._database.write() as connection:
            await table.put_off(
                connection,
                errand_id,
                due_at=to_milliseconds(at),
                error=as_text(error),
                now=self._now(),
                uncounted=not is_failure,
            )

    async def bury(self, errand_id: int, *, error: str) -> None:
        """Give it up; its line goes on."""
        async with self._database.write() as connection:
            await table.bury(connection, errand_id, error=as_text(error), now=self._now())

    async def revive(self, queue: str, keys: Sequence[str] | None = None) -> int:
        """Have those that were given up (None: all) done again, as if they were new; return how many that was."""
        async with self._database.write() as connection:
            return await table.revive(connection, queue, keys, self._now())

    async def dead(self, queue: str, *, limit: int) -> Sequence[TakenErrand]:
        """Return those that were given up, oldest first."""
        async with self._database.read() as connection:
            return [_taken(each) for each in await table.dead(connection, queue, limit=limit)]

    async def backlog(self, queue: str) -> Backlog:
        """Say how much waits, and how much was given up."""
        async with self._database.read() as connection:
            return _backlog(await table.backlog(connection, queue))

    async def next_due(self, queue: str) -> datetime | None:
        """Say when the next one can be taken; None where none waits."""
        async with self._database.read() as connection:
            ready = await table.next_ready(connection, queue)
        return None if ready is None else to_time(ready)

    def _now(self) -> int:
        return to_milliseconds(self._clock())


def _backlog(found: table.Backlog) -> Backlog:
    oldest = None if found.oldest is None else to_time(found.oldest)
    return Backlog(waiting=found.waiting, dead=found.dead, oldest=oldest)


def _row(errand: Errand) -> table.NewErrand:
    return table.NewErrand(
        queue=errand.queue,
        line=errand.line,
        key=errand.key,
        content=errand.content,
        due_at=to_milliseconds(errand.due),
    )


def _taken(row: table.ErrandRow) -> TakenErrand:
    errand = Errand(queue=row.queue, line=row.line, key=row.key, content=row.content, due=to_time(row.due_at))
    return TakenErrand(
        errand_id=row.errand_id, errand=errand, attempts=row.attempts, last_error=row.last_error
    )
