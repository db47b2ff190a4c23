"""The account hears of everything, once, whoever did it and in whichever process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from acs_backend import AcsBackend
from acs_backend.event_sources import account_view
from tests.acs_backend.deployment import (
    Deployment,
    NativeUser,
    draft,
    next_event,
    next_of,
    quiet,
    room,
    send,
    sign_in,
)
from twilio_compat.account import account_actor, on_behalf_of
from twilio_compat.events import (
    ConversationJoined,
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
    UserUpdated,
)
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    MessageChanges,
    ParticipantChanges,
    ParticipantDraft,
)

ACCOUNT = account_actor()


@pytest.fixture
def other(deployment: Deployment) -> AcsBackend:
    """Another process."""
    return deployment.backend()


async def native(deployment: Deployment, backend: AcsBackend) -> NativeUser:
    return await deployment.native(await backend.issue_identity("nat", with_token=True))


async def added(events: AsyncIterator[Event], count: int) -> list[tuple[str | None, str | None, bool, bool]]:
    found = [(await next_of(events, MessageAdded)).message for _ in range(count)]
    return [(each.author, each.body, each.is_native, each.is_quiet) for each in found]


async def test_it_begins_with_all_conversations_of_which_it_has_joined_none(
    backend: AcsBackend, other: AcsBackend, alice: Actor
) -> None:
    chats = [
        await room(backend, alice, "alice"),
        await other.conversations.create(ACCOUNT, ConversationDraft()),
    ]
    async with backend.subscribe(ACCOUNT) as events:
        begin = await next_event(events)
    assert isinstance(begin, Synchronized)
    assert sorted(each.sid for each in chats) == [each.sid for each in begin.conversations]
    assert not any(each.joined for each in begin.conversations)
    assert list(begin.conversations) == await backend.conversations.list(ACCOUNT)


async def test_it_hears_of_conversations_that_any_process_makes_and_of_all_that_happened_there_since(
    deployment: Deployment, backend: AcsBackend, other: AcsBackend
) -> None:
    (alice,) = await sign_in(other, "alice")
    async with backend.subscribe(ACCOUNT) as events:
        await next_of(events, Synchronized)
        chat = await room(other, alice, "alice", "bob")
        await send(other, alice, chat, "hello")
        joined = await next_of(events, ConversationJoined)
        assert (chat.sid, "alice", False) == (
            joined.conversation.sid,
            joined.conversation.created_by,
            joined.conversation.joined,
        )
        assert "alice" == (await next_of(events, ParticipantJoined)).participant.identity
        assert "bob" == (await next_of(events, ParticipantJoined)).participant.identity
        assert [("alice", "hello", False, False)] == await added(events, 1)
        assert [] == await quiet(events)


async def test_each_message_is_told_once_with_who_wrote_it_and_how(
    deployment: Deployment, backend: AcsBackend, other: AcsBackend
) -> None:
    user = await native(deployment, other)
    (alice,) = await sign_in(other, "alice")
    chat = await room(other, alice, "alice", "bob", "nat")
    thread = await user.only_thread()
    async with backend.subscribe(ACCOUNT) as events:
        await next_of(events, Synchronized)
        await thread.send_message("native")
        await send(other, alice, chat, "another process")
        await send(backend, on_behalf_of("alice"), chat, "this process")
        await other.messages.create(ACCOUNT, chat.sid, draft("a bot's", author="a bot", is_quiet=True))
        await backend.messages.create(ACCOUNT, chat.sid, draft("bob's", author="bob", is_quiet=True))
        await backend.messages.create(ACCOUNT, chat.sid, draft("the system's"))
        assert [
            ("nat", "native", True, False),
            ("alice", "another process", False, False),
            ("alice", "this process", False, False),
            ("a bot", "a bot's", False, True),
            ("bob", "bob's", False, True),
            ("system", "the system's", False, False),
        ] == await added(events, 6)
        assert [] == await quiet(events)


async def test_many_at_once_are_each_told_once_and_in_order(
    deployment: Deployment, backend: AcsBackend, other: AcsBackend, alice: Actor
) -> None:
    chats = [await room(backend, alice, "alice") for _ in range(3)]
    async with backend.subscribe(ACCOUNT) as events:
        await next_of(events, Synchronized)
        await asyncio.gather(
            *(
                each.messages.create(ACCOUNT, chat.sid, draft(f"{number}", author="a bot"))
                for chat in chats
                for number, each in enumerate([backend, other] * 4)
            )
        )
        told = [(await next_of(events, MessageAdded)).message for _ in range(24)]
        assert [] == await quiet(events)
    for chat in chats:
        assert list(range(8)) == [each.index for each in told if each.conversation_sid == chat.sid]


async def test_it_hears_of_what_changes(backend: AcsBackend, other: AcsBackend) -> None:
    (alice,) = await sign_in(other, "alice")
    chat = await room(other, alice, "alice", "bob")
    message = await send(other, alice, chat, "hello")
    async with backend.subscribe(ACCOUNT) as events:
        await next_of(events, Synchronized)
        await other.conversations.update(ACCOUNT, chat.sid, ConversationChanges(friendly_name="Hall"))
        updated = (await next_of(events, ConversationUpdated)).conversation
        assert ("Hall", False) == (updated.friendly_name, updated.joined)
        await other.participants.update(ACCOUNT, chat.sid, "bob", ParticipantChanges(attributes={"x": 1}))
        assert {"x": 1} == (await next_of(events, ParticipantUpdated)).participant.attributes
        await other.messages.update(ACCOUNT, chat.sid, message.sid, MessageChanges(body="changed"))
        assert "changed" == (await next_of(events, MessageUpdated)).message.body
        await other.messages.delete(ACCOUNT, chat.sid, message.sid)
        assert message.sid == (await next_of(events, MessageRemoved)).message_sid
        await other.participants.delete(ACCOUNT, chat.sid, "bob")
        assert "bob" == (await next_of(events, ParticipantLeft)).participant.identity
        await other.conversations.delete(ACCOUNT, chat.sid)
        left = await next_of(events, ConversationLeft)
        assert (chat.sid, "deleted", None) == (left.conversation_sid, left.reason, left.participant)


async def test_nobody_is_told_that_the_steward_is_there(
    deployment: Deployment, alice: Actor, bob: Actor
) -> None:
    backend = deployment.backend(reachability=True)
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        async with backend.subscribe(bob):
            assert "bob" == (await next_of(events, UserUpdated)).user.identity
        assert not (await next_of(events, UserUpdated)).user.is_online
        async with backend.subscribe(ACCOUNT) as own:
            await next_of(own, Synchronized)
        assert [] == await quiet(events)


async def test_two_processes_hear_the_same(
    deployment: Deployment, backend: AcsBackend, other: AcsBackend, alice: Actor
) -> None:
    chat = await room(backend, alice, "alice")
    async with backend.subscribe(ACCOUNT) as here, other.subscribe(ACCOUNT) as there:
        for events in (here, there):
            await next_of(events, Synchronized)
        sent = await backend.messages.create(ACCOUNT, chat.sid, draft("hello", author="a bot", is_quiet=True))
        for events in (here, there):
            assert sent == (await next_of(events, MessageAdded)).message


async def test_on_behalf_of_a_user_it_hears_what_that_user_would(
    backend: AcsBackend, other: AcsBackend
) -> None:
    chat = await other.conversations.create(ACCOUNT, ConversationDraft())
    async with backend.subscribe(on_behalf_of("bob")) as events:
        await next_of(events, Synchronized)
        await other.participants.create(ACCOUNT, chat.sid, ParticipantDraft(identity="bob"))
        joined = (await next_of(events, ConversationJoined)).conversation
    assert (chat.sid, True) == (joined.sid, joined.joined)


def test_other_events_are_told_as_they_are() -> None:
    removed = MessageRemoved(conversation_sid="CH1", message_sid="IM1", index=0)
    assert removed is account_view.told(removed)
