"""Twenty people who listen in one process: what they hear, and what ACS is asked for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.communication.chat import ChatParticipant, CommunicationUserIdentifier

from acs_backend import AcsBackend
from acs_backend.event_sources.thread_cursor import WARM
from acs_emulator import Emulator, Exchange
from acs_emulator.faults import Kind
from tests.acs_backend.deployment import (
    Deployment,
    NativeUser,
    next_event,
    next_of,
    quiet,
    room,
    send,
    sign_in,
)
from twilio_compat.events import (
    ConversationLeft,
    Event,
    MessageAdded,
    MessageUpdated,
    SourceInterrupted,
    Synchronized,
)
from twilio_compat.records import Actor, ConversationRecord, MessageChanges

PEOPLE = [f"person-{number}" for number in range(20)]
INTERVAL = 0.5
MOST_LISTINGS = 2 + int(WARM / INTERVAL) + 2
"""Of one thread for a message: to find it, one an interval until its second is over, the last; and the sender's own."""


class Room:
    """A conversation of which all members listen on one backend."""

    def __init__(self, deployment: Deployment, backend: AcsBackend, exchanges: list[Exchange]) -> None:
        self.deployment, self.backend, self.exchanges = deployment, backend, exchanges
        self.other = deployment.backend()
        self.streams: dict[str, AsyncIterator[Event]] = {}
        self.chat: ConversationRecord
        self.actors: Sequence[Actor]

    async def open(self, stack: AsyncExitStack) -> None:
        self.actors = await sign_in(self.backend, *PEOPLE)
        self.chat = await room(self.backend, self.actors[0], *PEOPLE)
        for name, actor in zip(PEOPLE, self.actors, strict=True):
            self.streams[name] = await stack.enter_async_context(self.backend.subscribe(actor))
        await asyncio.gather(*(next_of(each, Synchronized) for each in self.streams.values()))
        await self.quiet()
        self.exchanges.clear()

    async def quiet(self) -> list[list[Event]]:
        """Return what each hears until there is nothing left to read."""
        return await asyncio.gather(*(quiet(each, 3.0) for each in self.streams.values()))

    async def all_hear(self, count: int) -> list[list[str | None]]:
        """Return the bodies of the next messages that each hears."""
        return await asyncio.gather(*(self.hear(each, count) for each in self.streams))

    async def hear(self, name: str, count: int) -> list[str | None]:
        return [(await next_of(self.streams[name], MessageAdded)).message.body for _ in range(count)]

    async def native(self, name: str) -> NativeUser:
        return await self.deployment.native(await self.backend.issue_identity(name, with_token=True))

    async def acs_user(self, name: str) -> CommunicationUserIdentifier:
        return CommunicationUserIdentifier(await self.backend.identities.acs_id(name))

    @property
    def asked(self) -> Counter[str]:
        return Counter(each.operation for each in self.exchanges)


@pytest.fixture
async def together(tmp_path: Path) -> AsyncIterator[Room]:
    exchanges: list[Exchange] = []
    with Emulator(observe=exchanges.append) as emulator:
        async with (
            Deployment(emulator, f"sqlite:///{tmp_path / 'store.db'}") as deployment,
            AsyncExitStack() as stack,
        ):
            opened = Room(deployment, deployment.backend(poll_interval=INTERVAL), exchanges)
            await opened.open(stack)
            yield opened


async def test_a_message_of_this_process_is_read_for_all_of_them_together(together: Room) -> None:
    await send(together.backend, together.actors[3], together.chat, "hello")
    assert [["hello"]] * 20 == await together.all_hear(1)
    assert [[]] * 20 == await together.quiet()
    assert 1 <= together.asked["ListChatMessages"] <= MOST_LISTINGS


async def test_a_message_of_another_process_is_read_for_all_of_them_together(together: Room) -> None:
    await send(together.other, together.actors[3], together.chat, "hello")
    assert [["hello"]] * 20 == await together.all_hear(1)
    assert [[]] * 20 == await together.quiet()
    assert 1 <= together.asked["ListChatMessages"] <= MOST_LISTINGS


async def test_an_edit_is_read_for_all_of_them_together(together: Room) -> None:
    sent = await send(together.backend, together.actors[3], together.chat, "old")
    await together.all_hear(1)
    await together.quiet()
    together.exchanges.clear()
    changes = MessageChanges(body="new")
    await together.other.messages.update(together.actors[3], together.chat.sid, sent.sid, changes)
    heard = await asyncio.gather(*(next_of(each, MessageUpdated) for each in together.streams.values()))
    assert ["new"] * 20 == [each.message.body for each in heard]
    assert 1 <= together.asked["ListChatMessages"] <= MOST_LISTINGS


async def test_all_hear_a_stream_of_messages_once_each_and_in_order(together: Room) -> None:
    bodies = [str(number) for number in range(30)]
    for number, body in enumerate(bodies):
        backend = together.backend if number % 2 else together.other
        await send(backend, together.actors[number % 20], together.chat, body)
        await asyncio.sleep(0.02)
    assert [bodies] * 20 == await together.all_hear(30)
    assert [[]] * 20 == await together.quiet()


async def test_who_is_removed_hears_nothing_that_is_written_afterwards(together: Room) -> None:
    thread = await (await together.native("person-0")).only_thread()
    await thread.send_message("before")
    await thread.remove_participant(await together.acs_user("person-7"))
    await thread.send_message("after")
    removed = together.streams.pop("person-7")
    heard: list[Event] = []
    while not heard or not isinstance(heard[-1], ConversationLeft):
        heard.append(await next_event(removed))
    assert [["before", "after"]] * 19 == await together.all_hear(2)
    assert {"before"} >= {each.message.body for each in heard if isinstance(each, MessageAdded)}
    assert [] == await quiet(removed, 1.0)


async def test_who_was_added_without_the_history_hears_of_no_edit_in_it(together: Room) -> None:
    native = await together.native("person-0")
    thread = await native.only_thread()
    old = await thread.send_message("old")
    await together.all_hear(1)
    await together.quiet()  # the SDK gives the time to the second
    (late,) = await sign_in(together.backend, "late")
    identifier = await together.acs_user("late")
    await thread.add_participants(
        [ChatParticipant(identifier=identifier, share_history_time=datetime.now(UTC))]
    )
    async with together.backend.subscribe(late) as events:
        await next_of(events, Synchronized)
        await together.quiet()
        await thread.update_message(old.id, "edited")
        await thread.send_message("new")
        updated = await asyncio.gather(*(next_of(each, MessageUpdated) for each in together.streams.values()))
        assert ["edited"] * 20 == [each.message.body for each in updated]
        told = await next_event(events)
        assert isinstance(told, MessageAdded)
        assert "new" == told.message.body
        assert [["new"]] * 20 == await together.all_hear(1)


async def test_a_listing_that_fails_is_made_again_and_nothing_is_lost(together: Room) -> None:
    thread = await (await together.native("person-0")).only_thread()
    together.deployment.emulator.faults.add(Kind.FAIL_REQUEST, "ListChatMessages", count=1)
    await thread.send_message("hello")
    heard = await together.quiet()
    assert [["hello"]] * 20 == [
        [each.message.body for each in events if isinstance(each, MessageAdded)] for events in heard
    ]
    assert any(isinstance(each, SourceInterrupted) for events in heard for each in events)
