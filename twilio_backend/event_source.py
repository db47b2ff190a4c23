"""News by looking: Twilio tells them to its own client libraries and to webhooks, and REST only when it is asked.

Theory of operation
-------------------
Each subscriber has a task that looks, pauses ``twilio_poll_interval`` seconds, and looks again: at the list of the user's
conversations, and in each at its members and its newest 100 messages, or as many as it takes to meet those that are known.
Every ``sweep_interval`` seconds it looks at the newest 1000 instead, and at the users that the user shares a conversation
with. `twilio_backend.views` makes events of what has changed; each is told once, in order within its conversation.

What is not seen: that somebody types; edits and deletions of messages further back than 1000; a message that was deleted
before the next look; a conversation's newest state alone is told where it changed twice. A user's look costs one request,
one for each hundred of their conversations, and two for each conversation; many of them take long, and Twilio may answer
429, which delays news and loses none. A look makes one attempt at each request, so that an interruption is told at once.

A message that was sent in the second in which the user was added counts as news, since Twilio tells times to the second.

Who the account is has no conversations. Its stream says so and then nothing: Twilio calls the account's webhooks itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from twilio_backend import records
from twilio_backend.authority import Authority, is_account
from twilio_backend.clients import Sleep, come_back_yourself, segment
from twilio_backend.conversations import Conversations
from twilio_backend.errors import translated
from twilio_backend.listing import pages
from twilio_backend.participants import Participants
from twilio_backend.tenancy import Tenancy
from twilio_backend.views import Look, View, advance, begin, news_since
from twilio_compat.errors import BackendError, ClosedError, NotFoundError, TwilioCompatError
from twilio_compat.events import (
    ConversationJoined,
    ConversationLeft,
    Event,
    ParticipantJoined,
    ParticipantLeft,
    SourceInterrupted,
    SourceRefused,
    SourceRestored,
    Synchronized,
    UserUpdated,
)
from twilio_compat.records import Actor, ConversationRecord, MessageRecord, ParticipantRecord, UserRecord
from twilio_compat.settings import Settings

NEWEST: Final = 100
SWEPT: Final = 1000
USERS: Final = 100
"""Users of whom a sweep looks at the profile."""
AT_ONCE: Final = 8
"""Conversations that one subscriber looks at at a time."""
_LONGEST: Final = 5
"""How many times the pause it may become while Twilio cannot be reached."""


class EventSource:
    """Opens streams, and closes those that are open."""

    def __init__(
        self,
        conversations: Conversations,
        participants: Participants,
        tenancy: Tenancy,
        settings: Settings,
        guard: Authority,
        *,
        clock: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        """Look through the rooms; *clock* says when a sweep is due, and *sleep* waits between two looks."""
        self._reader = Reader(conversations, participants, tenancy, guard)
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @asynccontextmanager
    async def subscribe(self, actor: Actor) -> AsyncIterator[AsyncIterator[Event]]:
        """Open the stream of *actor*."""
        if self._is_closed:
            raise ClosedError("The backend was closed")
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        follower = Follower(actor, self._reader, queue.put_nowait)
        task = asyncio.create_task(self._follow(follower, queue))
        self._tasks.add(task)
        try:
            async with aclosing(_told(queue, task)) as events:
                yield events
        finally:
            await self._end(task)

    async def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        for each in [*self._tasks]:
            await self._end(each)

    async def _follow(self, follower: Follower, queue: asyncio.Queue[Event | None]) -> None:
        come_back_yourself()
        try:
            if is_account(follower.actor):
                queue.put_nowait(Synchronized(conversations=()))
                await asyncio.Event().wait()
            swept_at, failures = self._clock(), 0
            while True:
                is_sweep = self._clock() - swept_at >= self._settings.sweep_interval
                swept_at = self._clock() if is_sweep else swept_at
                if not (await follower.look(is_sweep=is_sweep)):
                    return
                failures = failures + 1 if follower.is_interrupted else 0
                await self._sleep(self._settings.twilio_poll_interval * min(failures + 1, _LONGEST))
        finally:
            queue.put_nowait(None)

    async def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _told(queue: asyncio.Queue[Event | None], task: asyncio.Task[None]) -> AsyncGenerator[Event, None]:
    while (event := await queue.get()) is not None:
        yield event
    if task.done() and not task.cancelled() and (error := task.exception()):
        raise error


@dataclass(slots=True)
class Reader:
    """Looks, and changes nothing."""

    conversations: Conversations
    participants: Participants
    tenancy: Tenancy
    guard: Authority

    async def standings(self, actor: Actor) -> Sequence[ConversationRecord]:
        """Return the user's conversations. `TokenError` once the token has ended."""
        self.guard.check_token(actor)
        return await self.conversations.standings(actor)

    async def look(self, conversation: ConversationRecord, *, depth: int, known: int) -> Look | None:
        """Look into a conversation at *depth* messages, or down to the index *known*; None: it is gone."""
        try:
            members, (messages, floor) = await asyncio.gather(
                self.participants.all(conversation.sid), self._messages(conversation.sid, depth, known)
            )
        except NotFoundError:
            return None
        return Look(conversation, tuple(members), tuple(messages), floor)

    async def user(self, identity: str) -> UserRecord | None:
        """Return a user, if there is one."""
        try:
            with translated():
                return records.user(await self.tenancy.root.users(segment(identity)).fetch_async())
        except NotFoundError:
            return None

    async def _messages(self, sid: str, depth: int, known: int) -> tuple[list[MessageRecord], int]:
        """Return the newest in ascending order, and the index from which on they are complete."""
        found: list[MessageRecord] = []
        place = self.tenancy.root.conversations(segment(sid)).messages
        async with aclosing(pages(place, records.message, order="desc", size=NEWEST)) as walk:
            async for page in walk:
                found += page
                if page and len(found) >= depth and page[-1].index <= known + 1:
                    return found[::-1], found[-1].index
        return found[::-1], 0


@dataclass(slots=True)
class Follower:
    """Follows a user's conversations, and tells what is new there."""

    actor: Actor
    reader: Reader
    tell: Callable[[Event], None]
    is_interrupted: bool = False
    _views: dict[str, View] | None = None
    _users: dict[str, UserRecord] = field(default_factory=dict)
    _departures: dict[str, int] = field(default_factory=dict)

    async def look(self, *, is_sweep: bool) -> bool:
        """Look once, and tell what is new; False: it was refused, and that is the end."""
        try:
            events, error = await self._look(is_sweep=is_sweep)
        except TwilioCompatError as failure:
            events, error = [], failure
        if error is None and self.is_interrupted:
            self.is_interrupted = False
            self.tell(SourceRestored())
        for each in events:
            self.tell(each)
        if error is not None and not isinstance(error, BackendError):
            self.tell(SourceRefused(error=error))
            return False
        if error is not None and not self.is_interrupted:
            self.is_interrupted = True
            self.tell(SourceInterrupted(error=error))
        return True

    async def _look(self, *, is_sweep: bool) -> tuple[list[Event], TwilioCompatError | None]:
        """Return what is new, and what went wrong on the way; what could not be looked at is looked at next time."""
        standings = await self.reader.standings(self.actor)
        if self._views is None:
            return await self._synchronized(standings), None
        views, turns = self._views, asyncio.Semaphore(AT_ONCE)
        listed = {each.sid for each in standings}
        depth = SWEPT if is_sweep else NEWEST

        async def one(part: Callable[[], Awaitable[list[Event]]]) -> list[Event]:
            async with turns:
                return await part()

        parts = [partial(self._left, views, sid) for sid in views if sid not in listed]
        parts += [partial(self._news, views, each, depth) for each in standings]
        parts += [partial(self._profile, each) for each in self._followed(views, is_sweep=is_sweep)]
        return _collected(await asyncio.gather(*map(one, parts), return_exceptions=True))

    async def _synchronized(self, standings: Sequence[ConversationRecord]) -> list[Event]:
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(each: ConversationRecord) -> Look | None:
            async with turns:
                self._departures[each.sid] = self._departures_from(each.sid)
                return await self.reader.look(each, depth=NEWEST, known=_ANY)

        looks = [each for each in await asyncio.gather(*map(one, standings)) if each is not None]
        own = await self.reader.user(self.actor.identity)
        self._users = {} if own is None else {own.identity: own}
        self._views = {each.conversation.sid: begin(each) for each in looks}
        return [Synchronized(conversations=tuple(each.conversation for each in self._views.values()))]

    async def _news(
        self, views: dict[str, View], conversation: ConversationRecord, depth: int
    ) -> list[Event]:
        sid, view = conversation.sid, views.get(conversation.sid)
        departures = self._departures_from(sid)
        look = await self.reader.look(conversation, depth=depth, known=view.highest if view else _ANY)
        if look is None:
            return []  # the next list says what became of it
        own = _own(look.participants, self.actor.identity)
        if own is None:  # gone since the list was read
            return [] if view is None else await self._left(views, sid)
        before = None if view is None else view.of(self.actor.identity)
        is_back = departures != self._departures.get(sid, departures)
        self._departures[sid] = departures
        if view is None:
            return self._joined(views, look, own)
        if before is None or is_back or _is_another(before, own):
            left = ConversationLeft(conversation_sid=sid, reason="left", participant=before)
            return [left, *self._joined(views, look, own)]
        views[sid], events = advance(view, look)
        return [each for each in events if not _is_own_coming(each, self.actor.identity)]

    def _departures_from(self, sid: str) -> int:
        """Say how often this backend has taken the user out of a conversation so far."""
        return self.reader.participants.departures(sid, self.actor.identity)

    def _joined(self, views: dict[str, View], look: Look, own: ParticipantRecord) -> list[Event]:
        view = views[look.conversation.sid] = begin(look)
        return [ConversationJoined(conversation=view.conversation), *news_since(look, own.date_created)]

    async def _left(self, views: dict[str, View], sid: str) -> list[Event]:
        exists = await self.reader.conversations.exists(sid)
        own = views.pop(sid).of(self.actor.identity)
        reason: Literal["left", "deleted"] = "left" if exists else "deleted"
        return [ConversationLeft(conversation_sid=sid, reason=reason, participant=own)]

    def _followed(self, views: Mapping[str, View], *, is_sweep: bool) -> Collection[str]:
        """Return whose profiles are looked at."""
        if not is_sweep:
            return [self.actor.identity]
        members = (each.identity for view in views.values() for each in view.participants.values())
        return [*dict.fromkeys([self.actor.identity, *members])][:USERS]

    async def _profile(self, identity: str) -> list[Event]:
        found, old = await self.reader.user(identity), self._users.get(identity)
        if found is None:
            return []
        self._users[identity] = found
        return [] if old is None or old == found else [UserUpdated(user=found)]


def _collected(
    outcomes: Sequence[list[Event] | BaseException],
) -> tuple[list[Event], TwilioCompatError | None]:
    """Return the events, and the error that counts most: one that is final goes before one that may pass."""
    events = [event for each in outcomes if isinstance(each, list) for event in each]
    errors = [each for each in outcomes if isinstance(each, BaseException)]
    for each in errors:
        if not isinstance(each, TwilioCompatError):
            raise each
    known = sorted(
        (each for each in errors if isinstance(each, TwilioCompatError)),
        key=lambda each: isinstance(each, BackendError),
    )
    return events, known[0] if known else None


_ANY: Final = 10**18
"""An index above all: nothing is known yet, so that the newest are enough."""


def _own(members: Sequence[ParticipantRecord], identity: str) -> ParticipantRecord | None:
    return next((each for each in members if each.identity == identity), None)


def _is_another(before: ParticipantRecord, now: ParticipantRecord) -> bool:
    """Say whether somebody left and came again between two looks."""
    return (before.sid, before.date_created) != (now.sid, now.date_created)


def _is_own_coming(event: Event, identity: str) -> bool:
    """Say whether an event is of the user's own coming or going, which `ConversationJoined` and ``Left`` tell."""
    return isinstance(event, ParticipantJoined | ParticipantLeft) and event.participant.identity == identity
