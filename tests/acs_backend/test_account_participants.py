"""Members as the account adds, changes and removes them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from acs_backend import AcsBackend
from acs_backend.permissions import CHANNEL_ADMIN, SERVICE_ADMIN
from acs_backend.sids import conversation_sid, participant_sid
from tests.acs_backend.deployment import Deployment, next_of, quiet, room, send, sign_in
from twilio_compat.account import account_actor, on_behalf_of
from twilio_compat.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    TwilsockUpstreamError,
)
from twilio_compat.events import ConversationJoined, ParticipantJoined, ParticipantUpdated, Synchronized
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
    UserConversationChanges,
)

ACCOUNT = account_actor()
LONG_AGO = datetime(2019, 5, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
async def chat(backend: AcsBackend) -> ConversationRecord:
    return await backend.conversations.create(ACCOUNT, ConversationDraft(friendly_name="Room"))


async def add(
    backend: AcsBackend, chat: ConversationRecord, identity: str, **more: object
) -> ParticipantRecord:
    draft = ParticipantDraft(identity=identity, **more)  # type: ignore[arg-type]
    return await backend.participants.create(ACCOUNT, chat.sid, draft)


async def identities(backend: AcsBackend, actor: Actor, chat: ConversationRecord) -> list[str]:
    return [each.identity for each in await backend.participants.list(actor, chat.sid)]


# Adding


async def test_it_adds_anybody_who_is_made_a_user_when_they_are_none(
    deployment: Deployment, backend: AcsBackend, chat: ConversationRecord
) -> None:
    added = [await add(backend, chat, each) for each in ("bob", "an identity with spaces", "zoé@example.com")]
    assert ["bob", "an identity with spaces", "zoé@example.com"] == await identities(backend, ACCOUNT, chat)
    assert 3 == await backend.participants.count(ACCOUNT, chat.sid)
    (bob,) = await sign_in(deployment.backend(), "bob")
    assert [chat.sid] == [each.sid for each in await backend.conversations.list(bob)]
    assert added == await backend.participants.list(bob, chat.sid)


async def test_a_member_is_added_once(backend: AcsBackend, chat: ConversationRecord) -> None:
    await add(backend, chat, "bob")
    with pytest.raises(ConflictError, match="Participant already exists") as caught:
        await add(backend, chat, "bob")
    assert (409, 50433) == (caught.value.status, caught.value.code)


async def test_of_two_that_add_somebody_at_once_one_does(deployment: Deployment) -> None:
    backends = [deployment.backend() for _ in range(3)]
    chat = await backends[0].conversations.create(ACCOUNT, ConversationDraft())
    outcomes = await asyncio.gather(*(add(each, chat, "bob") for each in backends), return_exceptions=True)
    assert 1 == sum(isinstance(each, ParticipantRecord) for each in outcomes)
    assert 2 == sum(isinstance(each, ConflictError) for each in outcomes)
    assert 1 == await backends[0].participants.count(ACCOUNT, chat.sid)


async def test_a_user_called_as_the_account_is_added_like_anybody(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    added = await add(backend, chat, "system")
    assert "system" == added.identity
    assert added.role_sid != CHANNEL_ADMIN
    (user,) = await sign_in(backend, "system")
    assert [chat.sid] == [each.sid for each in await backend.conversations.list(user)]


async def test_it_may_give_a_role_and_the_dates_of_somebody_imported(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    added = await add(
        backend,
        chat,
        "bob",
        attributes={"x": 1},
        role_sid=CHANNEL_ADMIN,
        date_created=LONG_AGO,
        date_updated=LONG_AGO + timedelta(days=1),
    )
    assert (CHANNEL_ADMIN, {"x": 1}) == (added.role_sid, added.attributes)
    assert (LONG_AGO, LONG_AGO + timedelta(days=1)) == (added.date_created, added.date_updated)
    assert [added] == await backend.participants.list(ACCOUNT, chat.sid)
    (bob,) = await sign_in(backend, "bob")
    assert [added] == await backend.participants.list(bob, chat.sid)


async def test_imported_dates_make_nobody_a_recipient_of_what_was_written_before(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    await add(backend, chat, "alice")
    message = await send(backend, ACCOUNT, chat, "before bob came")
    alice, bob = (
        participant_sid_of(await backend.participants.list(ACCOUNT, chat.sid), "alice"),
        (await add(backend, chat, "bob", date_created=LONG_AGO)).sid,
    )
    receipts = await backend.messages.receipts(ACCOUNT, chat.sid, message.sid)
    assert [alice] == [each.participant_sid for each in receipts]
    assert bob not in [each.participant_sid for each in receipts]


def participant_sid_of(members: object, identity: str) -> str:
    assert isinstance(members, list)
    return next(str(each.sid) for each in members if each.identity == identity)


@pytest.mark.parametrize("role", ["RL" + "0" * 32, SERVICE_ADMIN, "nonsense", ""])
async def test_only_a_role_for_members_is_given(
    backend: AcsBackend, chat: ConversationRecord, role: str
) -> None:
    with pytest.raises(NotFoundError) as caught:
        await add(backend, chat, "bob", role_sid=role)
    assert 50109 == caught.value.code
    assert [] == await identities(backend, ACCOUNT, chat)


@pytest.mark.parametrize(
    ("identity", "code"), [("", 50204), ("x" * 257, 50207), ("twilio-acs-compat:steward", 50203)]
)
async def test_nobody_is_added_who_cannot_be(
    backend: AcsBackend, chat: ConversationRecord, identity: str, code: int
) -> None:
    with pytest.raises(TwilsockUpstreamError) as caught:
        await add(backend, chat, identity)
    assert code == caught.value.code


@pytest.mark.parametrize(
    "draft",
    [
        ParticipantDraft(identity="bob", role_sid=CHANNEL_ADMIN),
        ParticipantDraft(identity="bob", date_created=LONG_AGO),
        ParticipantDraft(identity="bob", date_updated=LONG_AGO),
    ],
)
async def test_a_user_may_not_say_what_is_for_the_account_alone(
    backend: AcsBackend, alice: Actor, draft: ParticipantDraft
) -> None:
    mine = await room(backend, alice, "alice")
    with pytest.raises(ForbiddenError) as caught:
        await backend.participants.create(alice, mine.sid, draft)
    assert 50107 == caught.value.code


async def test_who_listens_hears_of_those_who_come(deployment: Deployment, chat: ConversationRecord) -> None:
    backend, other = deployment.backend(), deployment.backend()
    (alice,) = await sign_in(other, "alice")
    async with other.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await add(backend, chat, "alice")
        assert chat.sid == (await next_of(events, ConversationJoined)).conversation.sid
        await add(backend, chat, "bob")
        assert "bob" == (await next_of(events, ParticipantJoined)).participant.identity
        assert [] == await quiet(events)


# Changing


async def test_it_changes_anybody(backend: AcsBackend, alice: Actor) -> None:
    chat = await room(backend, alice, "alice", "bob")
    changes = ParticipantChanges(attributes={"x": 1}, role_sid=CHANNEL_ADMIN, date_created=LONG_AGO)
    changed = await backend.participants.update(ACCOUNT, chat.sid, "bob", changes)
    assert ({"x": 1}, CHANNEL_ADMIN, LONG_AGO) == (
        changed.attributes,
        changed.role_sid,
        changed.date_created,
    )
    assert changed in await backend.participants.list(alice, chat.sid)


async def test_a_date_that_was_given_holds_until_the_next_change(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    before = await add(backend, chat, "bob")
    given = await backend.participants.update(
        ACCOUNT, chat.sid, "bob", ParticipantChanges(date_updated=LONG_AGO)
    )
    assert LONG_AGO == given.date_updated
    again = await backend.participants.update(ACCOUNT, chat.sid, "bob", ParticipantChanges(attributes={}))
    assert given == again
    changed = await backend.participants.update(
        ACCOUNT, chat.sid, "bob", ParticipantChanges(attributes={"x": 1})
    )
    assert changed.date_updated > before.date_updated


async def test_it_moves_a_read_horizon_and_takes_it_away(
    deployment: Deployment, backend: AcsBackend, chat: ConversationRecord
) -> None:
    await add(backend, chat, "alice")
    for body in ("one", "two", "three"):
        await send(backend, ACCOUNT, chat, body)
    moved = await backend.participants.update(
        ACCOUNT, chat.sid, "alice", ParticipantChanges(last_read_message_index=1)
    )
    assert 1 == moved.last_read_message_index
    assert moved.last_read_timestamp is not None
    alice = on_behalf_of("alice")
    standing = await backend.user_conversations.get(alice, chat.sid)
    assert (1, 1, moved.sid) == (
        standing.unread_messages_count,
        standing.last_read_message_index,
        standing.participant_sid,
    )
    taken = await backend.participants.update(
        ACCOUNT, chat.sid, "alice", ParticipantChanges(last_read_message_index=None)
    )
    assert (None, None) == (taken.last_read_message_index, taken.last_read_timestamp)
    assert None is (await backend.user_conversations.get(alice, chat.sid)).unread_messages_count


async def test_it_may_say_when_somebody_read(backend: AcsBackend, chat: ConversationRecord) -> None:
    await add(backend, chat, "alice")
    await send(backend, ACCOUNT, chat, "one")
    changes = ParticipantChanges(last_read_message_index=0, last_read_timestamp=LONG_AGO)
    moved = await backend.participants.update(ACCOUNT, chat.sid, "alice", changes)
    assert (0, LONG_AGO) == (moved.last_read_message_index, moved.last_read_timestamp)
    later = ParticipantChanges(last_read_timestamp=LONG_AGO + timedelta(days=1))
    moved = await backend.participants.update(ACCOUNT, chat.sid, "alice", later)
    assert (0, LONG_AGO + timedelta(days=1)) == (moved.last_read_message_index, moved.last_read_timestamp)


async def test_native_clients_see_that_a_horizon_moved(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    native = await deployment.native(await backend.issue_identity("nat", with_token=True))
    chat = await room(backend, alice, "alice", "nat")
    message = await send(backend, alice, chat, "one")
    await backend.participants.update(
        ACCOUNT, chat.sid, "nat", ParticipantChanges(last_read_message_index=message.index)
    )
    await backend.close()
    thread = await native.only_thread()
    receipts = [each.sender.raw_id async for each in thread.list_read_receipts()]
    assert [native.acs_id] == receipts


@pytest.mark.parametrize("index", [-1, 2**31])
async def test_a_horizon_where_no_message_can_be_is_refused(
    backend: AcsBackend, chat: ConversationRecord, index: int
) -> None:
    await add(backend, chat, "alice")
    with pytest.raises(TwilsockUpstreamError) as caught:
        await backend.participants.update(
            ACCOUNT, chat.sid, "alice", ParticipantChanges(last_read_message_index=index)
        )
    assert (400, 50421) == (caught.value.status, caught.value.code)


@pytest.mark.parametrize(
    "changes",
    [
        ParticipantChanges(last_read_message_index=0),
        ParticipantChanges(last_read_message_index=None),
        ParticipantChanges(last_read_timestamp=LONG_AGO),
        ParticipantChanges(date_created=LONG_AGO),
        ParticipantChanges(date_updated=LONG_AGO),
    ],
)
async def test_a_user_may_not_change_what_is_for_the_account_alone(
    backend: AcsBackend, alice: Actor, changes: ParticipantChanges
) -> None:
    mine = await room(backend, alice, "alice")
    with pytest.raises(ForbiddenError) as caught:
        await backend.participants.update(alice, mine.sid, "alice", changes)
    assert 50107 == caught.value.code


async def test_who_listens_hears_of_what_changed_whatever_date_is_shown(
    deployment: Deployment, chat: ConversationRecord
) -> None:
    backend, other = deployment.backend(), deployment.backend()
    await add(backend, chat, "alice")
    await add(backend, chat, "bob")
    (alice,) = await sign_in(other, "alice")
    async with other.subscribe(alice) as events:
        await next_of(events, Synchronized)
        changed = await backend.participants.update(
            ACCOUNT, chat.sid, "bob", ParticipantChanges(attributes={"x": 1}, date_updated=LONG_AGO)
        )
        told = (await next_of(events, ParticipantUpdated)).participant
    assert changed == told
    assert told.changed_at is not None


# Removing


async def test_it_removes_anybody_by_sid_or_by_identity(backend: AcsBackend, alice: Actor) -> None:
    chat = await room(backend, alice, "alice", "bob")
    sid = participant_sid_of(await backend.participants.list(ACCOUNT, chat.sid), "bob")
    await backend.participants.delete(ACCOUNT, chat.sid, sid)
    await backend.participants.delete(ACCOUNT, chat.sid, "alice")
    assert [] == await identities(backend, ACCOUNT, chat)
    with pytest.raises(NotFoundError) as caught:
        await backend.participants.delete(ACCOUNT, chat.sid, "alice")
    assert (404, 50432) == (caught.value.status, caught.value.code)


async def test_on_behalf_of_a_user_it_joins_and_leaves(backend: AcsBackend, chat: ConversationRecord) -> None:
    bob = on_behalf_of("bob")
    with pytest.raises(ForbiddenError) as caught:
        await backend.user_conversations.get(bob, chat.sid)
    assert 50430 == caught.value.code
    await backend.participants.create(bob, chat.sid, ParticipantDraft(identity="bob"))
    await backend.user_conversations.update(
        bob, chat.sid, UserConversationChanges(notification_level="muted")
    )
    assert "muted" == (await backend.user_conversations.get(bob, chat.sid)).notification_level
    await backend.participants.delete(bob, chat.sid, "bob")
    with pytest.raises(ForbiddenError):
        await backend.user_conversations.get(bob, chat.sid)


async def test_the_account_itself_is_in_no_conversation(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    with pytest.raises(ForbiddenError) as caught:
        await backend.user_conversations.get(ACCOUNT, chat.sid)
    assert 50430 == caught.value.code
    with pytest.raises(ForbiddenError):
        await backend.participants.typing(ACCOUNT, chat.sid)


# Threads that the steward is not in


async def test_in_a_thread_of_native_users_it_acts_as_one_of_them(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    native = await deployment.native(await backend.issue_identity("nat", with_token=True))
    user = await backend.identities.acting(alice)
    thread_id = await native.create_thread("Ours", user.id)
    await backend.conversations.list(alice)
    ours = await backend.conversations.get(ACCOUNT, conversation_sid(thread_id))
    added = await add(backend, ours, "bob")
    assert added.sid == participant_sid(thread_id, (await backend.identities.acting(on_behalf_of("bob"))).id)
    assert {"alice", "bob", "nat"} == set(await identities(backend, ACCOUNT, ours))
    await backend.participants.delete(ACCOUNT, ours.sid, "nat")
    await backend.participants.delete(ACCOUNT, ours.sid, "alice")
    assert ["bob"] == await identities(backend, ACCOUNT, ours)


async def test_a_member_who_is_imported_was_in_the_conversation_before_it_was_closed(
    backend: AcsBackend,
) -> None:
    dates = {"date_created": LONG_AGO, "date_updated": LONG_AGO}
    made = await backend.conversations.create(ACCOUNT, ConversationDraft())
    await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(state="closed"))
    imported = ParticipantDraft(identity="alice", sid="MB" + "a" * 32, **dates)
    assert imported.sid == (await backend.participants.create(ACCOUNT, made.sid, imported)).sid
    as_it_was = ParticipantChanges(attributes={"a": 1}, date_updated=LONG_AGO)
    changed = await backend.participants.update(ACCOUNT, made.sid, "alice", as_it_was)
    assert ({"a": 1}, LONG_AGO) == (changed.attributes, changed.date_updated)
    for call in (
        backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="bob")),
        backend.participants.update(ACCOUNT, made.sid, "alice", ParticipantChanges(attributes={})),
    ):
        with pytest.raises(ConflictError) as caught:
            await call
        assert 50377 == caught.value.code
