from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_backend import AcsBackend
from acs_backend.member_edits import reading, stood
from acs_backend.store.participants import Participant
from tests.acs_backend.deployment import Deployment, NativeUser, next_of, page, room, send, sign_in
from tests.acs_backend.middleman import Fault, Middleman
from twilio_compat.errors import ForbiddenError, NotFoundError, TwilsockUpstreamError
from twilio_compat.events import MessageAdded, ParticipantUpdated, Synchronized
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ConversationRecord,
    ParticipantDraft,
    UserConversationChanges,
    UserConversationRecord,
)

SENT = 4
"""Messages in the conversation of these tests, with indexes from 0."""


@pytest.fixture
def store_url(shared_store: str) -> str:
    """Run each of these tests on both kinds of store."""
    return shared_store


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    chat = await room(backend, alice, "alice", "bob")
    for number in range(SENT):
        await send(backend, alice, chat, f"message {number}")
    return chat


async def read(
    backend: AcsBackend, actor: Actor, chat: ConversationRecord, index: int | None, *, advance: bool = False
) -> tuple[int | None, int | None]:
    """Set the horizon; return where it is and how many messages are unread."""
    changes = UserConversationChanges(last_read_message_index=index, advance_only=advance)
    return seen(await backend.user_conversations.update(actor, chat.sid, changes))


def seen(record: UserConversationRecord) -> tuple[int | None, int | None]:
    return record.last_read_message_index, record.unread_messages_count


async def horizons(backend: AcsBackend, actor: Actor, chat: ConversationRecord) -> dict[str, int | None]:
    members = await backend.participants.list(actor, chat.sid)
    return {each.identity: each.last_read_message_index for each in members}


async def test_there_is_no_count_until_a_horizon_is_set(
    backend: AcsBackend, bob: Actor, chat: ConversationRecord
) -> None:
    found = await backend.user_conversations.get(bob, chat.sid)
    assert (None, None) == seen(found)
    assert (chat.sid, "default") == (found.conversation_sid, found.notification_level)


async def test_a_horizon_goes_where_it_is_set(
    backend: AcsBackend, bob: Actor, chat: ConversationRecord
) -> None:
    assert (3, 0) == await read(backend, bob, chat, 3)
    assert (1, 2) == await read(backend, bob, chat, 1)
    assert (1, 2) == seen(await backend.user_conversations.get(bob, chat.sid))
    assert (None, None) == await read(backend, bob, chat, None)


async def test_a_horizon_that_advances_is_never_lowered(
    backend: AcsBackend, bob: Actor, chat: ConversationRecord
) -> None:
    assert (0, 3) == await read(backend, bob, chat, 0, advance=True)
    assert (2, 1) == await read(backend, bob, chat, 2, advance=True)
    assert (2, 1) == await read(backend, bob, chat, 1, advance=True)


@pytest.mark.parametrize("advance", [True, False])
async def test_a_horizon_where_no_message_can_be_is_refused(
    backend: AcsBackend, bob: Actor, chat: ConversationRecord, advance: bool
) -> None:
    assert (2**31 - 1, 0) == await read(backend, bob, chat, 2**31 - 1)
    with pytest.raises(TwilsockUpstreamError, match="Invalid last read message index") as caught:
        await read(backend, bob, chat, 2**31, advance=advance)
    assert (400, 50421) == (caught.value.status, caught.value.code)


async def test_a_page_may_be_larger_than_anything(
    backend: AcsBackend, bob: Actor, chat: ConversationRecord
) -> None:
    found = await page(backend, bob, chat, size=10**30, anchor=10**30)
    assert [*range(SENT)] == [each.index for each in found.items]


async def test_deleted_messages_are_not_unread(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    last = await send(backend, alice, chat, "to be deleted")
    assert (1, 3) == await read(backend, bob, chat, 1)
    await backend.messages.delete(alice, chat.sid, last.sid)
    assert (1, 2) == seen(await backend.user_conversations.get(bob, chat.sid))


async def test_messages_of_another_process_and_of_acs_clients_are_counted(
    deployment: Deployment, backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    await read(backend, bob, chat, SENT - 1)
    await send(deployment.backend(), alice, chat, "from elsewhere")
    assert (SENT - 1, 1) == seen(await backend.user_conversations.get(bob, chat.sid))
    native = await deployment.native(await backend.issue_identity("alice", with_token=True))
    await (await native.only_thread()).send_message("past the library")
    assert (SENT - 1, 2) == seen(await backend.user_conversations.get(bob, chat.sid))


async def test_where_nobody_else_writes_a_count_takes_no_request(
    deployment: Deployment, middleman: Middleman
) -> None:
    backend = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string)
    )
    alice, bob = await sign_in(backend, "alice", "bob")
    chat = await room(backend, alice, "alice", "bob")
    for number in range(3):
        await send(backend, alice, chat, f"{number}")
    middleman.seen.clear()
    assert (1, 1) == await read(backend, bob, chat, 1)
    assert (1, 1) == seen(await backend.user_conversations.get(bob, chat.sid))
    await backend.close()
    asked = [each.path.rpartition("/")[2] for each in middleman.seen if "/threads/" in each.path]
    assert ["readReceipts"] == asked


async def test_everybody_sees_a_horizon_and_its_time_and_nobody_a_level(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    await read(backend, bob, chat, 2)
    muted = UserConversationChanges(notification_level="muted")
    assert "muted" == (await backend.user_conversations.update(bob, chat.sid, muted)).notification_level
    assert {"alice": None, "bob": 2} == await horizons(backend, alice, chat)
    _, member = await backend.participants.list(alice, chat.sid)
    assert member.last_read_timestamp is not None
    (own,) = await backend.conversations.list(bob)
    assert (2, "muted") == (own.last_read_message_index, own.notification_level)
    assert own == await backend.conversations.get(bob, chat.sid)
    (others,) = await backend.conversations.list(alice)
    assert (None, "default") == (others.last_read_message_index, others.notification_level)


async def test_who_comes_back_begins_anew(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    await read(backend, bob, chat, 2)
    await backend.participants.delete(bob, chat.sid, "bob")
    with pytest.raises(ForbiddenError) as caught:
        await backend.user_conversations.get(bob, chat.sid)
    assert 50430 == caught.value.code
    await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="bob"))
    assert (None, None) == seen(await backend.user_conversations.get(bob, chat.sid))


async def test_a_conversation_that_is_not_there_is_not_found(backend: AcsBackend, bob: Actor) -> None:
    with pytest.raises(NotFoundError):
        await backend.user_conversations.get(bob, "CH" + "0" * 32)


async def test_horizon_and_level_set_at_once_both_survive(
    deployment: Deployment, bob: Actor, chat: ConversationRecord
) -> None:
    first, second = deployment.backend(), deployment.backend()
    await asyncio.gather(
        read(first, bob, chat, 2),
        second.user_conversations.update(bob, chat.sid, UserConversationChanges(notification_level="muted")),
    )
    found = await first.user_conversations.get(bob, chat.sid)
    assert (2, "muted") == (found.last_read_message_index, found.notification_level)


# Receipts


async def native_alice(deployment: Deployment, backend: AcsBackend) -> NativeUser:
    return await deployment.native(await backend.issue_identity("alice", with_token=True))


async def test_acs_clients_see_what_was_read(
    deployment: Deployment, backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    native = await native_alice(deployment, backend)
    third = (await page(backend, alice, chat, 1, anchor=2)).items[0]
    await backend.messages.delete(alice, chat.sid, third.sid)
    for index in (0, 1, 2):
        await read(backend, bob, chat, index)
    await backend.close()
    thread = await native.only_thread()
    (receipt,) = [each async for each in thread.list_read_receipts()]
    message = await thread.get_message(receipt.chat_message_id)
    assert "message 1" == message.content.message


async def test_what_acs_clients_have_read_moves_their_horizons(
    deployment: Deployment, backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    native = await deployment.native(await backend.issue_identity("bob", with_token=True))
    thread = await native.only_thread()
    sent = [each async for each in thread.list_messages() if each.type == "text"]
    await thread.send_read_receipt(sent[1].id)
    assert {"alice": None, "bob": SENT - 2} == await horizons(backend, alice, chat)
    assert (SENT - 2, 1) == seen(await backend.user_conversations.get(bob, chat.sid))


async def test_what_acs_clients_have_read_is_told_without_anybody_asking(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    native = await deployment.native(await backend.issue_identity("bob", with_token=True))
    async with deployment.backend(sweep_interval=0.1).subscribe(alice) as events:
        await next_of(events, Synchronized)
        await send(backend, alice, chat, "one more")
        await next_of(events, MessageAdded)  # from now on the thread is in use
        thread = await native.only_thread()
        texts = [each async for each in thread.list_messages() if each.type == "text"]
        await thread.send_read_receipt(texts[0].id)
        told = (await next_of(events, ParticipantUpdated)).participant
        assert ("bob", SENT) == (told.identity, told.last_read_message_index)


async def test_a_receipt_from_before_does_not_undo_what_was_set_since(
    deployment: Deployment, backend: AcsBackend, bob: Actor, chat: ConversationRecord
) -> None:
    native = await deployment.native(await backend.issue_identity("bob", with_token=True))
    thread = await native.only_thread()
    texts = [each async for each in thread.list_messages() if each.type == "text"]
    await thread.send_read_receipt(texts[0].id)
    await read(backend, bob, chat, 0)
    assert (None, None) == await read(backend, bob, chat, None)
    assert {"alice": None, "bob": None} == await horizons(deployment.backend(), bob, chat)


async def test_a_receipt_that_cannot_be_sent_is_logged_and_fails_nobody(
    deployment: Deployment, middleman: Middleman, chat: ConversationRecord, caplog: pytest.LogCaptureFixture
) -> None:
    through = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string), deadline=1.5
    )
    middleman.fault = lambda seen: Fault.ERROR if seen.path.endswith("/readReceipts") else None
    (bob,) = await sign_in(through, "bob")
    assert (2, 1) == await read(through, bob, chat, 2)
    with caplog.at_level(logging.WARNING):
        await through.close()
    assert "A read receipt failed" in caplog.text


# The rules, by themselves

INDEXES = st.none() | st.integers(0, 9)


def row(index: int | None, at: int | None = 5) -> Participant:
    return Participant(
        thread_id="thread",
        acs_id="8:acs:bob",
        sid="MB",
        attributes={},
        created_at=0,
        updated_at=0,
        last_read_index=index,
        last_read_at=at,
    )


@given(INDEXES, st.integers(0, 9))
def test_advancing_is_the_greater_of_two_and_starts_at_the_first_message(old: int | None, new: int) -> None:
    changes = UserConversationChanges(last_read_message_index=new, advance_only=True)
    assert max(old or 0, new) == stood(row(old), changes, 9).last_read_index


@given(INDEXES, INDEXES, st.integers(0, 9))
def test_every_move_of_a_horizon_is_later_than_the_last_one(
    old: int | None, new: int | None, now: int
) -> None:
    moved = stood(row(old), UserConversationChanges(last_read_message_index=new), now)
    assert new == moved.last_read_index
    assert moved == row(old) if new == old else (moved.last_read_at or 0) > 5
    assert stood(moved, UserConversationChanges(last_read_message_index=UNCHANGED), now) == moved


@given(INDEXES, st.integers(0, 9), st.integers(0, 9))
def test_a_receipt_moves_a_horizon_on_and_only_if_it_is_younger(old: int | None, index: int, at: int) -> None:
    after = reading(index, at)(row(old), 99)
    expected = (index, at) if at > 5 and (old is None or index > old) else (old, 5)
    assert expected == (after.last_read_index, after.last_read_at)
