"""One reading of a thread for all who follow it in this process.

Theory of operation
-------------------
ACS gives 400 lists of messages a minute of one thread, to all its members together, and polling leaves half of them
to others. So twenty subscribers cannot each list a busy thread several times for every message. Nor need they: what
one member has just read is what the others would read. A `SharedThread` keeps the newest changes as some members
read them, and when the latest of these readings began. It serves a subscriber if it is recent enough, and if the
subscriber would have seen the same.

**Recent enough.** A reading that began after a movement was noticed has it. A thread moves when a list of threads
first shows a new time of its last message, whoever's list it is, when somebody writes in this process, or when the
change feed tells of an edit. That time has a resolution of one second, so there may be more to come: until `WARM` seconds after it was first seen, a reading
is good for one polling interval; then one more is made, and that is the last. All of this is counted from what the
process noticed first, not from what each subscriber saw later, or no two of them would agree on what is recent. A
list of threads that was asked for before the latest movement was noticed, and shows an earlier time, is just late.

**The same.** ACS shows each member the thread from some message on, the whole of it unless whoever added them said
otherwise. The list of members tells for all of them where their history begins. It is asked for when a reading is
first shared, and anew when somebody was added, or may have been between two readings that do not meet. Then

* a reading serves those whose history begins where the reader's does, or later, without what lies before it;
* it must reach down to the subscriber's cursor: it has no gaps, so nothing above that is missing;
* it must not name the subscriber among those who came or went since. Each subscriber has just seen the thread in its
  own list of threads; but it may have been removed meanwhile. ACS writes that down in the thread, below whatever came
  after it. So somebody who was removed is served nothing that they could not have read.

None of this matters where `own_sends` accounts for all that is new: then nobody came or went, and it is told from what
this process sent.

Whoever is not served reads the thread alone, as if there were nobody else. What they read is shared in turn.

**One at a time.** Who needs a reading that is not there yet waits for the one under way, and then looks again. It is
made by one of those who wait, in its own name, so it is cancelled with that one alone and leaves no task behind. If
ACS refuses it, that concerns the reader, and the next one tries. If it failed for another reason, that is the outcome
for all who waited for it; else they would fail one after the other, and the last one very late.

Readings are kept for a minute after their last use, and of each the newest `KEPT` changes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from acs_backend.clients import AcsUser
from acs_backend.event_sources.thread_cursor import WARM, ThreadCursor
from acs_backend.ledger import entries
from acs_backend.ledger.entries import Entry, Kind
from acs_backend.ledger.listings import Listings
from acs_backend.retries import is_transient
from twilio_compat.errors import RateLimitedError

KEPT = 50
"""Changes that are kept of a thread."""
KEPT_FOR = 60.0
"""Seconds after its last use for which a reading is kept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest changes of a thread as members saw them, newest first, without a gap. Times are in seconds."""

    entries: Sequence[Entry]
    began: float
    """When it was asked for; what happened before is in it."""
    readers: frozenset[str]
    """ACS ids of those who saw it, or a part of it."""
    is_recorded: bool = True
    """Whether the ledger has it."""

    @property
    def top(self) -> int:
        """The sequence id of the newest change; 0 where there is none."""
        return self.entries[0].sequence if self.entries else 0

    def meets(self, older: Reading) -> bool:
        """Whether nothing is missing between an older reading and this one."""
        return bool(self.entries) and self.entries[-1].sequence <= older.top

    def upon(self, older: Reading) -> Reading:
        """Return this reading with what an older one, which it meets, has below it."""
        merged = entries.newest_first([*self.entries, *older.entries])
        return replace(self, entries=merged[:KEPT], readers=self.readers | older.readers)

    def adds_somebody(self, above: int) -> bool:
        """Whether members came, above a sequence id."""
        return any(each.kind is Kind.ADDED and each.sequence > above for each in self.entries)

    def seen_by(self, acs_id: str, cursor: ThreadCursor, histories: Mapping[str, int]) -> Reading | None:
        """Return what this member would have read; None where that cannot be told.

        *histories* says from which message id on each member sees the thread.
        """
        begin = histories.get(acs_id)
        if begin is None or any(histories.get(each, begin + 1) > begin for each in self.readers):
            return None
        news = [each for each in self.entries if cursor.behind(each)]
        if len(news) == len(self.entries) or any(acs_id in each.members for each in news):
            return None
        return replace(self, entries=[each for each in self.entries if each.message_id >= begin])


class Turns:
    """Lets one of those who need the same thing fetch it."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._lock = asyncio.Lock()
        self._failures = 0
        self._failure: Exception | None = None

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for the turn. Raises what happened to somebody else meanwhile, if that is not their own affair."""
        failures = self._failures
        async with self._lock:
            if self._failure is not None and self._failures > failures:
                raise self._failure.with_traceback(None)
            try:
                yield
            except Exception as error:
                if is_transient(error) or isinstance(error, RateLimitedError):
                    self._failures, self._failure = self._failures + 1, error
                raise
            self._failure = None


class SharedThread:
    """What this process knows of one thread: when it moved, and what was read of it last. Times are in seconds."""

    def __init__(self) -> None:
        """Know nothing."""
        self.latest: Reading | None = None
        self.histories: Mapping[str, int] | None = None
        """The id of the first message that each member sees, by ACS id; None: to be asked."""
        self.additions = 0
        """How often members came, or may have come unseen."""
        self.used_at = 0.0
        self.readers, self.askers = Turns(), Turns()
        self._heard = 0
        self._received: datetime | None = None
        self._noticed_at = self._moved_at = float("-inf")

    def notice(self, received: datetime | None, *, asked: float, now: float) -> None:
        """Take note of what a list of threads said at *now* that was asked for at *asked*."""
        if received == self._received and self._noticed_at >= 0:
            return
        is_late = asked < self._noticed_at and not _is_later(received, self._received)
        if not is_late:
            self._received, self._noticed_at = received, now
            self.move(now)

    def move(self, now: float) -> None:
        """Take note that somebody wrote, or will have written."""
        self._moved_at = max(self._moved_at, now)

    def hear(self, change_id: int, *, now: float) -> None:
        """Take note of a change that the change feed tells of, once, however many hear of it."""
        if change_id > self._heard:
            self._heard = change_id
            self.move(now)

    def due(self, now: float, interval: float) -> float:
        """Return when a reading must have begun to serve who looks *now*."""
        settled_at = self._noticed_at + WARM
        return max(self._moved_at, settled_at if now >= settled_at else now - interval)

    def is_settled(self, began: float) -> bool:
        """Whether a reading that began then has all of the second in which the thread moved."""
        return began >= self._noticed_at + WARM

    def since(self, oldest: float, height: int) -> Reading | None:
        """Return the latest reading if it began at *oldest* or later and reaches up to the sequence id *height*."""
        latest = self.latest
        return latest if latest is not None and latest.began >= oldest and latest.top >= height else None

    def add(self, reading: Reading) -> None:
        """Take a reading."""
        latest = self.latest
        if latest is not None and reading.began < latest.began:
            return
        if latest is not None and reading.meets(latest) and not reading.adds_somebody(above=latest.top):
            self.latest = reading.upon(latest)
        else:
            self.latest, self.histories = reading, None
            self.additions += 1


class SharedReadings:
    """The readings that the subscriptions of a backend share."""

    def __init__(self, listings: Listings, *, clock: Callable[[], float]) -> None:
        """Ask for histories through *listings*; *clock* is monotonic, in seconds."""
        self._listings = listings
        self._clock = clock
        self._threads: OrderedDict[str, SharedThread] = OrderedDict()

    def of(self, thread_id: str) -> SharedThread:
        """Return what is known of a thread."""
        thread = self._threads.pop(thread_id, None) or SharedThread()
        thread.used_at = self._clock()
        self._threads[thread_id] = thread
        while next(iter(self._threads.values())).used_at < thread.used_at - KEPT_FOR:
            self._threads.popitem(last=False)
        return thread

    async def read(
        self,
        user: AcsUser,
        thread_id: str,
        cursor: ThreadCursor,
        oldest: float,
        *,
        is_enough: Callable[[Sequence[Entry]], bool],
        alone: Callable[[], Awaitable[tuple[Sequence[Entry], bool]]],
    ) -> Reading:
        """Return what *user* sees of a thread, down to *cursor*, as it was at *oldest* or later.

        *is_enough* says of a reading whether it will do as it is, whoever's it was and though the ledger does not have
        it. *alone* lists the thread as the user, and says whether the ledger has it. Raises the SDK's errors.
        """
        thread = self.of(thread_id)

        def shared() -> Reading | None:
            found = thread.since(oldest, self._listings.heights.of(thread_id))
            return found if found is not None and (found.is_recorded or is_enough(found.entries)) else None

        async def own() -> Reading:
            began = self._clock()
            listed, is_recorded = await alone()
            reading = Reading(listed, began, frozenset({user.id}), is_recorded)
            thread.add(reading)
            return reading

        found = shared()
        if found is None:
            async with thread.readers.one():
                found = shared()
                if found is None:
                    return await own()
        if is_enough(found.entries):
            return found
        return await self._seen(found, thread, user, thread_id, cursor) or await own()

    async def _seen(
        self, reading: Reading, thread: SharedThread, user: AcsUser, thread_id: str, cursor: ThreadCursor
    ) -> Reading | None:
        if reading.readers == {user.id}:
            return reading.seen_by(user.id, cursor, {user.id: 0})
        return reading.seen_by(user.id, cursor, await self._histories(thread, user, thread_id))

    async def _histories(self, thread: SharedThread, user: AcsUser, thread_id: str) -> Mapping[str, int]:
        """Return where the members' histories begin; nothing where ACS gives no list of members for now."""
        if thread.histories is not None:
            return thread.histories
        try:
            async with thread.askers.one():
                if thread.histories is not None:
                    return thread.histories
                additions = thread.additions
                found = await self._listings.histories(user, thread_id)
        except RateLimitedError:
            return {}
        if thread.additions == additions:
            thread.histories = found
        return found


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one > other)
