"""Typing: how often it is told, and for how long it is shown."""

from __future__ import annotations

import asyncio

from tests.support.journal import Journal, settle
from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import Client, ClientOptions, Conversation, Participant
from twilio_compat.typing_throttle import DEFAULT_TIMEOUT, TypingThrottle

from .conftest import SignIn


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_conversation_is_told_once_for_as_long_as_it_holds() -> None:
    throttle = TypingThrottle(clock := Clock())
    assert [True, False, True] == [throttle.admits("CH1"), throttle.admits("CH1"), throttle.admits("CH2")]
    clock.now += DEFAULT_TIMEOUT - 0.1
    assert not throttle.admits("CH1")
    clock.now += 0.1
    assert throttle.admits("CH1")


def test_the_service_says_for_how_long_it_holds() -> None:
    throttle = TypingThrottle(clock := Clock())
    throttle.admits("CH1")
    throttle.answered(10.0)
    clock.now += 9.0
    assert (False, 10.0) == (throttle.admits("CH1"), throttle.timeout)


def test_an_override_counts_whatever_the_service_says() -> None:
    throttle = TypingThrottle(Clock(), override=2.0)
    throttle.answered(10.0)
    assert (2.0, 3.0) == (throttle.timeout, throttle.shown_for(6.0)), "others are shown a second longer"
    assert 6.0 == TypingThrottle(Clock()).shown_for(6.0)


async def shared_room(alice: Client, *others: str) -> Conversation:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    for identity in others:
        await room.add(identity)
    await settle()
    return room


async def test_typing_ends_by_itself(service: MemoryService, alice: Client, bob: Client) -> None:
    service.typing_timeout = 0.01
    room = await shared_room(alice, "bob")
    theirs = await bob.getConversationBySid(room.sid)
    ended = asyncio.Event()
    alice.on("typingEnded", lambda _: ended.set())
    journal = Journal(alice, ["typingStarted", "typingEnded"])
    await theirs.typing()
    await asyncio.wait_for(ended.wait(), 30)
    assert ["typingStarted:bob", "typingEnded:bob"] == journal.read()


async def test_each_notice_starts_the_time_anew(service: MemoryService, sign_in: SignIn) -> None:
    """Two devices of bob: each tells when it is used, and the second notice prolongs what the first began."""
    alice, phone, laptop = await sign_in("alice"), await sign_in("bob"), await sign_in("bob")
    room = await shared_room(alice, "bob")
    journal = Journal(alice, ["typingStarted", "typingEnded"])
    for device in (phone, laptop):
        await (await device.getConversationBySid(room.sid)).typing()
    assert ["typingStarted:bob"] * 2 == await journal.settled()
    await (await phone.getConversationBySid(room.sid)).sendMessage("typed")
    assert ["typingEnded:bob"] == await journal.settled()


async def test_typing_is_told_on_the_member_and_on_the_conversation(alice: Client, bob: Client) -> None:
    room = await shared_room(alice, "bob")
    member = await room.getParticipantByIdentity("bob")
    heard: list[tuple[str, Participant]] = []
    member.on("typingStarted", lambda who: heard.append(("member", who)))
    room.on("typingStarted", lambda who: heard.append(("conversation", who)))
    await (await bob.getConversationBySid(room.sid)).typing()
    await settle()
    assert [("member", member), ("conversation", member)] == heard


async def test_somebody_elses_message_does_not_end_it(alice: Client, bob: Client) -> None:
    room = await shared_room(alice, "bob")
    await (await bob.getConversationBySid(room.sid)).typing()
    await settle()
    await room.sendMessage("meanwhile")
    assert (await room.getParticipantByIdentity("bob")).isTyping


async def test_a_client_that_is_shut_down_leaves_no_timer_behind(service: MemoryService, bob: Client) -> None:
    service.typing_timeout = 0.01
    client = await Client.create(service.token("alice"), {"backend": MemoryBackend(service)})
    room = await shared_room(client, "bob")
    journal = Journal(client, ["typingEnded"])
    await (await bob.getConversationBySid(room.sid)).typing()
    await settle()
    await client.shutdown()
    assert [] == [*client._session._timers]
    assert [] == journal.read()


async def test_ones_own_option_sets_how_often_it_is_told(service: MemoryService) -> None:
    options: ClientOptions = {"backend": MemoryBackend(service), "typingIndicatorTimeoutOverride": 60_000}
    async with Client(service.token("alice"), options) as client:
        assert 60.0 == client._session.typing.timeout
