"""Moving conversations on: what `acs_backend.timers` says must happen to their states, happens here.

Theory of operation
-------------------
Nothing runs when a timer does. A row says when it is to be looked at (``due_at``), and two look: whoever asks for what
is due (`Movements.move_due`, from a worker), and whoever comes by anyway, to read a conversation or to write to it. So
nobody ever sees a state that time has overtaken, with a worker or without. To send a message changes nothing of this:
``due_at`` is only the earliest time, and who looks at it reads the newest message of the ledger, and puts it off.

A state moves in a transaction that reads the row and the ledger, so of several that look at once one moves it. Before,
the ledger is made complete, unless it certainly is: a message that another process, or a client of ACS, has just sent
counts as well. That takes a request, but only where something would move otherwise.

A move is added to the change feed as any other change. It is also to be told once to whoever asks for moves, which may
be another process than the one that came by; so the row keeps it (``untold``), and is due until it was asked for. The
newest `KEPT` of them are kept: where nobody ever asks, they must not grow without end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import change_contents, records, timers
from acs_backend.errors import Subject, translated
from acs_backend.identities import Identities
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.recorder import Recorder
from acs_backend.records import Known
from acs_backend.stand_ins import StandIns
from acs_backend.store import changes as feed
from acs_backend.store import conversations as table
from acs_backend.store import messages
from acs_backend.store.changes import Kind
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.timers import Moved
from acs_backend.times import to_milliseconds, to_time
from twilio_compat.account import StateMove
from twilio_compat.errors import NotFoundError, TranslationGapError, TwilioCompatError
from twilio_compat.records import ConversationState, ConversationStateName, JSONValue

BATCH = 100
"""Conversations that are looked at in one transaction."""
KEPT = 20
GLANCE = 20
"""Entries of a thread that a look at what is new asks for."""
PUT_OFF = 60_000
"""Milliseconds after which a conversation is looked at again whose thread could not be read."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Movements:
    """Moves the conversations of one backend on; *clock* tells the time."""

    database: Database
    identities: Identities
    ledger: Ledger
    recorder: Recorder
    stand_ins: StandIns
    clock: Callable[[], datetime]

    async def settled(self, rows: Mapping[str, Conversation]) -> dict[str, Conversation]:
        """Return rows, by thread, as they are once what time and messages have done to them is written down.

        One whose thread cannot be read for now stays as it was.
        """
        result = dict(rows)
        suspects = [each for each in rows.values() if self._is_suspect(each)]
        for row in await self._overtaken(suspects):
            if await self._is_certain(row):
                async with self.database.write() as connection:
                    result[row.thread_id] = await self._settle(connection, row.thread_id) or row
        return result

    async def settle_due(self) -> None:
        """Write down what has come due in all of them, for whoever asks for moves later."""
        last: Conversation | None = None
        while True:
            async with self.database.read() as connection:
                rows = await table.due(connection, self._now(), after=last, limit=BATCH)
            if not rows:
                return
            last = rows[-1]
            await self.settled({each.thread_id: each for each in rows})

    async def complete(self, thread_id: str) -> None:
        """See to it that the ledger of a thread has every message that there is. Raises the port's errors."""
        if not await self.recorder.is_complete(thread_id):
            with translated(Subject.CONVERSATION):
                await self.stand_ins.act(
                    thread_id, lambda user: self.ledger.catch_up(user, thread_id, size=GLANCE)
                )

    async def wake(self, thread_id: str, message_id: int) -> None:
        """Make a conversation active again into which this message was sent, if it still is inactive."""
        async with self.database.write() as connection:
            row = await table.by_thread(connection, thread_id)
            if row is not None and timers.is_woken(row, message_id):
                moved = timers.into(row, "active", newest=message_id, now=self._now())
                await self._write(connection, row, [Moved(moved, row.state)])

    async def move_due(self) -> Sequence[StateMove]:
        """Move on those whose time has come, and return what moved, each move once to one caller of any process."""
        while True:
            async with self.database.read() as connection:
                rows = await table.due(connection, self._now(), limit=BATCH)
            if not rows:
                return []
            unread = {
                each.thread_id for each in await self._overtaken(rows) if not await self._is_certain(each)
            }
            async with self.database.write() as connection:
                moves = [
                    move for each in rows for move in await self._take(connection, each.thread_id, unread)
                ]
            if moves or len(rows) < BATCH:
                break
        if any(each.conversation.state.current == "closed" for each in moves):
            await self.identities.notice()
        return moves

    # Steps

    def _is_suspect(self, row: Conversation) -> bool:
        """Say whether it may have moved on, without a look at its messages."""
        due = timers.due_at(row) if timers.has_timers(row) else None
        return row.state == "inactive" or (due is not None and due <= self._now())

    async def _overtaken(self, rows: Sequence[Conversation]) -> Sequence[Conversation]:
        """Return those which have moved on, as far as the store knows."""
        if not rows:
            return []
        await self.recorder.flush()
        async with self.database.read() as connection:
            newest = await messages.newest_ids(connection, [each.thread_id for each in rows])
        now = self._now()
        return [each for each in rows if timers.settled(each, newest[each.thread_id], now)]

    async def _is_certain(self, row: Conversation) -> bool:
        """Make the ledger complete; say whether it is. Of a thread that is gone it never will be."""
        try:
            await self.complete(row.thread_id)
        except (NotFoundError, TranslationGapError):
            return True
        except TwilioCompatError as error:
            _log.warning("A conversation is not moved on, since it cannot be read for now: %s", error)
            return False
        return True

    async def _settle(self, connection: AsyncConnection, thread_id: str) -> Conversation | None:
        """Write down what time and messages have done to a conversation, and return it; None if it is gone."""
        row = await table.by_thread(connection, thread_id)
        if row is None or row.deleted_at is not None:
            return None
        newest = (await messages.newest_ids(connection, [thread_id]))[thread_id]
        return await self._write(connection, row, timers.settled(row, newest, self._now()))

    async def _write(
        self, connection: AsyncConnection, row: Conversation, moved: Sequence[Moved]
    ) -> Conversation:
        """Write moves of a conversation, each a change of its own, to be told to who asks for moves."""
        for each in moved:
            told: list[JSONValue] = [
                *_untold(row),
                [each.before, each.row.state, each.row.state_updated_at],
            ]
            row = timers.scheduled(replace(each.row, untold=told[-KEPT:]))
            await table.save(connection, row)
            content = change_contents.of_conversation(row)
            await feed.add(
                connection, Kind.CONVERSATION, now=self._now(), thread_id=row.thread_id, content=content
            )
        return row

    async def _take(
        self, connection: AsyncConnection, thread_id: str, unread: set[str]
    ) -> Sequence[StateMove]:
        """Settle a conversation that is due, and return its moves, which nobody else is told then."""
        if thread_id in unread:
            await table.put_off(connection, thread_id, self._now() + PUT_OFF)
            return []
        row = await self._settle(connection, thread_id)
        if row is None:
            return []
        newest = (await messages.newest(connection, [thread_id])).get(thread_id)
        known = Known(row, None, newest, (await messages.newest_ids(connection, [thread_id]))[thread_id])
        await table.save(connection, timers.scheduled(replace(row, untold=None), known.latest))
        return [_as_told(each, known) for each in _untold(row)]

    def _now(self) -> int:
        return to_milliseconds(self.clock())


def _untold(row: Conversation) -> list[JSONValue]:
    return row.untold if isinstance(row.untold, list) else []


def _as_told(move: JSONValue, known: Known) -> StateMove:
    """Return a move with the conversation as it is, but in the state that it moved to."""
    before, after, at = _read(move)
    record = records.conversation(known, joined=False)
    state = ConversationState(current=after, date_updated=to_time(at))
    return StateMove(
        conversation=replace(record, state=state),
        before=before,
        reason="event" if after == "active" else "timer",
    )


def _read(move: JSONValue) -> tuple[ConversationStateName, ConversationStateName, int]:
    match move:
        case [
            "active" | "inactive" as before,
            "active" | "inactive" | "closed" as after,
            int(at),
        ]:
            return before, after, at
        case _:
            raise AssertionError(f"{move!r} is no move")
