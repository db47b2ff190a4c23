"""What the mirrors are still to be told, kept in the store: nothing is lost with a process.

An entry is a *reference*: it names what was written, never what it says. Whoever has it carried out
(`twilio_compat.rollout.mirroring.mirror`) makes the one side what the other is at that moment; so an entry may be carried out twice, or
late, or after others, and the outcome is the same.

Whoever writes first adds an *intent*, which is due only `UNCONFIRMED` later; then writes to the authority; then *settles* the
intent, off the caller's path, and it is due at once. A process that dies between the two leaves the intent, and when it
comes due what it is about is looked at, done or not. Entries of one conversation are one line of a queue, carried out in
order; each side has a queue of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, cast
from uuid import uuid4

from twilio_compat.account import Backlog, Errand, Errands, TakenErrand
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import JSONObject
from twilio_compat.rollout.staging.stages import Side

QUEUES: Final = {Side.ACS: "rollout-acs", Side.TWILIO: "rollout-twilio"}
"""The queue of what is to be told to each side."""
UNCONFIRMED: Final = timedelta(seconds=30)
"""After how long an intent that nobody settled is looked at."""

LATE: Final = timedelta(seconds=3)
"""After how long nobody goes by a pin that was read before something was added: more than `pins.GRACE`."""

What: TypeAlias = Literal["conversation", "participant", "message", "user"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be made equal, by its public names.

    ``sid`` is that of a participant or a message; of a user it is the identity. None: something of the kind was made, or
    may have been, that is not known by name: then all that is new is looked at. ``index`` is that of a message, if known.
    A user has no ``conversation_sid``. One that ``is_late`` is due after `LATE`, and nothing waits behind it.
    """

    what: What
    conversation_sid: str = ""
    sid: str | None = None
    index: int | None = None
    is_late: bool = False

    @property
    def line(self) -> str:
        """The line it waits in: what is in one is done in order."""
        line = self.conversation_sid or f"user {self.sid}"
        return _late(line) if self.is_late else line


@dataclass(frozen=True, slots=True)
class Intent:
    """An entry that was added before what it is about was written."""

    side: Side
    key: str
    entry: Entry


class Outbox:
    """The entries of one service, as one process sees them. Belongs to the event loop in which it is first used."""

    def __init__(
        self, errands: Errands, *, now: Callable[[], datetime], added: Callable[[], None] = lambda: None
    ) -> None:
        """Keep them among *errands*. *added* is called when something became due."""
        self._errands = errands
        self._now = now
        self._added = added
        self._under_way: set[asyncio.Task[None]] = set()

    # Writing

    async def intend(self, side: Side, entry: Entry) -> Intent:
        """Add what is going to be written, for *side* to be told; return when that is durable."""
        intent = Intent(side, uuid4().hex, entry)
        await self._add(intent, self._now() + UNCONFIRMED)
        return intent

    def settle(self, intent: Intent, *, sid: str | None = None, index: int | None = None) -> None:
        """Have an intent carried out now that what it is about was written; *sid* and *index* are what that is called."""
        entry = replace(intent.entry, sid=sid or intent.entry.sid, index=index)
        self._begin(self._settle(replace(intent, entry=entry)))

    async def withdraw(self, intent: Intent) -> None:
        """Take an intent back: nothing was written, for sure."""
        await self._errands.withdraw(QUEUES[intent.side], intent.key)

    async def add(self, side: Side, *entries: Entry) -> None:
        """Add what was written, to be carried out now."""
        now = self._now()
        dues = [now + LATE if each.is_late else now for each in entries]
        intents = [Intent(side, uuid4().hex, each) for each in entries]
        await self._errands.add([_errand(each, due) for each, due in zip(intents, dues, strict=True)])
        self._added()

    # Looking

    async def drained(self, conversation_sid: str, side: Side) -> bool:
        """Say whether nothing of a conversation waits for *side*, intents and what was given up included."""
        lines = (conversation_sid, _late(conversation_sid))
        backlogs = [await self._errands.of_line(QUEUES[side], each) for each in lines]
        return all(each.waiting + each.dead == 0 for each in backlogs)

    async def backlog(self, side: Side) -> Backlog:
        """Say how much waits for *side*."""
        return await self._errands.backlog(QUEUES[side])

    async def dead(self, side: Side, *, limit: int) -> Sequence[TakenErrand]:
        """Return what was given up, the oldest first; `entry_of` reads one."""
        return await self._errands.dead(QUEUES[side], limit=limit)

    async def revive(self, side: Side, keys: Sequence[str] | None = None) -> int:
        """Have what was given up (None: all of it) carried out again; return how many that was."""
        revived = await self._errands.revive(QUEUES[side], keys)
        self._added()
        return revived

    async def close(self) -> None:
        """Settle what is being settled. Safe to call twice."""
        await asyncio.gather(*self._under_way)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _settle(self, intent: Intent) -> None:
        queue, content = QUEUES[intent.side], to_content(intent.entry)
        try:
            if not await self._errands.amend(queue, intent.key, content=content, due=self._now()):
                await self._add(replace(intent, key=f"{intent.key}+"), self._now())
        except TwilioCompatError as error:
            _log.warning(
                "A write to %s is mirrored late: it could not be noted: %s", intent.entry.line, error
            )
        else:
            self._added()

    async def _add(self, intent: Intent, due: datetime) -> None:
        await self._errands.add([_errand(intent, due)])


def _errand(intent: Intent, due: datetime) -> Errand:
    return Errand(
        queue=QUEUES[intent.side],
        line=intent.entry.line,
        key=intent.key,
        content=to_content(intent.entry),
        due=due,
    )


def to_content(entry: Entry) -> JSONObject:
    """Return the content of an entry's errand."""
    return {
        "what": entry.what,
        "conversation_sid": entry.conversation_sid,
        "sid": entry.sid,
        "index": entry.index,
        "is_late": entry.is_late,
    }


def entry_of(content: JSONObject) -> Entry:
    """Read the content of an entry's errand."""
    sid, index = content["sid"], content["index"]
    return Entry(
        what=cast(What, content["what"]),
        conversation_sid=str(content["conversation_sid"]),
        sid=None if sid is None else str(sid),
        index=index if isinstance(index, int) else None,
        is_late=content["is_late"] is True,
    )


def _late(line: str) -> str:
    return f"{line} late"
