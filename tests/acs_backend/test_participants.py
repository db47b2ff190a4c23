from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from azure.communication.chat import ChatParticipant, CommunicationUserIdentifier

from acs_backend import AcsBackend
from acs_backend.admissions import Admissions
from acs_backend.clients import AcsUser
from acs_backend.participants import UNDER_WAY
from acs_backend.roles import CHANNEL_ADMIN, CHANNEL_USER
from tests.acs_backend.deployment import Deployment, bodies, room, send, sign_in
from twilio_compat.errors import (
    ConflictError,
    ForbiddenError,
    LimitError,
    NotFoundError,
    TwilioCompatError,
)
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
)


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    return await backend.conversations.create(alice, ConversationDraft(friendly_name="Room"))


async def add(
    backend: AcsBackend, actor: Actor, chat: ConversationRecord, identity: str
) -> ParticipantRecord:
    return await backend.participants.create(actor, chat.sid, ParticipantDraft(identity=identity))


def later(deployment: Deployment, by: timedelta) -> AcsBackend:
    """Return a backend whose clock is fast; the caller closes it."""
    ahead = by + timedelta(seconds=1)
    return AcsBackend(deployment.settings, now=lambda: datetime.now(UTC) + ahead)


async def names(backend: AcsBackend, actor: Actor, chat: ConversationRecord) -> list[str]:
    return [each.identity for each in await backend.participants.list(actor, chat.sid)]


async def test_the_creator_adds_others_and_joins_later(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    assert [] == await names(backend, alice, chat)
    await add(backend, alice, chat, "bob")
    await add(backend, alice, chat, "alice")
    assert ["bob", "alice"] == await names(backend, alice, chat)
    assert (await backend.conversations.get(alice, chat.sid)).joined


async def test_acs_clients_see_members_by_their_names(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await add(backend, alice, chat, "alice")
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    await add(backend, alice, chat, "bob")
    shown = [each.display_name async for each in (await bob.only_thread()).list_participants()]
    assert ["alice", "bob"] == [name for name in shown if name is not None]


async def test_a_participant_keeps_its_attributes(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    draft = ParticipantDraft(identity="bob", attributes={"role": "guest"})
    added = await backend.participants.create(alice, chat.sid, draft)
    assert {"role": "guest"} == added.attributes
    assert [added] == await backend.participants.list(alice, chat.sid)


async def test_anybody_who_has_the_conversation_may_join(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    (bob,) = await sign_in(backend, "bob")
    await add(backend, bob, chat, "bob")
    assert ["bob"] == await names(backend, bob, chat)


async def test_a_newcomer_sees_the_whole_history(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await add(backend, alice, chat, "alice")
    await send(backend, alice, chat, "before")
    (bob,) = await sign_in(backend, "bob")
    await add(backend, alice, chat, "bob")
    assert ["before"] == await bodies(backend, bob, chat)


async def test_a_member_cannot_be_added_again(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await add(backend, alice, chat, "alice")
    with pytest.raises(ConflictError, match="Participant already exists") as caught:
        await add(backend, alice, chat, "alice")
    assert (409, 50433) == (caught.value.status, caught.value.code)


async def test_of_several_adds_at_once_one_wins(deployment: Deployment) -> None:
    backends = [deployment.backend() for _ in range(2)]
    (alice,) = await sign_in(backends[0], "alice")
    chat = await backends[0].conversations.create(alice, ConversationDraft())
    outcomes = await asyncio.gather(
        *(add(each, alice, chat, "bob") for each in backends * 3), return_exceptions=True
    )
    assert 1 == sum(isinstance(each, ParticipantRecord) for each in outcomes)
    assert 5 == sum(isinstance(each, ConflictError) for each in outcomes)
    assert ["bob"] == await names(backends[1], alice, chat)


async def test_an_add_that_was_overtaken_on_its_way_to_acs_has_lost(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await backend.issue_identity("bob")
    slow = deployment.emulator.faults.add("delay", "AddChatParticipants", latency=0.5, count=1)
    overtaken = asyncio.create_task(add(backend, alice, chat, "bob"))
    assert await asyncio.to_thread(slow.wait_until_seen)
    won = await add(deployment.backend(), alice, chat, "bob")
    with pytest.raises(ConflictError) as refused:
        await overtaken
    assert 50433 == refused.value.code
    assert [won] == await backend.participants.list(alice, chat.sid)
    assert won.date_created == won.date_updated


async def test_who_was_removed_can_be_added_again(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    added = await add(backend, alice, chat, "bob")
    await backend.participants.delete(alice, chat.sid, "bob")
    assert [] == await names(backend, alice, chat)
    await add(backend, alice, chat, "bob")
    await backend.participants.delete(alice, chat.sid, added.sid)
    assert [] == await names(backend, alice, chat)


async def test_who_left_past_the_library_can_be_added_again(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    await add(backend, alice, chat, "bob")
    thread = await bob.only_thread()
    me = [each async for each in thread.list_participants() if each.identifier.raw_id == bob.acs_id]
    await thread.remove_participant(me[0].identifier)
    assert [] == await names(backend, alice, chat)
    await add(backend, alice, chat, "bob")
    assert ["bob"] == await names(backend, alice, chat)


async def test_an_acs_user_may_be_added_by_its_id(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    stranger = await backend.issue_identity("known elsewhere")
    await add(backend, alice, chat, stranger.acs_user_id)
    assert ["known elsewhere"] == await names(backend, alice, chat)


async def test_an_acs_user_that_does_not_exist_is_an_error_and_nobody_is_added(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    nobody = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000"
    with pytest.raises(NotFoundError):
        await add(backend, alice, chat, nobody)
    assert [] == await names(backend, alice, chat)


async def test_a_stranger_adds_and_removes_nobody(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await add(backend, alice, chat, "alice")
    (eve,) = await sign_in(backend, "eve")
    for attempt in (add(backend, eve, chat, "bob"), backend.participants.delete(eve, chat.sid, "alice")):
        with pytest.raises(ForbiddenError) as caught:
            await attempt
        assert 50430 == caught.value.code


async def test_removing_somebody_who_is_no_member_is_not_found(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    with pytest.raises(NotFoundError, match="Participant not found") as caught:
        await backend.participants.delete(alice, chat.sid, "nobody")
    assert 50432 == caught.value.code


async def test_a_full_thread_takes_nobody_more(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    await add(backend, alice, chat := await room(backend, alice), "alice")
    owner = await deployment.native(await backend.issue_identity("alice", with_token=True))
    thread = await owner.only_thread()
    others = [await backend.identities.acs_id(f"guest {number}") for number in range(247)]
    guests = [ChatParticipant(identifier=CommunicationUserIdentifier(each)) for each in others]
    for start in (0, 200):
        assert [] == await thread.add_participants(guests[start : start + 200])
    last_two = [add(backend, alice, chat, each) for each in ("the last", "one too many")]
    (refused,) = [
        each
        for each in await asyncio.gather(*last_two, return_exceptions=True)
        if isinstance(each, Exception)
    ]
    with pytest.raises(LimitError) as caught:
        await add(backend, alice, chat, "another one")
    for each in (refused, caught.value):
        assert isinstance(each, LimitError)
        assert (50417, "Participants limit exceeded: an ACS thread takes 250 members") == (
            each.code,
            each.detail,
        )


# Changing members


async def test_who_made_the_conversation_is_its_admin_and_the_others_are_users(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    assert CHANNEL_USER == (await add(backend, alice, chat, "bob")).role_sid
    assert CHANNEL_ADMIN == (await add(backend, alice, chat, "alice")).role_sid
    members = await backend.participants.list(alice, chat.sid)
    assert [CHANNEL_USER, CHANNEL_ADMIN] == [each.role_sid for each in members]


async def test_members_change_their_own_attributes_and_admins_everybodys(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    added = await add(backend, alice, chat, "bob")
    own = await backend.participants.update(bob, chat.sid, "bob", ParticipantChanges(attributes={"x": 1}))
    assert ({"x": 1}, True) == (own.attributes, own.date_updated > added.date_updated)
    changed = await backend.participants.update(
        alice, chat.sid, added.sid, ParticipantChanges(attributes=[2])
    )
    assert ([2], True) == (changed.attributes, changed.date_updated > own.date_updated)
    assert [changed] == await backend.participants.list(alice, chat.sid)


async def test_an_ordinary_member_changes_neither_others_nor_roles(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    for identity in ("alice", "bob"):
        await add(backend, alice, chat, identity)
    attempts = [
        ("alice", ParticipantChanges(attributes=1)),
        ("bob", ParticipantChanges(role_sid=CHANNEL_ADMIN)),
    ]
    for identity, changes in attempts:
        with pytest.raises(ForbiddenError, match="User unauthorized for command") as caught:
            await backend.participants.update(bob, chat.sid, identity, changes)
        assert 50107 == caught.value.code


async def test_an_ordinary_member_may_leave_but_neither_add_nor_remove_nor_delete(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    for identity in ("alice", "bob"):
        await add(backend, alice, chat, identity)
    attempts = [
        lambda: add(backend, bob, chat, "carol"),
        lambda: backend.participants.delete(bob, chat.sid, "alice"),
        lambda: backend.conversations.delete(bob, chat.sid),
    ]
    for attempt in attempts:
        with pytest.raises(ForbiddenError) as caught:
            await attempt()
        assert 50107 == caught.value.code
    await backend.participants.delete(bob, chat.sid, "bob")
    assert ["alice"] == await names(backend, alice, chat)


async def test_no_user_is_made_at_acs_for_whom_the_actor_may_not_add(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    await add(backend, alice, chat, "bob")
    (eve,) = await sign_in(backend, "eve")
    for actor, code in ((bob, 50107), (eve, 50430)):
        with pytest.raises(ForbiddenError) as caught:
            await add(backend, actor, chat, "somebody new")
        assert code == caught.value.code
    assert await backend.identities.known_acs_id("somebody new") is None


async def test_no_message_is_for_somebody_whom_acs_refused_to_add(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    for identity in ("alice", "bob"):
        await add(backend, alice, chat, identity)
    known = await backend.identities.acs_id("bob")
    unknown = known[:-1] + "01"[known.endswith("0")]
    with pytest.raises(NotFoundError, match="ACS does not know"):
        await add(backend, alice, chat, unknown)
    sent = await send(backend, alice, chat, "hello")
    receipts = await backend.messages.receipts(alice, chat.sid, sent.sid)
    members = await backend.participants.list(alice, chat.sid)
    assert [each.sid for each in members if each.identity == "bob"] == [
        each.participant_sid for each in receipts
    ]


async def test_who_left_past_the_library_is_forgotten_once_their_row_can_be_no_add_under_way(
    deployment: Deployment, backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    for identity in ("alice", "bob"):
        await add(backend, alice, chat, identity)
    role = ParticipantChanges(role_sid=CHANNEL_ADMIN)
    await backend.participants.update(alice, chat.sid, "bob", role)
    native = await deployment.native(await backend.issue_identity("bob", with_token=True))
    await (await native.only_thread()).remove_participant(CommunicationUserIdentifier(native.acs_id))
    await backend.participants.list(alice, chat.sid)
    thread_id = (await backend.conversations.find(alice, chat.sid)).thread_id
    assert native.acs_id in await backend.participants.rows(thread_id)
    much_later = later(deployment, UNDER_WAY)
    try:
        assert ["alice"] == await names(much_later, alice, chat)
    finally:
        await much_later.close()
    assert native.acs_id not in await backend.participants.rows(thread_id)
    assert (await backend.conversations.find(alice, chat.sid)).native
    assert CHANNEL_USER == (await add(backend, alice, chat, "bob")).role_sid


async def test_who_looks_while_somebody_is_added_is_told_the_dates_that_hold_afterwards(
    deployment: Deployment,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[ParticipantRecord] = []
    original = Admissions.add

    async def add_and_look(self: Admissions, user: AcsUser, thread_id: str, acs_id: str) -> None:
        await original(self, user, thread_id, acs_id)
        seen.extend(await another.participants.list(alice, chat.sid))

    another = deployment.backend()
    monkeypatch.setattr(Admissions, "add", add_and_look)
    try:
        assert seen == [await add(backend, alice, chat, "bob")]
    finally:
        await another.close()
    assert seen == await backend.participants.list(alice, chat.sid)


async def test_a_member_who_was_made_an_admin_may_what_admins_may(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    for identity in ("alice", "bob"):
        await add(backend, alice, chat, identity)
    promoted = await backend.participants.update(
        alice, chat.sid, "bob", ParticipantChanges(role_sid=CHANNEL_ADMIN)
    )
    assert CHANNEL_ADMIN == promoted.role_sid
    renamed = await backend.conversations.update(bob, chat.sid, ConversationChanges(friendly_name="Den"))
    assert "Den" == renamed.friendly_name


async def test_what_twilio_would_refuse_changes_no_member(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    added = await add(backend, alice, chat, "bob")
    refused = [
        ("bob", ParticipantChanges(attributes="x" * 4 * 1024), 50303),
        ("bob", ParticipantChanges(role_sid="RL" + "0" * 32), 50109),
        ("nobody", ParticipantChanges(attributes=1), 50432),
    ]
    for identity, changes, code in refused:
        with pytest.raises(TwilioCompatError) as caught:
            await backend.participants.update(alice, chat.sid, identity, changes)
        assert code == getattr(caught.value, "code", None)
    assert [added] == await backend.participants.list(alice, chat.sid)


async def test_attributes_and_role_changed_at_once_both_survive(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await add(backend, alice, chat, "bob")
    other = deployment.backend()
    await asyncio.gather(
        backend.participants.update(alice, chat.sid, "bob", ParticipantChanges(attributes={"x": 1})),
        other.participants.update(alice, chat.sid, "bob", ParticipantChanges(role_sid=CHANNEL_ADMIN)),
    )
    (found,) = await backend.participants.list(alice, chat.sid)
    assert ({"x": 1}, CHANNEL_ADMIN) == (found.attributes, found.role_sid)


async def test_nobody_comes_into_a_closed_conversation(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await backend.conversations.update(alice, chat.sid, ConversationChanges(state="closed"))
    with pytest.raises(ConflictError) as caught:
        await add(backend, alice, chat, "bob")
    assert 50377 == caught.value.code


async def test_members_are_counted_without_the_steward(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    assert 0 == await backend.participants.count(alice, chat.sid)
    await add(backend, alice, chat, "bob")
    assert 1 == await backend.participants.count(alice, chat.sid)


async def test_only_a_member_types(
    backend: AcsBackend, alice: Actor, bob: Actor, chat: ConversationRecord
) -> None:
    await add(backend, alice, chat, "bob")
    assert 5.0 == await backend.participants.typing(bob, chat.sid)
    with pytest.raises(ForbiddenError) as caught:
        await backend.participants.typing(alice, chat.sid)
    assert 50430 == caught.value.code


async def test_whom_an_acs_client_added_is_a_member_since_then(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    native = await deployment.native(await backend.issue_identity("alice", with_token=True))
    await add(backend, alice, chat, "alice")
    sent = await send(backend, alice, chat, "before bob came")
    bob = await backend.issue_identity("bob")
    newcomer = ChatParticipant(identifier=CommunicationUserIdentifier(bob.acs_user_id))
    await (await native.only_thread()).add_participants([newcomer])
    later = await send(backend, alice, chat, "after")
    (_, found) = await backend.participants.list(alice, chat.sid)
    assert "bob" == found.identity
    assert sent.date_created <= found.date_created <= later.date_created
    assert [found] == (await backend.participants.list(alice, chat.sid))[1:]
