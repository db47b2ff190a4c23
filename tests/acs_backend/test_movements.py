"""Conversations move on when their time has come, each move told once, whoever comes by first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from acs_backend import AcsBackend
from acs_backend.sids import conversation_sid
from acs_emulator.faults import Kind
from tests.acs_backend.clock import Clock
from tests.acs_backend.deployment import Deployment, NativeUser, next_of, room, send, sign_in
from tests.acs_backend.store.databases import execute
from twilio_compat.account import ConversationQuery, StateMove, account_actor
from twilio_compat.errors import ConflictError
from twilio_compat.events import ConversationUpdated, Synchronized
from twilio_compat.records import (
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    ParticipantDraft,
    Timers,
)
from twilio_compat.settings import Settings

ACCOUNT = account_actor()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@pytest.fixture
def store_url(shared_store: str) -> str:
    """Test on both kinds of store."""
    return shared_store


@pytest.fixture
def clock() -> Clock:
    """Begin a little after the emulator's clock, which dates messages and tokens."""
    clock = Clock()
    clock.now = datetime.now(UTC)
    clock.move(20)
    return clock


@pytest.fixture
def backend(deployment: Deployment, clock: Clock) -> AcsBackend:
    return another(deployment, clock)


def another(deployment: Deployment, clock: Clock) -> AcsBackend:
    backend = AcsBackend(deployment.settings, now=clock)
    deployment._resources.push_async_callback(backend.close)
    return backend


async def timed(
    backend: AcsBackend, inactive: str | None = None, closed: str | None = None
) -> ConversationRecord:
    draft = ConversationDraft(timers=Timers(inactive=inactive, closed=closed))
    return await backend.conversations.create(ACCOUNT, draft)


async def state(backend: AcsBackend, chat: ConversationRecord) -> str:
    return (await backend.conversations.get(ACCOUNT, chat.sid)).state.current


def told(moves: Sequence[StateMove]) -> list[tuple[str, str, str]]:
    return [(each.before, each.conversation.state.current, each.reason) for each in moves]


def _member(identity: str) -> ParticipantDraft:
    return ParticipantDraft(identity=identity)


def _impatient(deployment: Deployment) -> Settings:
    return replace(deployment.settings, deadline=0.5, request_timeout=0.5)


async def native(deployment: Deployment, backend: AcsBackend) -> NativeUser:
    return await deployment.native(await backend.issue_identity("nat", with_token=True))


# What is due


async def test_what_is_due_moves_on_and_is_told_once(backend: AcsBackend, clock: Clock) -> None:
    chat = await timed(backend, inactive="PT1M")
    clock.move(MINUTE - 1)
    assert [] == await backend.conversations.move_due()
    clock.move(1)
    (move,) = await backend.conversations.move_due()
    assert ("active", "inactive", "timer") == (move.before, move.conversation.state.current, move.reason)
    assert chat.sid == move.conversation.sid
    assert clock.now.replace(microsecond=0) == move.conversation.state.date_updated.replace(microsecond=0)
    assert [] == await backend.conversations.move_due()
    assert "inactive" == await state(backend, chat)


async def test_a_message_puts_it_off(backend: AcsBackend, clock: Clock) -> None:
    clock.move(-58)
    chat = await timed(backend, inactive="PT1M")
    clock.move(58)
    await send(backend, ACCOUNT, chat, "still here")
    clock.move(20)
    assert [] == await backend.conversations.move_due()
    assert "active" == await state(backend, chat)
    clock.move(MINUTE)
    assert [("active", "inactive", "timer")] == told(await backend.conversations.move_due())


async def test_a_message_of_another_process_does_too_be_it_written_down_or_not(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    clock.move(-58)
    chat = await timed(backend, inactive="PT1M")
    clock.move(58)
    other = another(deployment, clock)
    await send(other, ACCOUNT, chat, "one")
    await send(other, ACCOUNT, chat, "two")
    clock.move(20)
    assert [] == await backend.conversations.move_due()
    assert "active" == await state(backend, chat)


async def test_so_does_what_a_native_user_writes(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    (alice,) = await sign_in(backend, "alice")
    user = await native(deployment, backend)
    clock.move(-58)
    chat = await timed(backend, inactive="PT1M")
    for identity in ("alice", "nat"):
        await backend.participants.create(ACCOUNT, chat.sid, _member(identity))
    clock.move(58)
    await (await user.only_thread()).send_message("past the library")
    clock.move(20)
    assert "active" == (await backend.conversations.get(alice, chat.sid)).state.current
    assert [] == await backend.conversations.move_due()


async def test_both_timers_run_from_the_last_activity(backend: AcsBackend, clock: Clock) -> None:
    chat = await timed(backend, inactive="PT1H", closed="P1D")
    clock.move(HOUR)
    assert [("active", "inactive", "timer")] == told(await backend.conversations.move_due())
    clock.move(DAY - HOUR - 1)
    assert [] == await backend.conversations.move_due()
    clock.move(1)
    assert [("inactive", "closed", "timer")] == told(await backend.conversations.move_due())
    with pytest.raises(ConflictError) as caught:
        await send(backend, ACCOUNT, chat, "too late")
    assert 50377 == caught.value.code


async def test_what_came_due_while_nobody_looked_is_told_in_its_order(
    backend: AcsBackend, clock: Clock
) -> None:
    await timed(backend, inactive="PT1H", closed="P1D")
    clock.move(9 * DAY)
    assert [("active", "inactive", "timer"), ("inactive", "closed", "timer")] == told(
        await backend.conversations.move_due()
    )


async def test_each_move_is_told_to_one_of_several_processes(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    chats = [await timed(backend, inactive="PT1M") for _ in range(5)]
    backends = [backend, another(deployment, clock), another(deployment, clock)]
    clock.move(MINUTE)
    outcomes = await asyncio.gather(*(each.conversations.move_due() for each in backends))
    moved = [each.conversation.sid for outcome in outcomes for each in outcome]
    assert sorted(each.sid for each in chats) == sorted(moved)


async def test_many_that_are_put_off_do_not_hide_one_that_moves(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    chat = await timed(backend, closed="PT10M")
    await execute(
        deployment.settings.database_url,
        *(_copied(number) for number in range(150)),
    )
    clock.move(11 * MINUTE)
    assert [chat.sid] == [each.conversation.sid for each in await backend.conversations.move_due()]
    assert [] == await backend.conversations.move_due()


def _copied(number: int) -> str:
    """Return SQL that adds a conversation whose time to be looked at came long ago, and which has no timers left."""
    return (
        "INSERT INTO conversations (sid, thread_id, topic, attributes, created_by, created_at, updated_at, state, "
        "state_updated_at, native, synced_sequence, due_at, extras) SELECT "
        f"'CH{number:032}', 'thread {number}', topic, attributes, created_by, created_at, updated_at, state, "
        "state_updated_at, native, synced_sequence, 1, extras FROM conversations WHERE closed_after = 'PT10M'"
    )


async def test_one_that_cannot_be_read_for_now_is_looked_at_again_later(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    chat = await timed(backend, inactive="PT1M")
    clock.move(MINUTE)
    quick = AcsBackend(_impatient(deployment), now=clock)
    deployment._resources.push_async_callback(quick.close)
    outage = deployment.emulator.faults.add(Kind.FAIL_REQUEST, "ListChatMessages")
    assert [] == await quick.conversations.move_due()
    assert outage.hits
    deployment.emulator.faults.clear()
    assert [] == await backend.conversations.move_due()
    clock.move(MINUTE)
    assert [chat.sid] == [each.conversation.sid for each in await backend.conversations.move_due()]


# Whoever comes by


async def test_whoever_comes_by_sees_the_state_that_time_has_brought_and_the_move_is_told_later(
    backend: AcsBackend, clock: Clock
) -> None:
    by_sid = await timed(backend, inactive="PT1M")
    clock.move(2 * MINUTE)
    assert "inactive" == await state(backend, by_sid)
    (listed,) = await backend.conversations.page(ACCOUNT, ConversationQuery(), after=None, limit=5)
    assert "inactive" == listed.state.current
    assert [("active", "inactive", "timer")] == told(await backend.conversations.move_due())
    assert [] == await backend.conversations.move_due()


async def test_who_comes_by_may_be_another_process_than_the_one_that_asks(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    chat = await timed(backend, inactive="PT1M", closed="PT10M")
    clock.move(HOUR)
    other = another(deployment, clock)
    assert "closed" == await state(other, chat)
    await other.close()
    moves = await backend.conversations.move_due()
    assert [("active", "inactive", "timer"), ("inactive", "closed", "timer")] == told(moves)


async def test_a_list_by_state_is_right_where_nobody_ever_asks_for_moves(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    chat = await timed(backend, closed="PT10M")
    await execute(deployment.settings.database_url, *(_copied(number) for number in range(150)))
    clock.move(11 * MINUTE)
    query = ConversationQuery(state="closed")
    found = await backend.conversations.page(ACCOUNT, query, after=None, limit=5)
    assert [chat.sid] == [each.sid for each in found]


async def test_a_list_by_state_has_what_moved_there(backend: AcsBackend, clock: Clock) -> None:
    chat = await timed(backend, inactive="PT1M")
    clock.move(2 * MINUTE)
    for sought, expected in (("active", []), ("inactive", [chat.sid])):
        query = ConversationQuery(state=sought)  # type: ignore[arg-type]
        found = await backend.conversations.page(ACCOUNT, query, after=None, limit=5)
        assert expected == [each.sid for each in found]


async def test_members_see_it_and_hear_of_it(backend: AcsBackend, clock: Clock) -> None:
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(timers=Timers(inactive="PT1M")))
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        clock.move(2 * MINUTE)
        (listed,) = await backend.conversations.list(alice)
        assert "inactive" == listed.state.current
        updated = await next_of(events, ConversationUpdated)
    assert "inactive" == updated.conversation.state.current


async def test_nobody_writes_into_what_time_has_closed(backend: AcsBackend, clock: Clock) -> None:
    chat = await timed(backend, closed="PT10M")
    clock.move(11 * MINUTE)
    with pytest.raises(ConflictError):
        await send(backend, ACCOUNT, chat, "too late")
    with pytest.raises(ConflictError):
        await backend.participants.create(ACCOUNT, chat.sid, _member("bob"))
    with pytest.raises(ConflictError):
        await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(attributes={"x": 1}))
    assert [("active", "closed", "timer")] == told(await backend.conversations.move_due())


async def test_moves_that_nobody_asks_for_do_not_grow_without_end(backend: AcsBackend, clock: Clock) -> None:
    chat = await timed(backend, inactive="PT1M")
    for _ in range(12):
        clock.move(2 * MINUTE)
        assert "inactive" == await state(backend, chat)
        await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="active"))
        clock.move(2 * MINUTE)
        assert "inactive" == await state(backend, chat)
        await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="active"))
    assert 20 == len(await backend.conversations.move_due())


# Changing timers and states


async def test_timers_can_be_taken_away(backend: AcsBackend, clock: Clock) -> None:
    chat = await timed(backend, inactive="PT1M", closed="PT10M")
    changed = await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(timers=Timers()))
    assert (Timers(), None, None) == (changed.timers, changed.date_inactive, changed.date_closed)
    clock.move(9 * DAY)
    assert [] == await backend.conversations.move_due()
    assert "active" == await state(backend, chat)


async def test_one_that_is_made_active_again_starts_anew(backend: AcsBackend, clock: Clock) -> None:
    chat = await timed(backend, inactive="PT1H")
    clock.move(HOUR)
    assert "inactive" == await state(backend, chat)
    again = await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="active"))
    assert again.date_inactive is not None
    assert again.date_inactive.replace(microsecond=0) == clock.at(HOUR).replace(microsecond=0)
    clock.move(HOUR - 1)
    assert "active" == await state(backend, chat)
    clock.move(1)
    assert "inactive" == await state(backend, chat)


# Messages


async def test_a_message_makes_an_inactive_one_active_again(backend: AcsBackend, clock: Clock) -> None:
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="inactive"))
    assert "inactive" == await state(backend, chat)
    await send(backend, alice, chat, "hello again")
    assert "active" == await state(backend, chat)
    assert [("inactive", "active", "event")] == told(await backend.conversations.move_due())


async def test_one_that_was_sent_before_does_not(backend: AcsBackend) -> None:
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    await send(backend, alice, chat, "before")
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="inactive"))
    assert "inactive" == await state(backend, chat)
    assert [] == await backend.conversations.move_due()


async def test_one_of_a_native_user_does_as_soon_as_somebody_reads_it(
    deployment: Deployment, backend: AcsBackend
) -> None:
    user = await native(deployment, backend)
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice", "nat")
    await (await user.only_thread()).send_message("before")
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="inactive"))
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        assert "inactive" == await state(backend, chat)
        await (await user.only_thread()).send_message("past the library")
        updated = await next_of(events, ConversationUpdated)
    assert "active" == updated.conversation.state.current
    assert [("inactive", "active", "event")] == told(await backend.conversations.move_due())


async def test_one_that_comes_while_it_becomes_inactive_is_noticed_by_who_looks(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    await send(backend, alice, chat, "it is open, and that is remembered for a moment")
    other = another(deployment, clock)
    await other.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="inactive"))
    await send(backend, alice, chat, "in that moment")
    assert "active" == await state(backend, chat)


async def test_an_edit_or_a_deletion_wakes_nothing(backend: AcsBackend) -> None:
    chat = await timed(backend)
    message = await send(backend, ACCOUNT, chat, "before")
    await backend.conversations.update(ACCOUNT, chat.sid, ConversationChanges(state="inactive"))
    await backend.messages.delete(ACCOUNT, chat.sid, message.sid)
    assert "inactive" == await state(backend, chat)


async def test_a_thread_that_nobody_can_read_moves_on_by_what_the_store_has(
    deployment: Deployment, backend: AcsBackend, clock: Clock
) -> None:
    user = await native(deployment, backend)
    (alice,) = await sign_in(backend, "alice")
    thread_id = await user.create_thread("Ours", (await backend.identities.acting(alice)).id)
    await backend.conversations.list(alice)
    sid = conversation_sid(thread_id)
    await backend.conversations.update(ACCOUNT, sid, ConversationChanges(timers=Timers(closed="PT10M")))
    await user.delete_thread(thread_id)
    clock.move(11 * MINUTE)
    assert [sid] == [each.conversation.sid for each in await backend.conversations.move_due()]
