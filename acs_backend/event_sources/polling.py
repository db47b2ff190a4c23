"""Events by polling: works with nothing but REST.

Each tick asks ACS once for the user's list of threads. A thread that appeared or vanished is a conversation joined
or left; a topic that changed is an update; and where the time of the last message moved, the thread's messages are
read down to where this subscriber stood (`thread_cursor` has the details). Everything else costs nothing.

A subscription is an iterator that its consumer pulls: nothing runs while nobody waits for an event, there is no
task to leave behind, and whoever gives up waiting may come back. `pace` says when it looks.

What only the store knows comes from its change feed (`change_feed`). To hear of it costs no request, so a
subscription is woken for that at once, between two ticks. Each tick ends with it, too; it tells after what ACS had
of news, which is what happened before, most often.

A cursor, of a thread or in the feed, moves in the same breath as the events it stands for are put into the outbox.
So a tick that fails half way loses nothing and repeats nothing: the rest is told by the next one. The consumer hears
of a failure once, and once when it is over. Only a refused token ends the stream.

All subscriptions of a process share what one of them reads (`shared_readings`). Messages that were sent in this
process are not read back where `own_sends` can account for them.

Edits and deletions may leave the time of the last message as it is. The change feed tells of those made through this
library, and the thread is read. For the others, now and then one of the threads that the consumer has been reading is
read again whether it moved or not, each in turn, and with it what native ACS users have read there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeVar

from acs_backend.authority import is_account
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.conversations import Conversations
from acs_backend.errors import Subject, translated
from acs_backend.event_sources import account_view
from acs_backend.event_sources.change_feed import ChangeFeed
from acs_backend.event_sources.change_teller import ChangeTeller
from acs_backend.event_sources.hub import Hub
from acs_backend.event_sources.own_sends import Explanation, OwnSends
from acs_backend.event_sources.pace import Pace
from acs_backend.event_sources.shared_readings import SharedReadings
from acs_backend.event_sources.teller import Teller
from acs_backend.event_sources.thread_cursor import ThreadCursor, ThreadGlance, exact, start
from acs_backend.identities import Identities
from acs_backend.ledger.entries import Entry
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.listings import Listings
from acs_backend.store.changes import Change, ForgottenChangesError, Kind
from acs_backend.turns import patience
from twilio_compat.errors import (
    ClosedError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    TokenError,
    TwilioCompatError,
)
from twilio_compat.events import (
    ConversationJoined,
    ConversationUpdated,
    Event,
    MessageAdded,
    MessageRemoved,
    SourceInterrupted,
    SourceRefused,
    SourceRestored,
    Synchronized,
)
from twilio_compat.records import Actor, MessageRecord

T = TypeVar("T")

SMALLEST_PAGE = 20
"""Entries that a reading asks for at least."""
READS_AT_ONCE = 8
SERVICE_NOT_FOUND = 50050
"""The code of what the store of a service says that was deleted."""
THREADS_IN_USE = 100
LONGEST_WAIT = 1.0
"""Seconds that the reading of one thread may wait for ACS's rates while the other threads' news wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """What all subscriptions of a backend share. Times are in seconds; *clock* is monotonic."""

    identities: Identities
    clients: AcsClients
    conversations: Conversations
    ledger: Ledger
    listings: Listings
    teller: Teller
    feed: ChangeFeed
    change_teller: ChangeTeller
    shared: SharedReadings
    hub: Hub
    interval: float
    sweep_interval: float
    clock: Callable[[], float]
    sleep: Callable[[float], Coroutine[None, None, None]]

    @asynccontextmanager
    async def subscribe(self, actor: Actor) -> AsyncIterator[AsyncIterator[Event]]:
        """Open the actor's event stream."""
        user = await self.identities.acting(actor)
        subscription = Subscription(self, actor, user)
        self.hub.enter(subscription)
        try:
            async with self.feed.open():
                yield subscription
        finally:
            subscription.end()
            self.hub.leave(subscription, subscription.followed)


class Subscription:
    """One actor's view of all their threads."""

    def __init__(self, source: Polling, actor: Actor, user: AcsUser) -> None:
        """Start with nothing known."""
        self._source = source
        self._actor = actor
        self._user = user
        self._step = self._synchronize
        self._ended = False
        self._pace = Pace(source.interval, source.clock)
        self._cursors: dict[str, ThreadCursor] = {}
        self._outbox: deque[Event] = deque()
        self._in_use: OrderedDict[str, None] = OrderedDict()
        self._position = 0
        """In the change feed."""
        self._looked_since = 0
        """Position in the change feed up to which the list of threads is known to be newer."""
        self._woken = asyncio.Event()
        self._has_changes = False
        self._sizes: dict[str, int] = {}
        self._own_sends = OwnSends()
        self._swept_at = source.clock()

    # For the hub

    @property
    def acs_id(self) -> str:
        """Whose it is."""
        return self._user.id

    @property
    def followed(self) -> Collection[str]:
        """The threads it follows."""
        return self._cursors

    def nudge(self, thread_id: str | None = None) -> None:
        """Look for news soon; there is some in this thread."""
        if thread_id is not None:
            self._source.shared.of(thread_id).move(self._source.clock())
        self._pace.nudge()
        self._woken.set()

    def hear(self) -> None:
        """Ask the change feed now."""
        self._has_changes = True
        self._woken.set()

    def sent(self, thread_id: str, message_id: int, message: MessageRecord) -> None:
        """Keep a message that was sent in this process, until the thread is read."""
        self._own_sends.add(thread_id, message_id, message)

    def use(self, thread_id: str) -> None:
        """Count the thread among those in use."""
        self._in_use[thread_id] = None
        self._in_use.move_to_end(thread_id)
        if len(self._in_use) > THREADS_IN_USE:
            self._in_use.popitem(last=False)

    # The stream

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event, however long it takes; the end is a refused token, or `end`. `ClosedError`."""
        while not self._outbox:
            if self._ended:
                raise StopAsyncIteration
            await self._rest()
            if self._pace.until_tick() > 0:
                await self._advance(self._hear)
            else:
                self._pace.begin()
                await self._advance(self._step)
        event = self._outbox.popleft()
        return account_view.told(event) if is_account(self._actor) else event

    def end(self) -> None:
        """Tell nothing more."""
        self._ended = True
        self._outbox.clear()

    async def _rest(self) -> None:
        """Wait for the next tick, or for changes to hear."""
        while (pause := self._pace.until_tick()) > 0 and not (self._has_changes and not self._pace.failures):
            self._woken.clear()
            await _first(self._source.sleep(pause), self._woken.wait())

    async def _advance(self, step: Callable[[], Awaitable[None]]) -> None:
        """Make one step, and say so if it failed, or succeeded after a failure."""
        told = len(self._outbox)
        try:
            await step()
        except ClosedError:
            self._ended = True
            raise
        except TokenError as error:
            self._refuse(error)
        except TwilioCompatError as error:
            if getattr(error, "code", None) == SERVICE_NOT_FOUND:
                self._refuse(TokenError("Service instance not found", code=51101))
                return
            if not self._pace.failures:
                self._outbox.append(SourceInterrupted(error=error))
            self._pace.pause()
        else:
            if self._pace.failures:
                self._outbox.insert(told, SourceRestored())
                self._pace.failures = 0

    def _refuse(self, error: TokenError) -> None:
        self._outbox.append(SourceRefused(error=error))
        self._ended = True

    # Steps

    async def _synchronize(self) -> None:
        self._user = await self._source.identities.acting(self._actor)
        position = await self._source.feed.position()
        asked = self._source.clock()
        glances = await self._source.conversations.glances(self._user)
        server_time, now = self._source.clients.server_time(), self._source.clock()
        conversations = await self._source.conversations.records(self._user, glances)
        cursors = {thread_id: start(glance, server_time) for thread_id, glance in glances.items()}
        recent = {each: glances[each] for each, cursor in cursors.items() if cursor is None}
        self._notice(recent, asked, now)
        tops = await _all(list(recent), self._top)
        exactly = {each: exact(glance, tops[each]) for each, glance in recent.items() if each in tops}
        written_at = await self._written_at(glances)
        for each in self._cursors:
            self._source.hub.unfollow(self, each)
        self._cursors = {each: cursor for each, cursor in cursors.items() if cursor is not None} | exactly
        for each in self._cursors:
            self._source.hub.follow(self, each)
        self._position = self._looked_since = position
        self._outbox.append(Synchronized(conversations=tuple(conversations), written_at=written_at))
        self._step = self._tick
        self._pace.rest()

    async def _written_at(self, glances: Mapping[str, ThreadGlance]) -> Mapping[str, datetime]:
        """Return, by sid, what the account alone is told: when a message was last received in its conversations."""
        if not is_account(self._actor):
            return {}
        known = await self._source.conversations.known(self._user, list(glances))
        received = {each.row.sid: glances[thread_id].received for thread_id, each in known.items()}
        return {sid: at for sid, at in received.items() if at is not None}

    async def _tick(self) -> None:
        self._user = await self._source.identities.acting(self._actor)
        self._looked_since = self._source.feed.end
        asked = self._source.clock()
        glances = await self._source.conversations.glances(self._user)
        now = self._source.clock()
        for thread_id in [each for each in self._cursors if each not in glances]:
            await self._lose(thread_id)
        moved = {
            each: glance
            for each, glance in glances.items()
            if (cursor := self._cursors.get(each)) is None or cursor.needs_reading(glance)
        }
        self._notice(moved, asked, now)
        await _all(list(moved), lambda each: self._look(each, moved[each], self._due(each, now)))
        for thread_id, glance in glances.items():
            await self._notice_topic(thread_id, glance)
        await self._sweep(now)
        await self._hear()
        self._pace.rest()

    async def _hear(self) -> None:
        """Tell what changed in the store; synchronize anew where that was too long ago to be known.

        Who is a member, and what a message says, ACS alone tells; where that changed the next tick is not waited for.
        """
        self._has_changes = False
        try:
            while changes := await self._source.feed.since(self._position):
                events = await self._source.change_teller.tell(self._user, changes, self.followed)
                self._outbox += events
                self._position = changes[-1].change_id
                for each in changes:
                    self._warm_to(each)
                if any(self._calls_for_a_look(each) for each in changes):
                    self.nudge()
        except ForgottenChangesError:
            await self._synchronize()

    def _warm_to(self, change: Change) -> None:
        """Have a thread read in which a message was edited, whatever ACS's list of threads says."""
        thread_id = change.thread_id or ""
        cursor = self._cursors.get(thread_id)
        if cursor is not None and change.kind is Kind.EDIT:
            self._source.shared.of(thread_id).hear(change.change_id, now=self._source.clock())
            self._cursors[thread_id] = cursor.warmed()

    def _calls_for_a_look(self, change: Change) -> bool:
        if change.kind is Kind.EDIT:
            return change.thread_id in self._cursors
        if change.kind is not Kind.MEMBERSHIP or change.change_id <= self._looked_since:
            return False
        return change.acs_id == self._user.id or change.thread_id in self._cursors

    def _notice(self, glances: Mapping[str, ThreadGlance], asked: float, now: float) -> None:
        """Tell the others when threads moved."""
        for thread_id, glance in glances.items():
            self._source.shared.of(thread_id).notice(glance.received, asked=asked, now=now)

    def _due(self, thread_id: str, now: float) -> float:
        return self._source.shared.of(thread_id).due(now, self._source.interval)

    async def _look(self, thread_id: str, glance: ThreadGlance, oldest: float) -> None:
        """Take a reading of one thread, not begun before *oldest*; one that cannot be read does not stop the others.

        The next tick misses it, or comes back to it where it is read by so many that ACS takes no more for now.
        """
        try:
            with translated(Subject.CONVERSATION), patience(LONGEST_WAIT):
                cursor = self._cursors.get(thread_id)
                if cursor is None:
                    await self._gain(thread_id, glance)
                else:
                    await self._read(thread_id, cursor, glance, oldest)
        except (ForbiddenError, NotFoundError, RateLimitedError):
            return

    async def _read(self, thread_id: str, cursor: ThreadCursor, glance: ThreadGlance, oldest: float) -> None:
        reading = await self._source.shared.read(
            self._user,
            thread_id,
            cursor,
            oldest,
            is_enough=lambda listing: self._known(thread_id, cursor, listing) is not None,
            alone=lambda: self._read_alone(thread_id, cursor),
        )
        is_settled = self._source.shared.of(thread_id).is_settled(reading.began)
        known = self._known(thread_id, cursor, reading.entries)
        if known is not None:
            read = cursor.read([known.top])
            if known.is_complete:
                read = read.glanced(glance.received, is_settled=is_settled)
            self._tell(thread_id, read, [MessageAdded(message=each) for each in known.news])
            return
        events = [*await self._source.teller.tell(self._user, thread_id, cursor, reading.entries)]
        if any(isinstance(each, MessageRemoved) for each in events):
            events += await self._updated(thread_id, glance)  # another message is the last one now, perhaps
        read = cursor.read(reading.entries).glanced(glance.received, is_settled=is_settled)
        self._tell(thread_id, read, events)

    async def _read_alone(self, thread_id: str, cursor: ThreadCursor) -> tuple[Sequence[Entry], bool]:
        """Return a listing, and whether the ledger has it: just the top of the thread where that may be enough."""
        if self._own_sends.any(thread_id) and cursor.sequence is not None:
            top = await self._newest(thread_id, len(self._source.hub.in_flight(thread_id)) + 2)
            if self._known(thread_id, cursor, top) is not None:
                return top, False
        return await self._list(thread_id, lambda entry: not cursor.behind(entry)), True

    def _known(self, thread_id: str, cursor: ThreadCursor, listing: Sequence[Entry]) -> Explanation | None:
        """Return how far a listing needs no reading because this process wrote it."""
        if not self._own_sends.any(thread_id):
            return None
        return self._own_sends.explain(thread_id, cursor, listing, self._source.hub.in_flight(thread_id))

    async def _gain(self, thread_id: str, glance: ThreadGlance) -> None:
        """Start to follow a thread that the user came into; what was written since is news."""
        found = await self._source.conversations.records(self._user, {thread_id: glance})
        if not found:
            return
        listing = await self._list(thread_id, lambda entry: entry.adds(self._user.id))
        added = next((each for each in listing if each.adds(self._user.id)), None)
        cursor = exact(glance, added or (listing[0] if listing else None))
        events = await self._source.teller.tell(self._user, thread_id, cursor, listing)
        self._tell(thread_id, cursor.read(listing), [ConversationJoined(conversation=found[0]), *events])

    async def _lose(self, thread_id: str) -> None:
        deleted = await self._source.conversations.was_deleted(self._user, thread_id)
        event = await self._source.teller.leave(self._user, thread_id, "deleted" if deleted else "left")
        del self._cursors[thread_id]
        self._source.hub.unfollow(self, thread_id)
        self._sizes.pop(thread_id, None)
        self._own_sends.drop(thread_id)
        self._in_use.pop(thread_id, None)
        self._outbox.append(event)

    async def _notice_topic(self, thread_id: str, glance: ThreadGlance) -> None:
        """Have the store follow a topic that moved, until it does; the change feed tells it."""
        cursor = self._cursors.get(thread_id)
        if cursor is None or cursor.glance.topic == glance.topic:
            return
        if await self._source.conversations.follow_topic(self._user, thread_id, glance.topic):
            self._cursors[thread_id] = cursor.retitled(glance.topic)

    async def _updated(self, thread_id: str, glance: ThreadGlance) -> Sequence[Event]:
        found = await self._source.conversations.records(self._user, {thread_id: glance})
        return [ConversationUpdated(conversation=each) for each in found]

    async def _sweep(self, now: float) -> None:
        """Read one of the threads in use although its time did not move."""
        if now - self._swept_at < self._source.sweep_interval or not self._in_use:
            return
        self._swept_at = now
        thread_id = next(iter(self._in_use))
        self._in_use.move_to_end(thread_id)
        cursor = self._cursors.get(thread_id)
        if cursor is not None:
            await self._look(thread_id, cursor.glance, now - self._source.sweep_interval / 2)
            await self._source.teller.collect_receipts(self._user, thread_id)

    def _tell(self, thread_id: str, cursor: ThreadCursor, events: Sequence[Event]) -> None:
        """Move the cursor and tell what it passed: together, so that neither happens without the other."""
        self._cursors[thread_id] = cursor
        if not self._ended:
            self._source.hub.follow(self, thread_id)
        self._own_sends.drop(thread_id, up_to=cursor.version)
        self._outbox += events
        if events:
            self.use(thread_id)

    async def _list(self, thread_id: str, down_to: Callable[[Entry], bool]) -> Sequence[Entry]:
        """Read a thread, asking at first for a little more than its last reading had of news."""
        size = max(SMALLEST_PAGE, self._sizes.get(thread_id, 0))
        listing = await self._source.ledger.catch_up(self._user, thread_id, size=size, down_to=down_to)
        news = next((number for number, each in enumerate(listing) if down_to(each)), len(listing))
        self._sizes[thread_id] = news + news // 2
        return listing

    async def _top(self, thread_id: str) -> Entry | None:
        """Return the newest change of a thread; None if there is none, or the thread cannot be read."""
        try:
            with translated(Subject.CONVERSATION):
                return next(iter(await self._newest(thread_id, 1)), None)
        except (ForbiddenError, NotFoundError):
            return None

    async def _newest(self, thread_id: str, size: int) -> Sequence[Entry]:
        return await self._source.listings.read(self._user, thread_id, size=size, known=lambda entry: True)


async def _all(thread_ids: Sequence[str], work: Callable[[str], Awaitable[T]]) -> Mapping[str, T]:
    """Do the work for each thread, a few at once; what fails is raised once the others are done."""
    results: dict[str, T] = {}
    for begin in range(0, len(thread_ids), READS_AT_ONCE):
        batch = thread_ids[begin : begin + READS_AT_ONCE]
        outcomes = await asyncio.gather(*(work(each) for each in batch), return_exceptions=True)
        for thread_id, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            results[thread_id] = outcome
    return results


async def _first(*waits: Coroutine[None, None, object]) -> None:
    """Wait for the first of *waits* to end; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
