from __future__ import annotations

import asyncio

import pytest
from azure.communication.chat import ChatParticipant, CommunicationUserIdentifier

from acs_backend import AcsBackend
from tests.acs_backend.deployment import Deployment, bodies, room, send, sign_in
from twilio_compat.errors import ConflictError, ForbiddenError, LimitError, NotFoundError
from twilio_compat.records import (
    Actor,
    ConversationDraft,
    ConversationRecord,
    ParticipantDraft,
    ParticipantRecord,
)


@pytest.fixture
def backend(deployment: Deployment) -> AcsBackend:
    return deployment.backend()


@pytest.fixture
async def alice(backend: AcsBackend) -> Actor:
    return (await sign_in(backend, "alice"))[0]


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    return await backend.conversations.create(alice, ConversationDraft(friendly_name="Room"))


async def add(
    backend: AcsBackend, actor: Actor, chat: ConversationRecord, identity: str
) -> ParticipantRecord:
    return await backend.participants.create(actor, chat.sid, ParticipantDraft(identity=identity))


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
