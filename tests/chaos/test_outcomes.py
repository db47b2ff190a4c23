"""A write whose answer is lost has its effect once, and whoever asked for it is told so."""

from __future__ import annotations

import asyncio

import pytest

from acs_emulator.faults import Kind
from tests.acs_backend.deployment import next_event, next_of, room, send
from tests.chaos.stage import Stage
from twilio_compat.errors import NotFoundError
from twilio_compat.events import (
    ConversationUpdated,
    Event,
    MessageAdded,
    ParticipantJoined,
    ParticipantLeft,
    Synchronized,
    TypingStarted,
)
from twilio_compat.records import (
    ConversationChanges,
    MessageChanges,
    ParticipantDraft,
    UserConversationChanges,
)

every_kind = pytest.mark.parametrize("kind", Kind)


@every_kind
async def test_whoever_leaves_has_left(stage: Stage, kind: Kind) -> None:
    lost = stage.lose(kind, "RemoveChatParticipant")
    await stage.backend.participants.delete(stage.bob, stage.chat.sid, "bob")
    assert (1, ["alice"]) == (lost.hits, await stage.members())


@every_kind
async def test_whoever_is_removed_is_gone_and_may_come_back(stage: Stage, kind: Kind) -> None:
    participants = stage.backend.participants
    lost = [stage.lose(kind, "RemoveChatParticipant"), stage.lose(kind, "AddChatParticipants")]
    await participants.delete(stage.alice, stage.chat.sid, "bob")
    await participants.create(stage.bob, stage.chat.sid, ParticipantDraft(identity="bob"))
    assert ([1, 1], ["alice", "bob"]) == ([each.hits for each in lost], await stage.members())


@every_kind
async def test_a_conversation_is_made_once_and_deleted_once(stage: Stage, kind: Kind) -> None:
    conversations = stage.backend.conversations
    lost = [stage.lose(kind, "CreateChatThread"), stage.lose(kind, "DeleteChatThread")]
    made = await room(stage.backend, stage.alice, "alice")
    assert 2 == len(await conversations.list(stage.alice))
    await conversations.delete(stage.alice, made.sid)
    with pytest.raises(NotFoundError):
        await conversations.get(stage.alice, made.sid)
    assert [1, 1] == [each.hits for each in lost]


@every_kind
async def test_a_name_is_the_same_in_both_places(stage: Stage, kind: Kind) -> None:
    lost = stage.lose(kind, "UpdateChatThreadProperties")
    await stage.backend.conversations.update(
        stage.alice, stage.chat.sid, ConversationChanges(friendly_name="New")
    )
    assert (1, "New") == (
        lost.hits,
        (await stage.backend.conversations.get(stage.bob, stage.chat.sid)).friendly_name,
    )


@every_kind
async def test_an_edit_and_a_deletion_stay(stage: Stage, kind: Kind) -> None:
    messages, sid = stage.backend.messages, stage.chat.sid
    edited, deleted = [await send(stage.backend, stage.alice, stage.chat, each) for each in ("a", "b")]
    lost = [stage.lose(kind, "UpdateChatMessage"), stage.lose(kind, "DeleteChatMessage")]
    await messages.update(stage.alice, sid, edited.sid, MessageChanges(body="A"))
    await messages.delete(stage.alice, sid, deleted.sid)
    assert ([1, 1], ["A"]) == ([each.hits for each in lost], await stage.bodies())


@every_kind
async def test_a_horizon_moves_whatever_becomes_of_the_receipt(stage: Stage, kind: Kind) -> None:
    await send(stage.backend, stage.alice, stage.chat, "a")
    lost = stage.lose(kind, "SendChatReadReceipt")
    own = await stage.backend.user_conversations.update(
        stage.bob, stage.chat.sid, UserConversationChanges(last_read_message_index=0)
    )
    assert (0, 0) == (own.last_read_message_index, own.unread_messages_count)
    assert await asyncio.to_thread(lost.wait_until_seen)


@every_kind
async def test_who_types_is_told_at_once_whatever_becomes_of_the_notice_for_others(
    stage: Stage, kind: Kind
) -> None:
    async with stage.backend.subscribe(stage.alice) as heard:
        await next_of(heard, Synchronized)
        lost = stage.lose(kind, "SendTypingNotification")
        await stage.backend.participants.typing(stage.bob, stage.chat.sid)
        assert "bob" == (await next_of(heard, TypingStarted)).participant.identity
    assert await asyncio.to_thread(lost.wait_until_seen)


@every_kind
async def test_each_change_of_state_is_told_once_while_looking_for_news_fails(
    stage: Stage, kind: Kind
) -> None:
    backend, sid = stage.backend, stage.chat.sid
    told: list[type[Event]] = []
    async with backend.subscribe(stage.alice) as heard:
        await next_of(heard, Synchronized)
        stage.deployment.emulator.faults.add(
            kind, "ListChatThreads", "ListChatMessages", probability=0.3, seed=1, latency=0.01
        )
        await backend.participants.delete(stage.bob, sid, "bob")
        await backend.participants.create(stage.bob, sid, ParticipantDraft(identity="bob"))
        await backend.conversations.update(stage.alice, sid, ConversationChanges(attributes={"a": 1}))
        await send(backend, stage.alice, stage.chat, "the end")
        while MessageAdded not in told or ConversationUpdated not in told:
            told.append(type(await next_event(heard)))
    for each in (ParticipantLeft, ParticipantJoined, ConversationUpdated, MessageAdded):
        assert 1 == told.count(each)
