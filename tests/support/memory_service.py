"""What all users of the backend in memory share: its state, its clock, who listens, and what tests may do to it.

News reach a subscriber through a queue, in the order in which things happened; `MemoryService.hold_news` keeps them
back, as a slow event source would.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from twilio_compat import events
from twilio_compat.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    TokenError,
    TwilioCompatError,
)
from twilio_compat.records import (
    Actor,
    ContentTemplateRecord,
    ConversationRecord,
    DeliveryRecord,
    JSONValue,
    LastMessage,
    MediaRecord,
    MessageRecord,
    NotificationLevel,
    ParticipantRecord,
    PushChannel,
    UserRecord,
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def sid_of(prefix: str, *parts: object) -> str:
    """Derive a Twilio-shaped sid."""
    return prefix + hashlib.md5("/".join(map(str, parts)).encode()).hexdigest()


@dataclass
class Room:
    """A conversation and what is in it."""

    record: ConversationRecord
    members: dict[str, ParticipantRecord] = field(default_factory=dict)
    messages: list[MessageRecord] = field(default_factory=list)
    next_index: int = 0
    levels: dict[str, NotificationLevel] = field(default_factory=dict)
    by_mutation: dict[str, MessageRecord] = field(default_factory=dict)

    def delivery_of(self, message: MessageRecord) -> DeliveryRecord | None:
        """Return whom a message was for, and who has read it."""
        others = [each for each in self.members.values() if each.identity != message.author]
        if not others:
            return None
        read = [
            each
            for each in others
            if each.last_read_message_index is not None and each.last_read_message_index >= message.index
        ]
        return DeliveryRecord(
            recipients=frozenset(each.sid for each in others), read_by=frozenset(each.sid for each in read)
        )

    def seen_by(self, identity: str) -> ConversationRecord:
        """Return the conversation as *identity* sees it."""
        last = self.messages[-1] if self.messages else None
        member = self.members.get(identity)
        return replace(
            self.record,
            joined=identity in self.members,
            last_read_message_index=member.last_read_message_index if member else None,
            notification_level=self.levels.get(identity, "default"),
            last_message=LastMessage(index=last.index, date_created=last.date_created) if last else None,
        )


class MemoryService:
    """What all users share. Every step of its clock is a second."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.users: dict[str, UserRecord] = {}
        self.files: dict[str, tuple[MediaRecord, bytes]] = {}
        self.actors: dict[str, Actor] = {}
        self.templates: list[ContentTemplateRecord] = []
        self.contents: dict[str, Mapping[str, JSONValue] | None] = {}
        self.devices: set[tuple[str, PushChannel, str]] = set()
        self.calls: list[str] = []
        self.closed = 0
        self.typing_timeout = 5.0
        self._refusals: dict[str, TwilioCompatError] = {}
        self._failures: dict[str, Exception] = {}
        self._queues: dict[str, list[asyncio.Queue[events.Event]]] = {}
        self._held: list[tuple[str, events.Event]] | None = None
        self._ticks = count()

    # For tests

    def token(self, identity: str, *, lasts: timedelta = timedelta(hours=1)) -> str:
        """Issue a token."""
        token = f"token-{next(self._ticks)}-of-{identity}"
        self.actors[token] = Actor(identity=identity, token=token, expires_at=datetime.now(UTC) + lasts)
        return token

    def refuse(self, token: str, error: TwilioCompatError) -> None:
        """Refuse *token* at sign-in with *error*."""
        self._refusals[token] = error

    def fail_next(self, call: str, error: Exception) -> None:
        """Let the next *call*, such as ``messages.create``, fail."""
        self._failures[call] = error

    def tell(self, identity: str, event: events.Event) -> None:
        """Send *event* to whoever listens as *identity*."""
        if self._held is not None:
            self._held.append((identity, event))
            return
        for queue in self._queues.get(identity, []):
            queue.put_nowait(event)

    @contextmanager
    def hold_news(self) -> Iterator[None]:
        """Keep news back for as long as the block runs."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for identity, event in held:
                self.tell(identity, event)

    def listeners(self, identity: str) -> int:
        """Return how many subscriptions *identity* has."""
        return len(self._queues.get(identity, []))

    # For the backend

    def enter(self, call: str) -> None:
        """Note a call, and fail it where a test wants so."""
        self.calls.append(call)
        if (error := self._failures.pop(call, None)) is not None:
            raise error

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=next(self._ticks))

    def sign_in(self, token: str) -> Actor:
        if (refusal := self._refusals.get(token)) is not None:
            raise refusal
        if token not in self.actors:
            raise TokenError("Invalid Access Token", code=20101)
        return self.actors[token]

    def room(self, actor: Actor, sid: str) -> Room:
        room = self.rooms.get(sid)
        if room is None:
            raise NotFoundError("Conversation not found", code=50350)
        if actor.identity not in room.members and actor.identity != room.record.created_by:
            raise ForbiddenError("Participant is not a member of conversation", code=50430)
        return room

    def member(self, room: Room, sid_or_identity: str) -> ParticipantRecord:
        found = [each for each in room.members.values() if sid_or_identity in (each.sid, each.identity)]
        if not found:
            raise NotFoundError("Participant not found", code=50432)
        return found[0]

    def expect_free(self, unique_name: str | None, *, but: str | None = None) -> None:
        taken = {room.record.unique_name: sid for sid, room in self.rooms.items()}
        if unique_name and taken.get(unique_name, but) != but:
            raise ConflictError("Conversation with provided unique name already exists", code=50353)

    def user(self, identity: str) -> UserRecord:
        made = UserRecord(
            sid=sid_of("US", identity),
            identity=identity,
            friendly_name=identity.title(),
            attributes={},
            date_updated=EPOCH,
        )
        return self.users.setdefault(identity, made)

    def tell_members(self, room: Room, event: events.Event, *, but: str | None = None) -> None:
        for identity in room.members:
            if identity != but:
                self.tell(identity, event)

    def tell_all(self, event: events.Event) -> None:
        for identity in self._queues:
            self.tell(identity, event)

    def tell_update(self, room: Room) -> None:
        for identity in room.members:
            self.tell(identity, events.ConversationUpdated(conversation=room.seen_by(identity)))

    @asynccontextmanager
    async def subscribe(self, actor: Actor) -> AsyncIterator[AsyncIterator[events.Event]]:
        queue: asyncio.Queue[events.Event] = asyncio.Queue()
        self._queues.setdefault(actor.identity, []).append(queue)
        mine = [
            room.seen_by(actor.identity) for room in self.rooms.values() if actor.identity in room.members
        ]
        try:
            yield self._news(queue, tuple(sorted(mine, key=lambda each: each.sid)))
        finally:
            self._queues[actor.identity].remove(queue)

    @staticmethod
    async def _news(
        queue: asyncio.Queue[events.Event], mine: tuple[ConversationRecord, ...]
    ) -> AsyncIterator[events.Event]:
        yield events.Synchronized(conversations=mine)
        while True:
            event = await queue.get()
            yield event
            if isinstance(event, events.SourceRefused):
                return
