"""Two sides of which a test says what they tell, and an office that knows where each conversation is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from twilio_compat.account import AccountBackend
from twilio_compat.errors import NotFoundError, TwilioCompatError
from twilio_compat.events import Event, Synchronized
from twilio_compat.records import (
    Actor,
    ConversationRecord,
    ConversationState,
    Direction,
    MessagePage,
    MessageRecord,
    ParticipantRecord,
)
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.sids import UNMAPPED
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SERVICE_SID = "IS" + "7" * 32


def conversation(sid: str) -> ConversationRecord:
    """Return a conversation that the user is in."""
    return ConversationRecord(
        sid=sid,
        friendly_name=None,
        unique_name=None,
        attributes={},
        created_by="system",
        date_created=NOON,
        date_updated=NOON,
        state=ConversationState(current="active", date_updated=NOON),
        joined=True,
    )


def message(sid: str, index: int) -> MessageRecord:
    """Return a message in a conversation."""
    return MessageRecord(
        sid=f"IM{index}",
        conversation_sid=sid,
        index=index,
        author="alice",
        body=f"message {index}",
        attributes={},
        date_created=NOON,
        date_updated=NOON,
    )


def synchronized(*sids: str) -> Synchronized:
    """Return the first event of a side that has these conversations."""
    return Synchronized(conversations=tuple(map(conversation, sids)))


class FakeSide:
    """Tells what it is given to tell. An error that is given is raised in place of being told."""

    service_sid = SERVICE_SID

    def __init__(self) -> None:
        self.news: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self.failures: list[Exception] = []
        """What goes wrong when it is opened next."""
        self.opened = self.closed = self.taken = 0
        self.is_endless = False
        self.kept: dict[str, list[MessageRecord]] = {}
        self.conversations = self.messages = self.participants = self

    def tell(self, *news: Event | Exception) -> None:
        for each in news:
            self.news.put_nowait(each)

    @asynccontextmanager
    async def subscribe(self, _: Actor) -> AsyncIterator[AsyncIterator[Event]]:
        self.opened += 1
        if self.failures:
            raise self.failures.pop(0)
        try:
            async with aclosing(self._told()) as events:
                yield events
        finally:
            self.closed += 1

    async def _told(self) -> AsyncGenerator[Event, None]:
        while True:
            told = await self.news.get()
            if isinstance(told, Exception):
                raise told
            self.taken += 1
            yield told

    # What there is to look at

    async def get(self, _: Actor, sid: str, message_sid: str | None = None) -> object:
        if sid not in self.kept:
            raise NotFoundError("There is no such conversation")
        if message_sid is None:
            return conversation(sid)
        for each in self.kept[sid]:
            if each.sid == message_sid:
                return each
        raise NotFoundError("There is no such message")

    async def page(
        self, _: Actor, sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        assert direction is Direction.BACKWARDS
        found = [each for each in self.kept[sid] if anchor is None or each.index <= anchor]
        items, has_older = tuple(found[-size:]), len(found) > size
        return MessagePage(items=items, has_older=has_older, has_newer=anchor is not None)

    async def list(self, _: Actor, sid: str) -> Sequence[ParticipantRecord]:
        return []


@dataclass
class FakeOffice:
    """Knows where each conversation is; ``failures`` is what goes wrong when it is asked."""

    twilio: FakeSide = field(default_factory=FakeSide)
    acs: FakeSide = field(default_factory=FakeSide)
    pinned: dict[str, Pin] = field(default_factory=dict)
    failures: dict[str, TwilioCompatError] = field(default_factory=dict)
    service_sid: str = SERVICE_SID

    @property
    def office(self) -> Office:
        """What the stream is given."""
        return cast(Office, self)

    @property
    def sides(self) -> Sides:
        return Sides(twilio=cast(AccountBackend, self.twilio), acs=cast(AccountBackend, self.acs))

    @property
    def pins(self) -> FakeOffice:
        return self

    @property
    def sids(self) -> FakeOffice:
        return self

    @property
    def shadow(self) -> FakeOffice:
        return self

    def told(self, *_: object) -> None:
        """Compare nothing."""

    def pin(self, sid: str, stage: Stage, towards: Stage | None = None) -> None:
        """Say where a conversation is."""
        about = Target(conversation_sid=sid, service=SERVICE_SID)
        self.pinned[sid] = Pin(about=about, stage=stage, since=NOON, towards=towards)

    def _ask(self, what: str) -> None:
        if (error := self.failures.get(what)) is not None:
            raise error

    async def ever_live(self) -> bool:
        self._ask("ever_live")
        return any(each.decision.authority is Side.ACS for each in self.pinned.values())

    async def all_pins(self) -> Mapping[str, Pin]:
        self._ask("all_pins")
        return self.pinned

    async def of(self, target: Target) -> Pin:
        self._ask("pins")
        return self.pinned.get(target.conversation_sid or "", Pin(about=target))

    async def conversation(self, sid: str) -> str:
        self._ask("sids")
        return sid

    async def authority(self, sid: str) -> Side:
        return (await self.of(Target(conversation_sid=sid))).decision.authority

    async def place(self, pin: Pin, side: Side, **_: Any) -> Place:
        self._ask("place")
        return Place(pin, side, self.sides.of(side), UNMAPPED)
