"""News by looking: told once, in order, and once Twilio can be reached again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.http_faults import FOREVER
from tests.twilio_backend.deployment import (
    ACCOUNT,
    Deployment,
    draft,
    next_event,
    next_of,
    room,
    send,
    sign_in,
)
from twilio_compat.errors import ClosedError, TokenError
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
    SourceInterrupted,
    SourceRefused,
    SourceRestored,
    Synchronized,
    UserUpdated,
)
from twilio_compat.records import (
    ConversationChanges,
    MessageChanges,
    ParticipantChanges,
    ParticipantDraft,
    UserChanges,
)


async def test_what_stood_before_is_state_and_what_comes_after_is_news(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await room(backend, "alice")
    old = await send(backend, ACCOUNT, made, "old")
    async with backend.subscribe(alice) as events:
        first = await next_event(events)
        assert isinstance(first, Synchronized)
        [own] = first.conversations
        assert made.sid == own.sid
        assert own.last_message is not None
        assert old.index == own.last_message.index
        new = await send(backend, ACCOUNT, made, "new")
        assert MessageAdded(message=new) == await next_event(events)
        edited = await backend.messages.update(ACCOUNT, made.sid, old.sid, MessageChanges(body="edited"))
        assert MessageUpdated(message=edited) == await next_event(events)
        await backend.messages.delete(ACCOUNT, made.sid, old.sid)
        removed = MessageRemoved(conversation_sid=made.sid, message_sid=old.sid, index=0)
        assert removed == await next_event(events)


async def test_members_and_the_conversation_are_followed(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await room(backend, "alice")
    async with backend.subscribe(alice) as events:
        await next_event(events)
        await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(friendly_name="Ours"))
        assert "Ours" == (await next_of(events, ConversationUpdated)).conversation.friendly_name
        bob = await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="bob"))
        assert ParticipantJoined(participant=bob) == await next_event(events)
        changed = await backend.participants.update(
            ACCOUNT, made.sid, "bob", ParticipantChanges(attributes={"a": 1})
        )
        assert ParticipantUpdated(participant=changed) == await next_event(events)
        await backend.participants.delete(ACCOUNT, made.sid, "bob")
        assert ParticipantLeft(participant=changed) == await next_event(events)
        await backend.users.update(ACCOUNT, "alice", UserChanges(friendly_name="Alice"))
        assert "Alice" == (await next_of(events, UserUpdated)).user.friendly_name


async def test_who_is_added_hears_of_it_and_of_what_is_said_at_once(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    async with backend.subscribe(alice) as events:
        assert Synchronized(conversations=()) == await next_event(events)
        made = await room(backend)
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="alice"))
        sent = await send(backend, ACCOUNT, made, "Hello")
        assert long_ago < sent.date_created
        joined = await next_event(events)
        assert isinstance(joined, ConversationJoined)
        assert made.sid == joined.conversation.sid
        assert MessageAdded(message=sent) == await next_event(events)
        await backend.participants.delete(ACCOUNT, made.sid, "alice")
        left = await next_event(events)
        assert isinstance(left, ConversationLeft)
        assert "left" == left.reason
        await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="alice"))
        await next_of(events, ConversationJoined)
        await backend.conversations.delete(ACCOUNT, made.sid)
        # what stands in for Twilio takes the members out first, so a look may fall between
        assert (await next_of(events, ConversationLeft)).reason in ("deleted", "left")


async def test_more_messages_than_twilio_gives_at_once_are_all_told_in_order(
    deployment: Deployment,
) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made = await room(backend, "alice")
    async with backend.subscribe(alice) as events:
        await next_event(events)
        deployment.twilio.faults.fail(FOREVER, method="GET", path="/Users/alice/Conversations")
        assert isinstance(await next_event(events), SourceInterrupted)
        other = deployment.twilio.backend
        for number in range(230):
            await other.messages.create(ACCOUNT, made.sid, draft(str(number)))
        deployment.twilio.faults.clear()
        assert SourceRestored() == await next_event(events)
        told = [await next_of(events, MessageAdded) for _ in range(230)]
        assert [*range(230)] == [each.message.index for each in told]


async def test_a_stream_ends_with_the_token_and_with_the_backend(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    ended = replace(alice, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    async with backend.subscribe(ended) as events:
        refused = await next_event(events)
        assert isinstance(refused, SourceRefused)
        assert isinstance(refused.error, TokenError)
        with pytest.raises(StopAsyncIteration):
            await next_event(events)
    async with backend.subscribe(alice) as events:
        await next_event(events)
        await backend.close()
        with pytest.raises(StopAsyncIteration):
            await next_event(events)
    with pytest.raises(ClosedError):
        async with backend.subscribe(alice):
            pass


async def test_the_account_has_no_conversations_and_no_news(deployment: Deployment) -> None:
    backend = deployment.backend()
    async with backend.subscribe(ACCOUNT) as events:
        assert Synchronized(conversations=()) == await next_event(events)
        asked = len(deployment.twilio.faults.seen)
        pending: asyncio.Future[Event] = asyncio.ensure_future(_next(events))
        await room(backend, "alice")
        assert not pending.done()
        assert asked + 2 == len(deployment.twilio.faults.seen)
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)


async def _next(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


@pytest.mark.parametrize("path", ["/Users/alice$", "/Participants$", "/Messages$", "/Conversations/CH[^/]*$"])
async def test_what_goes_wrong_on_the_way_loses_nothing(deployment: Deployment, path: str) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    made, left = await room(backend, "alice"), await room(backend, "alice")
    async with backend.subscribe(alice) as events:
        await next_event(events)
        other, faults = deployment.twilio.backend, deployment.twilio.faults
        faults.fail(FOREVER, method="GET", path=path)
        await other.participants.delete(ACCOUNT, left.sid, "alice")
        sent = [await other.messages.create(ACCOUNT, made.sid, draft(str(number))) for number in range(3)]
        seen: list[Event] = [await next_event(events)]
        while not isinstance(seen[-1], SourceInterrupted):
            seen.append(await next_event(events))
        faults.clear()
        while len(seen) < 6:
            seen.append(await next_event(events))
    assert [each.sid for each in sent] == [
        each.message.sid for each in seen if isinstance(each, MessageAdded)
    ]
    assert [left.sid] == [each.conversation_sid for each in seen if isinstance(each, ConversationLeft)]
    assert 1 == sum(isinstance(each, SourceRestored) for each in seen)


async def test_a_burst_of_faults_loses_and_doubles_nothing(deployment: Deployment) -> None:
    backend = deployment.backend()
    [alice] = await sign_in(deployment, backend, "alice")
    rooms = [await room(backend, "alice") for _ in range(3)]
    other, faults = deployment.twilio.backend, deployment.twilio.faults
    async with backend.subscribe(alice) as events:
        await next_event(events)
        expected: dict[str, list[int]] = {each.sid: [] for each in rooms}
        for number in range(12):
            faults.fail(1, method="GET", path="/Messages$" if number % 2 else "/Participants$")
            at = rooms[number % 3].sid
            sent = await other.messages.create(ACCOUNT, at, draft(str(number)))
            expected[at].append(sent.index)
        actual: dict[str, list[int]] = {each.sid: [] for each in rooms}
        for _ in range(12):
            added = (await next_of(events, MessageAdded)).message
            actual[added.conversation_sid].append(added.index)
        assert expected == actual
