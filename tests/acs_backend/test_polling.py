from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from acs_backend import AcsBackend
from acs_emulator import Emulator, Options
from tests.acs_backend.deployment import (
    Deployment,
    bodies,
    next_event,
    next_of,
    page,
    quiet,
    room,
    send,
    sign_in,
    twilio_token,
)
from tests.acs_backend.middleman import Fault, Middleman
from twilio_compat.errors import TokenError
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
    SourceInterrupted,
    SourceRefused,
    SourceRestored,
    Synchronized,
)
from twilio_compat.records import Actor, LastMessage, MessageChanges, ParticipantDraft


async def test_the_first_event_has_the_conversations_and_what_was_before_is_no_news(
    backend: AcsBackend, alice: Actor, bob: Actor
) -> None:
    chats = [await room(backend, alice, "alice", "bob") for _ in range(3)]
    await send(backend, alice, chats[0], "before")
    async with backend.subscribe(bob) as events:
        first = await next_event(events)
        assert isinstance(first, Synchronized)
        assert sorted(each.sid for each in chats) == [each.sid for each in first.conversations]
        assert [] == await quiet(events)


async def test_messages_are_told_to_every_member_the_author_included(
    backend: AcsBackend, alice: Actor, bob: Actor
) -> None:
    chat = await room(backend, alice, "alice", "bob")
    async with backend.subscribe(alice) as alices, backend.subscribe(bob) as bobs:
        for events in (alices, bobs):
            await next_of(events, Synchronized)
        sent = await send(backend, alice, chat, "hello")
        assert MessageAdded(message=sent) == await next_event(bobs)
        assert MessageAdded(message=sent) == await next_event(alices)


async def test_a_burst_is_told_once_each_and_in_order(backend: AcsBackend, alice: Actor, bob: Actor) -> None:
    chat = await room(backend, alice, "alice", "bob")
    async with backend.subscribe(bob) as events:
        await next_of(events, Synchronized)
        sending = asyncio.gather(*(send(backend, alice, chat, str(number)) for number in range(60)))
        told = [await next_of(events, MessageAdded) for _ in range(60)]
        await sending
        assert list(range(60)) == [each.message.index for each in told]
        assert await bodies(backend, alice, chat) == [each.message.body for each in told]
        assert [] == await quiet(events)


async def test_edits_and_deletions_are_told(backend: AcsBackend, alice: Actor, bob: Actor) -> None:
    chat = await room(backend, alice, "alice", "bob")
    sent = await send(backend, alice, chat, "old")
    async with backend.subscribe(bob) as events:
        await next_of(events, Synchronized)
        edited = await backend.messages.update(alice, chat.sid, sent.sid, MessageChanges(body="new"))
        assert MessageUpdated(message=edited) == await next_event(events)
        await backend.messages.delete(alice, chat.sid, sent.sid)
        removed = MessageRemoved(conversation_sid=chat.sid, message_sid=sent.sid, index=0)
        assert removed == await next_event(events)


async def test_after_a_deletion_it_is_told_which_message_is_the_last_one_now(
    backend: AcsBackend, alice: Actor, bob: Actor
) -> None:
    chat = await room(backend, alice, "alice", "bob")
    first, second, third = [await send(backend, alice, chat, body) for body in "abc"]
    await backend.messages.delete(alice, chat.sid, second.sid)
    async with backend.subscribe(bob) as events:
        await next_of(events, Synchronized)
        for each, left in ((third, LastMessage(index=0, date_created=first.date_created)), (first, None)):
            await backend.messages.delete(alice, chat.sid, each.sid)
            assert each.index == (await next_of(events, MessageRemoved)).index
            assert left == (await next_of(events, ConversationUpdated)).conversation.last_message


async def test_members_who_come_and_go_are_told(backend: AcsBackend, alice: Actor, bob: Actor) -> None:
    chat = await room(backend, alice, "alice", "bob")
    async with backend.subscribe(bob) as events:
        await next_of(events, Synchronized)
        carol = await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="carol"))
        assert ParticipantJoined(participant=carol) == await next_event(events)
        await backend.participants.delete(alice, chat.sid, "carol")
        left = await next_event(events)
        assert isinstance(left, ParticipantLeft)
        assert ("carol", carol.sid) == (left.participant.identity, left.participant.sid)


async def test_the_history_before_joining_is_no_news_and_what_follows_is(
    backend: AcsBackend, alice: Actor, bob: Actor
) -> None:
    chat = await room(backend, alice, "alice")
    await send(backend, alice, chat, "before")
    async with backend.subscribe(bob) as events:
        await next_of(events, Synchronized)
        await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="bob"))
        after = await send(backend, alice, chat, "after")
        joined = await next_event(events)
        assert isinstance(joined, ConversationJoined)
        assert (chat.sid, True) == (joined.conversation.sid, joined.conversation.joined)
        assert MessageAdded(message=after) == await next_event(events)
        assert [] == await quiet(events)


async def test_being_removed_and_a_deletion_have_different_reasons(
    backend: AcsBackend, alice: Actor, bob: Actor
) -> None:
    removed_from, deleted = [await room(backend, alice, "alice", "bob") for _ in range(2)]
    async with backend.subscribe(bob) as events:
        await next_of(events, Synchronized)
        await backend.participants.delete(alice, removed_from.sid, "bob")
        left = await next_of(events, ConversationLeft)
        assert (removed_from.sid, "left") == (left.conversation_sid, left.reason)
        assert left.participant is not None
        assert "bob" == left.participant.identity
        await backend.conversations.delete(alice, deleted.sid)
        gone = await next_of(events, ConversationLeft)
        assert (deleted.sid, "deleted") == (gone.conversation_sid, gone.reason)
        assert [] == await quiet(events)


async def test_what_acs_clients_do_is_told(deployment: Deployment, backend: AcsBackend, alice: Actor) -> None:
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    chat = await room(backend, alice, "alice", "bob")
    thread = await bob.only_thread()
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        sent = await thread.send_message("from ACS")
        added = await next_of(events, MessageAdded)
        assert ("from ACS", "bob", 0) == (added.message.body, added.message.author, added.message.index)
        await thread.update_message(sent.id, "edited at ACS")
        assert "edited at ACS" == (await next_of(events, MessageUpdated)).message.body
        await thread.update_topic("Renamed at ACS")
        updated = await next_of(events, ConversationUpdated)
        assert "Renamed at ACS" == updated.conversation.friendly_name
        await thread.delete_message(sent.id)
        assert added.message.sid == (await next_of(events, MessageRemoved)).message_sid
        await bob.delete_thread(thread.thread_id)
        assert "deleted" == (await next_of(events, ConversationLeft)).reason
    assert chat.sid == added.message.conversation_sid


async def test_another_process_is_heard_within_a_few_ticks(deployment: Deployment) -> None:
    here, there = deployment.backend(), deployment.backend()
    (alice,), (bob,) = await sign_in(here, "alice"), await sign_in(there, "bob")
    chat = await room(here, alice, "alice", "bob")
    async with there.subscribe(bob) as events:
        await next_of(events, Synchronized)
        sent = [await send(here, alice, chat, str(number)) for number in range(5)]
        assert sent == [(await next_of(events, MessageAdded)).message for _ in range(5)]


async def test_an_own_write_is_heard_at_once_however_long_the_interval(deployment: Deployment) -> None:
    backend = deployment.backend(poll_interval=3600.0)
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        waiting = asyncio.ensure_future(next_of(events, MessageAdded))
        sent = await send(backend, alice, chat, "hello")
        assert MessageAdded(message=sent) == await waiting


async def test_a_quiet_tick_costs_one_request(deployment: Deployment, middleman: Middleman) -> None:
    connection_string = middleman.connection_string(deployment.emulator.connection_string)
    past = deployment.backend()
    (alice,) = await sign_in(past, "alice")
    for _ in range(3):
        await send(past, alice, await room(past, alice, "alice"), "old")
    backend = deployment.backend(connection_string=connection_string)
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await asyncio.sleep(2.5)
        assert [] == await quiet(events, 0.1)
        middleman.seen.clear()
        assert [] == await quiet(events, 0.5)
        assert {("GET", "/chat/threads")} == {(each.method, each.path) for each in middleman.seen}


async def test_an_edit_made_here_is_heard_at_once_though_it_leaves_the_time_of_the_thread_alone(
    tmp_path: object,
) -> None:
    with Emulator(Options(edits_are_activity=False)) as emulator:
        async with Deployment(emulator, f"sqlite:///{tmp_path}/store.db") as deployment:
            backend, other = deployment.backend(), deployment.backend()
            (alice,) = await sign_in(backend, "alice")
            chat = await room(backend, alice, "alice")
            sent = await send(backend, alice, chat, "old")
            async with backend.subscribe(alice) as events:
                await next_of(events, Synchronized)
                await quiet(events, 2.5)
                for each, body in ((backend, "from here"), (other, "from another process")):
                    await each.messages.update(alice, chat.sid, sent.sid, MessageChanges(body=body))
                    assert body == (await next_of(events, MessageUpdated)).message.body
                await other.messages.delete(alice, chat.sid, sent.sid)
                assert sent.sid == (await next_of(events, MessageRemoved)).message_sid


async def test_an_edit_that_leaves_the_time_of_the_thread_alone_is_found_by_the_sweep(
    tmp_path: object,
) -> None:
    with Emulator(Options(edits_are_activity=False)) as emulator:
        async with Deployment(emulator, "sqlite://") as deployment:
            backend = deployment.backend(sweep_interval=0.2, database_url=f"sqlite:///{tmp_path}/store.db")
            (alice,) = await sign_in(backend, "alice")
            bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
            chat = await room(backend, alice, "alice", "bob")
            sent = await (await bob.only_thread()).send_message("old")
            async with backend.subscribe(alice) as events:
                await next_of(events, Synchronized)
                await page(backend, alice, chat)
                await quiet(events, 2.2)
                await (await bob.only_thread()).update_message(sent.id, "new")
                assert "new" == (await next_of(events, MessageUpdated)).message.body


async def test_a_failing_service_is_told_once_and_nothing_is_lost(
    deployment: Deployment, middleman: Middleman
) -> None:
    there = deployment.backend()
    (alice,) = await sign_in(there, "alice")
    chat = await room(there, alice, "alice")
    backend = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string)
    )
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        middleman.fault = lambda seen: Fault.ERROR
        assert isinstance(await next_event(events), SourceInterrupted)
        sent = [await send(there, alice, chat, str(number)) for number in range(3)]
        assert [] == await quiet(events, 0.8)
        middleman.fault = lambda seen: None
        came = [await next_event(events) for _ in range(4)]
        assert sent == [each.message for each in came if isinstance(each, MessageAdded)]
        assert 1 == sum(isinstance(each, SourceRestored) for each in came)


class ShortSleeps:
    """A clock that passes with each sleep of up to a second; a longer one never ends."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asleep = asyncio.Event()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if seconds > 1:
            self.asleep.set()
            await asyncio.Event().wait()
        self.now += seconds
        await asyncio.sleep(0)


async def test_a_write_that_goes_through_ends_the_pause_after_failures(
    deployment: Deployment, middleman: Middleman
) -> None:
    clock = ShortSleeps()
    connection_string = middleman.connection_string(deployment.emulator.connection_string)
    backend = AcsBackend(
        replace(deployment.settings, connection_string=connection_string), clock=clock, sleep=clock.sleep
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(backend.close)
        alice, bob = await sign_in(backend, "alice", "bob")
        chat = await room(backend, alice, "alice", "bob")
        events = await stack.enter_async_context(backend.subscribe(bob))
        await next_of(events, Synchronized)
        middleman.fault = lambda seen: Fault.ERROR
        waiting = asyncio.ensure_future(next_of(events, MessageAdded))
        await clock.asleep.wait()
        middleman.fault = lambda seen: None
        sent = await send(backend, alice, chat, "hello")
        assert MessageAdded(message=sent) == await waiting


async def test_a_reading_that_fails_half_way_repeats_nothing(
    deployment: Deployment, middleman: Middleman
) -> None:
    there = deployment.backend()
    (alice,) = await sign_in(there, "alice")
    chats = [await room(there, alice, "alice") for _ in range(6)]
    backend = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string)
    )
    numbers = itertools.count()
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        middleman.fault = lambda seen: (
            Fault.ERROR if seen.path.endswith("/messages") and next(numbers) in (1, 4, 7, 10) else None
        )
        sent = [await send(there, alice, chat, "hello") for chat in chats for _ in range(2)]
        told = [(await next_of(events, MessageAdded)).message for _ in sent]
        middleman.fault = lambda seen: None
        assert {each.sid for each in sent} == {each.sid for each in told}
        assert [] == [each for each in await quiet(events) if isinstance(each, MessageAdded)]


async def test_an_expired_token_ends_the_stream(deployment: Deployment) -> None:
    moved = timedelta()
    backend = AcsBackend(deployment.settings, now=lambda: datetime.now(UTC) + moved)
    alice = await backend.sign_in(twilio_token("alice", ttl=60))
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        moved = timedelta(seconds=61)
        refused = await next_of(events, SourceRefused)
        assert isinstance(refused.error, TokenError)
        assert 20104 == refused.error.code
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    await backend.close()


async def test_leaving_the_subscription_leaves_no_task_behind(backend: AcsBackend, alice: Actor) -> None:
    before = asyncio.all_tasks()

    async def listen(events: AsyncIterator[Event]) -> None:
        async for _ in events:
            pass

    async with backend.subscribe(alice) as events:
        listening = asyncio.ensure_future(listen(events))
        await asyncio.sleep(0.2)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert before == asyncio.all_tasks()
