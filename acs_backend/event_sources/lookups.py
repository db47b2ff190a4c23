"""What the store has on changes, looked up once for all who ask at the same time.

Theory of operation
-------------------
A change wakes everybody in the process who follows its thread, and all of them need the same rows. So those who ask
are gathered into a batch for as long as the turns of the loop bring more, and one transaction looks up what the whole
batch wants, with each one's own standing among it.

A batch takes nobody in any more when its transaction begins. So every answer was read after it was asked for, just as
if each had asked alone, and nothing is kept that could be out of date. Whoever comes first looks things up, for the
others as well. If that one is cancelled on the way, another one does; a failure is everybody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from acs_backend.identities import Identities
from acs_backend.store import conversations, messages, participants
from acs_backend.store.changes import Change, Kind
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from acs_backend.store.participants import Participant
from twilio_compat.errors import TwilioCompatError

IDLE_TURNS = 2
"""Turns of the loop in which nobody else asked, after which a batch is closed; in the first they may come too late."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store has: conversations and their newest messages by thread, members by thread and ACS id."""

    conversations: Mapping[str, Conversation]
    newest: Mapping[str, LedgerRow]
    members: Mapping[tuple[str, str], Participant]
    names: Mapping[str, str]
    """Identities by ACS id; the steward has none."""


NOTHING = Facts({}, {}, {}, {})
"""All that it takes to tell of users: such a change says everything itself."""


@dataclass(slots=True)
class _Batch:
    threads: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    """Threads that are told as a whole, with the newest message."""
    members: dict[str, set[str]] = field(default_factory=dict)
    """ACS ids of members whose rows are wanted, by thread."""
    named: set[str] = field(default_factory=set)
    asked: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is an outcome, or nobody looks things up."""
    outcome: Facts | TwilioCompatError | None = None

    def __post_init__(self) -> None:
        self.moved.set()

    def add(self, acs_id: str, news: Sequence[Change]) -> None:
        """Want what it takes to tell *news* to the user with this ACS id."""
        self.asked += 1
        for each in news:
            if each.kind is not Kind.USER and each.thread_id is not None:
                self._add(acs_id, each, each.thread_id)

    def _add(self, acs_id: str, change: Change, thread_id: str) -> None:
        self.threads.add(thread_id)
        if change.kind is Kind.CONVERSATION:
            self.shown.add(thread_id)
            self.members.setdefault(thread_id, set()).add(acs_id)
        elif change.acs_id is not None:
            self.named.add(change.acs_id)
            if change.kind is Kind.TYPING:
                self.members.setdefault(thread_id, set()).add(change.acs_id)


class Lookups:
    """The questions of all subscriptions of a backend."""

    def __init__(
        self, database: Database, identities: Identities, *, flush: Callable[[], Awaitable[None]]
    ) -> None:
        """Look in *database*; *flush* writes the messages that this process sent and has not written down yet."""
        self._database = database
        self._identities = identities
        self._flush = flush
        self._gathering = _Batch()

    async def facts(self, acs_id: str, news: Sequence[Change]) -> Facts:
        """Return what it takes to tell *news* to the user with this ACS id, and perhaps more.

        `ServiceUnavailableError` where the store fails.
        """
        if all(each.kind is Kind.USER for each in news):
            return NOTHING
        batch = self._gathering
        batch.add(acs_id, news)
        while batch.outcome is None:
            if batch.moved.is_set():
                await self._look_up(batch)
            else:
                await batch.moved.wait()
        if isinstance(batch.outcome, Facts):
            return batch.outcome
        raise batch.outcome.with_traceback(None)

    async def _look_up(self, batch: _Batch) -> None:
        batch.moved.clear()
        try:
            await self._gather(batch)
            batch.outcome = await self._read(batch)
        except TwilioCompatError as error:
            batch.outcome = error
        finally:
            batch.moved.set()

    async def _gather(self, batch: _Batch) -> None:
        """Wait for those who were woken together, and close the batch."""
        idle = 0
        while self._gathering is batch and idle < IDLE_TURNS:
            asked = batch.asked
            await asyncio.sleep(0)
            idle = 0 if batch.asked > asked else idle + 1
        if self._gathering is batch:
            self._gathering = _Batch()

    async def _read(self, batch: _Batch) -> Facts:
        if batch.shown:
            await self._flush()
        names = await self._identities.names(batch.named)
        async with self._database.read() as connection:
            return Facts(
                conversations=await conversations.by_threads(connection, batch.threads),
                newest=await messages.newest(connection, batch.shown),
                members=await participants.of_members(connection, batch.members),
                names=names,
            )
