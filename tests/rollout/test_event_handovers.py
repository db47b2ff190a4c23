"""What a user hears while a conversation changes sides and much happens in it: two real sides, and two processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.rollout.deployment import ACCOUNT, RolloutDeployment, drained, listed, moved, room, send
from tests.support.waiting import eventually
from twilio_compat.account import on_behalf_of
from twilio_compat.events import (
    ConversationLeft,
    ConversationUpdated,
    Event,
    MessageAdded,
    MessageRemoved,
    MessageUpdated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    Synchronized,
)
from twilio_compat.records import ConversationChanges, MessageChanges, ParticipantDraft
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.staging.stages import Stage


@dataclass
class Heard:
    """What a user knows by what they are told."""

    told: list[Event] = field(default_factory=list)
    messages: dict[str, str | None] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    name: str | None = None

    def hear(self, event: Event) -> None:
        self.told.append(event)
        match event:
            case MessageAdded(message=message) | MessageUpdated(message=message):
                self.messages[message.sid] = message.body
            case MessageRemoved():
                self.messages.pop(event.message_sid, None)
            case ParticipantJoined(participant=member) | ParticipantUpdated(participant=member):
                self.members.add(member.identity)
            case ParticipantLeft(participant=member):
                self.members.discard(member.identity)
            case ConversationUpdated(conversation=record):
                self.name = record.friendly_name
            case _:
                pass

    @property
    def added(self) -> list[tuple[int, str]]:
        """The messages that were told as added, in this order."""
        return [
            (each.message.index, each.message.sid) for each in self.told if isinstance(each, MessageAdded)
        ]


@asynccontextmanager
async def hearing(backend: RolloutBackend, identity: str) -> AsyncIterator[Heard]:
    """Have somebody hear what they are told."""
    heard, is_up = Heard(), asyncio.Event()

    async def read() -> None:
        async with backend.subscribe(on_behalf_of(identity, backend.service_sid)) as events:
            async for event in events:
                heard.hear(event)
                if isinstance(event, Synchronized):
                    is_up.set()

    reading = asyncio.create_task(read())
    try:
        async with asyncio.timeout(30):
            await is_up.wait()
        yield heard
        assert not reading.done(), reading.exception()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@dataclass
class Bustle:
    """Does everything that can be done in a conversation, again and again."""

    backend: RolloutBackend
    sid: str
    count: int = 0
    sids: list[str] = field(default_factory=list)

    async def go_on(self, until: asyncio.Task[None]) -> None:
        """Go on until something is done, and a little longer."""
        rest = 3
        while rest:
            rest -= until.done()
            await self._act()
        await until

    async def _act(self) -> None:
        self.count += 1
        self.sids.append((await send(self.backend, self.sid, f"message {self.count}", "ann")).sid)
        participants, messages = self.backend.participants, self.backend.messages
        await participants.create(ACCOUNT, self.sid, ParticipantDraft(identity=f"guest {self.count}"))
        if self.count > 1:
            await participants.delete(ACCOUNT, self.sid, f"guest {self.count - 1}")
        changes = MessageChanges(body=f"edited {self.count}")
        await messages.update(ACCOUNT, self.sid, self.sids[len(self.sids) // 2], changes)
        if len(self.sids) > 4:
            await messages.delete(ACCOUNT, self.sid, self.sids.pop(0))
        name = ConversationChanges(friendly_name=f"name {self.count}")
        await self.backend.conversations.update(ACCOUNT, self.sid, name)


async def test_that_what_is_heard_is_what_is_there_after_a_handover_to_acs_and_back(
    deployment: RolloutDeployment,
) -> None:
    writer, listener = deployment.open("shadow"), deployment.open("shadow")
    made = await room(writer, "bob", "ann")
    await drained(writer, made.sid)
    bustle = Bustle(writer, made.sid)
    async with hearing(listener, "bob") as heard:
        heard.members |= {"bob", "ann"}
        for stage in (Stage.LIVE, Stage.SHADOW):
            await bustle.go_on(asyncio.create_task(moved(writer, made.sid, stage)))
            there = await listed(writer, made.sid)
            members = {each.identity for each in await writer.participants.list(ACCOUNT, made.sid)}

            async def is_told(there: object = {each.sid: each.body for each in there}) -> bool:
                return heard.messages == there

            await eventually(is_told)

            async def are_told(members: set[str] = members) -> bool:
                return (heard.members, heard.name) == (members, f"name {bustle.count}")

            await eventually(are_told)
    stayed = [each for each in heard.added if each[1] in heard.messages]
    assert [(each.index, each.sid) for each in there] == stayed
    assert len(set(heard.added)) == len(heard.added)
    assert [] == [each for each in heard.told if isinstance(each, ConversationLeft)]


async def test_that_a_conversation_that_is_deleted_on_acs_is_told_as_deleted(
    deployment: RolloutDeployment,
) -> None:
    writer, listener = deployment.open("complete"), deployment.open("complete")
    made = await room(writer, "bob")
    async with hearing(listener, "bob") as heard:
        await writer.conversations.delete(ACCOUNT, made.sid)

        async def is_told() -> bool:
            return ConversationLeft in {type(each) for each in heard.told}

        await eventually(is_told)
    left = [each for each in heard.told if isinstance(each, ConversationLeft)]
    assert [(made.sid, "deleted")] == [(each.conversation_sid, each.reason) for each in left]
