from __future__ import annotations

import asyncio

import pytest

from acs_backend import AcsBackend
from acs_backend.sids import conversation_sid
from tests.acs_backend.deployment import Deployment, NativeUser, page, room, send, sign_in
from tests.acs_backend.middleman import Fault, Middleman
from tests.acs_backend.stub_service import StubService, says
from twilio_compat.errors import (
    ArgumentError,
    BackendError,
    ConflictError,
    ForbiddenError,
    InvalidResponseError,
    LimitError,
    NotFoundError,
    TwilsockUpstreamError,
)
from twilio_compat.records import Actor, ConversationDraft, ConversationRecord, LastMessage, ParticipantDraft


async def native(deployment: Deployment, backend: AcsBackend, identity: str) -> NativeUser:
    return await deployment.native(await backend.issue_identity(identity, with_token=True))


async def test_the_creator_may_fetch_what_it_has_not_joined(backend: AcsBackend, alice: Actor) -> None:
    draft = ConversationDraft(friendly_name="Room", unique_name="room", attributes={"x": 1})
    created = await backend.conversations.create(alice, draft)
    assert ("Room", "room", {"x": 1}, "alice", "active", False) == (
        created.friendly_name,
        created.unique_name,
        created.attributes,
        created.created_by,
        created.state.current,
        created.joined,
    )
    assert created == await backend.conversations.get(alice, created.sid)
    assert created == await backend.conversations.get_by_unique_name(alice, "room")
    assert [] == await backend.conversations.list(alice)


async def test_a_conversation_needs_no_name(backend: AcsBackend, alice: Actor) -> None:
    created = await backend.conversations.create(alice, ConversationDraft())
    assert (None, None) == (created.friendly_name, created.unique_name)
    assert created == await backend.conversations.get(alice, created.sid)


async def test_members_list_their_conversations_in_the_order_of_sids(
    backend: AcsBackend, alice: Actor
) -> None:
    chats = [await room(backend, alice, "alice") for _ in range(5)]
    await room(backend, alice, "bob")
    listed = await backend.conversations.list(alice)
    assert sorted(each.sid for each in chats) == [each.sid for each in listed]
    assert all(each.joined for each in listed)


async def test_the_last_message_is_told(backend: AcsBackend, alice: Actor) -> None:
    chat = await room(backend, alice, "alice")
    assert None is (await backend.conversations.get(alice, chat.sid)).last_message
    await send(backend, alice, chat, "first")
    last = await send(backend, alice, chat, "second")
    expected = LastMessage(index=1, date_created=last.date_created)
    assert expected == (await backend.conversations.get(alice, chat.sid)).last_message
    assert [expected] == [each.last_message for each in await backend.conversations.list(alice)]


async def test_a_unique_name_is_taken_once(backend: AcsBackend, alice: Actor) -> None:
    await backend.conversations.create(alice, ConversationDraft(unique_name="room"))
    with pytest.raises(
        ConflictError, match="Conversation with provided unique name already exists"
    ) as caught:
        await backend.conversations.create(alice, ConversationDraft(unique_name="room"))
    assert (409, 50353) == (caught.value.status, caught.value.code)


async def test_of_two_creators_at_once_one_wins_and_no_thread_is_left_behind(deployment: Deployment) -> None:
    backends = [deployment.backend() for _ in range(3)]
    actors = [(await sign_in(each, "alice"))[0] for each in backends]
    outcomes = await asyncio.gather(
        *(
            backend.conversations.create(actor, ConversationDraft(unique_name="room"))
            for backend, actor in zip(backends, actors, strict=True)
        ),
        return_exceptions=True,
    )
    assert 1 == sum(isinstance(each, ConversationRecord) for each in outcomes)
    assert 2 == sum(isinstance(each, ConflictError) for each in outcomes)
    steward = await backends[0].identities.steward()
    client = backends[0].identities._clients.chat(steward)  # the steward is nobody a test could sign in as
    assert 1 == len([each async for each in client.list_chat_threads()])


async def test_an_unknown_conversation_is_not_found(backend: AcsBackend, alice: Actor) -> None:
    for sid in ("CH" + "0" * 32, "nonsense"):
        with pytest.raises(NotFoundError, match="Conversation not found") as caught:
            await backend.conversations.get(alice, sid)
        assert (404, 50350) == (caught.value.status, caught.value.code)
    with pytest.raises(NotFoundError):
        await backend.conversations.get_by_unique_name(alice, "nobody's")


async def test_a_stranger_is_told_that_it_is_no_participant(backend: AcsBackend, alice: Actor) -> None:
    chat = await room(backend, alice, "alice")
    (eve,) = await sign_in(backend, "eve")
    with pytest.raises(ForbiddenError, match="Participant is not a member of conversation") as caught:
        await backend.conversations.get(eve, chat.sid)
    assert (403, 50430) == (caught.value.status, caught.value.code)
    with pytest.raises(ForbiddenError):
        await backend.conversations.delete(eve, chat.sid)


async def test_a_deleted_conversation_is_gone_for_everyone_and_its_name_is_free(
    backend: AcsBackend, alice: Actor
) -> None:
    created = await backend.conversations.create(alice, ConversationDraft(unique_name="room"))
    await backend.participants.create(alice, created.sid, ParticipantDraft(identity="bob"))
    (bob,) = await sign_in(backend, "bob")
    await backend.conversations.delete(alice, created.sid)
    assert [] == await backend.conversations.list(bob)
    with pytest.raises(NotFoundError):
        await backend.conversations.get(bob, created.sid)
    again = await backend.conversations.create(alice, ConversationDraft(unique_name="room"))
    assert again.sid != created.sid


@pytest.mark.parametrize("name", ["half a pair \ud83d", "a\0b"])
async def test_a_name_is_text_that_every_database_takes(backend: AcsBackend, alice: Actor, name: str) -> None:
    for draft in (ConversationDraft(friendly_name=name), ConversationDraft(unique_name=name)):
        with pytest.raises(ArgumentError, match="name is Unicode text without NUL"):
            await backend.conversations.create(alice, draft)
    with pytest.raises(ArgumentError, match="A unique name is Unicode text without NUL"):
        await backend.conversations.get_by_unique_name(alice, name)
    with pytest.raises(NotFoundError):
        await backend.conversations.get(alice, name)


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (ConversationDraft(friendly_name="x" * 257), 50003),
        (ConversationDraft(unique_name="x" * 257), 50004),
        (ConversationDraft(attributes="x" * 16_384), 50303),
        (ConversationDraft(attributes=float("nan")), 50304),
        (ConversationDraft(unique_name="CH" + "0" * 32), 50390),
    ],
)
async def test_what_twilio_does_not_take_is_refused_with_its_code(
    backend: AcsBackend, alice: Actor, draft: ConversationDraft, code: int
) -> None:
    with pytest.raises(TwilsockUpstreamError) as caught:
        await backend.conversations.create(alice, draft)
    assert code == caught.value.code
    assert issubclass(LimitError, TwilsockUpstreamError)


async def test_a_thread_of_an_acs_client_shows_up_for_its_members(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    bob = await native(deployment, backend, "bob")
    alices_id = (await backend.issue_identity("alice")).acs_user_id
    thread_id = await bob.create_thread("Made by hand", alices_id)
    await bob.thread(thread_id).send_message("hello from ACS")
    (listed,) = await backend.conversations.list(alice)
    assert ("Made by hand", "bob", True) == (listed.friendly_name, listed.created_by, listed.joined)
    assert ["hello from ACS"] == [each.body for each in (await page(backend, alice, listed)).items]


async def test_a_thread_of_an_acs_client_is_found_by_its_sid(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    bob = await native(deployment, backend, "bob")
    await bob.create_thread("Made by hand", (await backend.issue_identity("alice")).acs_user_id)
    sid = conversation_sid((await bob.threads())[0])
    assert "Made by hand" == (await backend.conversations.get(alice, sid)).friendly_name


async def test_a_thread_of_an_acs_client_that_cannot_be_looked_at_is_an_error(
    deployment: Deployment, middleman: Middleman
) -> None:
    backend = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string), deadline=1.5
    )
    (alice,) = await sign_in(backend, "alice")
    bob = await native(deployment, backend, "bob")
    await bob.create_thread("Made by hand", (await backend.issue_identity("alice")).acs_user_id)
    middleman.fault = lambda seen: Fault.LOSE_REQUEST if "/threads/" in seen.path else None
    with pytest.raises(BackendError):
        await backend.conversations.list(alice)


async def test_a_topic_set_by_an_acs_client_is_the_friendly_name(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    bob = await native(deployment, backend, "bob")
    chat = await room(backend, alice, "alice", "bob")
    await (await bob.only_thread()).update_topic("Renamed")
    assert "Renamed" == (await backend.conversations.get(alice, chat.sid)).friendly_name
    assert ["Renamed"] == [each.friendly_name for each in await backend.conversations.list(alice)]


async def test_a_thread_deleted_by_an_acs_client_is_not_found_by_its_creator(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    bob = await native(deployment, backend, "bob")
    chat = await room(backend, alice, "bob")
    await bob.delete_thread((await bob.threads())[0])
    with pytest.raises(NotFoundError):
        await backend.conversations.get(alice, chat.sid)


async def test_a_long_list_takes_a_request_a_page_and_none_a_conversation(
    deployment: Deployment, middleman: Middleman, backend: AcsBackend, alice: Actor
) -> None:
    mine = await native(deployment, backend, "alice")
    for number in range(105):
        await mine.create_thread(f"Room {number}")
    assert 105 == len(await backend.conversations.list(alice))
    later = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string)
    )
    assert 105 == len(await later.conversations.list(alice))
    asked = [each.path for each in middleman.seen if "/threads" in each.path]
    assert ["/chat/threads"] * 2 == asked


async def test_a_thread_without_an_id_is_an_answer_that_cannot_be_understood(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    await backend.conversations.create(alice, ConversationDraft())  # makes the steward
    token = says(200, {"token": "a.b.c", "expiresOn": "2040-01-01T00:00:00Z"})
    maker = {"rawId": "8:acs:x", "communicationUser": {"id": "8:acs:x"}}
    thread = {
        "id": "",
        "topic": "x",
        "createdOn": "2030-01-01T00:00:00Z",
        "createdByCommunicationIdentifier": maker,
    }
    async with StubService(token, says(201, {"chatThread": thread})) as service:
        key = deployment.emulator.connection_string.partition(";")[2]
        faulty = deployment.backend(connection_string=f"endpoint={service.endpoint}/;{key}", deadline=1.5)
        with pytest.raises(InvalidResponseError, match="did not say which"):
            await faulty.conversations.create(alice, ConversationDraft())
