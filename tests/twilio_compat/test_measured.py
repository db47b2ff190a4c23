"""The script with which Twilio's client was measured, in Python: same calls, same values, same events."""

from __future__ import annotations

import pytest

from tests.support.journal import Journal, settle
from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import Client, Conversation, SendMediaOptions
from twilio_compat.errors import ConflictError, NotFoundError

from .conftest import SignIn


@pytest.fixture
async def room(alice: Client) -> Conversation:
    """A conversation with alice in it."""
    room = await alice.createConversation(
        {"friendlyName": "Room", "uniqueName": "room", "attributes": {"x": 1}}
    )
    return await room.join()


async def add_bob(room: Conversation) -> None:
    """Add bob, and let everybody hear of it."""
    await room.add("bob")
    await settle()


async def test_a_good_start_tells_its_steps_in_order(service: MemoryService) -> None:
    client = Client(service.token("alice"), {"backend": MemoryBackend(service)})
    journal = Journal(client)
    async with client:
        expected = [
            "connectionStateChanged:connecting",
            "connectionStateChanged:connected",
            "userUpdated:friendlyName",
            "userSubscribed:alice",
            "stateChanged:initialized",
            "initialized",
        ]
        assert expected == await journal.settled()


async def test_creating_a_conversation_tells_its_properties_and_then_that_it_is_there(alice: Client) -> None:
    journal = Journal(alice)
    room = await alice.createConversation(
        {"friendlyName": "Room", "uniqueName": "room", "attributes": {"x": 1}}
    )
    assert [
        "conversationUpdated:friendlyName+uniqueName+attributes+createdBy+dateCreated+dateUpdated+state",
        "conversationAdded:Room",
    ] == await journal.settled()
    assert ("notParticipating", "Room", "room", {"x": 1}, "alice", "active", None) == (
        room.status,
        room.friendlyName,
        room.uniqueName,
        room.attributes,
        room.createdBy,
        room.state["current"],
        room.lastMessage,
    )


async def test_properties_left_out_are_not_told_at_creation(alice: Client) -> None:
    journal = Journal(alice)
    await alice.createConversation(friendlyName="Testing Chat")
    assert [
        "conversationUpdated:friendlyName+createdBy+dateCreated+dateUpdated+state",
        "conversationAdded:Testing Chat",
    ] == await journal.settled()


async def test_nobody_else_hears_of_a_new_conversation(alice: Client, bob: Client) -> None:
    journal = Journal(bob)
    await alice.createConversation(friendlyName="Room")
    assert [] == await journal.settled()


async def test_joining_tells_the_read_horizon_and_then_that_one_joined(alice: Client) -> None:
    room = await alice.createConversation(friendlyName="Room")
    journal = Journal(alice)
    assert room is await room.join()
    assert "joined" == room.status
    assert ["conversationUpdated:lastReadMessageIndex", "conversationJoined:Room"] == await journal.settled()


async def test_joining_twice_is_a_conflict(room: Conversation) -> None:
    with pytest.raises(ConflictError) as caught:
        await room.join()
    assert (409, "Conflict") == (caught.value.status, caught.value.message)
    assert {"status": 409, "code": 50433, "message": "Participant already exists"} == caught.value.body


async def test_adding_returns_the_raw_answer_and_tells_both_sides(
    room: Conversation, alice: Client, bob: Client
) -> None:
    at_alice, at_bob = Journal(alice), Journal(bob)
    raw = await room.add("bob", {"colour": "red"})
    assert ("bob", '{"colour": "red"}', None) == (
        raw["identity"],
        raw["attributes"],
        raw["messaging_binding"],
    )
    assert ["participantJoined:bob"] == await at_alice.settled()
    assert ["conversationAdded:Room", "conversationJoined:Room"] == at_bob.read()


async def test_a_message_is_told_before_the_conversation_it_changes(
    room: Conversation, alice: Client, bob: Client
) -> None:
    await add_bob(room)
    at_alice, at_bob = Journal(alice), Journal(bob)
    assert 0 == await room.sendMessage("hello")
    expected = ["messageAdded:hello", "conversationUpdated:lastMessage"]
    assert expected == at_alice.read(), "one's own message is told when the call returns"
    assert [] == await at_alice.settled(), "and not again when the event source brings it"
    assert expected == at_bob.read()
    assert room.lastMessage is not None
    assert 0 == room.lastMessage["index"]


async def test_pages_go_back_and_forth_as_measured(room: Conversation) -> None:
    for number in range(7):
        await room.sendMessage(str(number))

    async def turns(first: tuple[object, ...], *turns: str) -> list[object]:
        page = await room.getMessages(*first)  # type: ignore[arg-type]  # the table below is loosely typed
        shown: list[object] = []
        for turn in ("", *turns):
            page = await getattr(page, turn)() if turn else page
            shown.append(([each.index for each in page.items], page.hasNextPage, page.hasPrevPage))
        return shown

    newest, middle, oldest = ([4, 5, 6], False, True), ([1, 2, 3], True, True), ([0], True, False)
    assert [newest, middle, oldest] == await turns((3,), "prevPage", "prevPage")
    assert [newest, middle, oldest, middle] == await turns((3,), "prevPage", "prevPage", "nextPage")
    assert [
        ([0, 1, 2], True, False),
        ([3, 4, 5], True, True),
        ([6], False, True),
        ([3, 4, 5], True, True),
    ] == await turns((3, 0, "forward"), "nextPage", "nextPage", "prevPage")
    assert [([3, 4, 5], True, True), ([6], False, True)] == await turns((3, 5), "nextPage")


async def test_an_empty_conversation_has_one_empty_page(room: Conversation) -> None:
    page = await room.getMessages(30, 0, "backwards")
    assert ([], False, False) == (page.items, page.hasNextPage, page.hasPrevPage)


async def test_media_travel_with_the_message(room: Conversation, bob: Client) -> None:
    await room.add("bob")
    file: SendMediaOptions = {"contentType": "text/plain", "filename": "f.txt", "media": b"data"}
    index = await room.prepareMessage().setBody("with media").addMedia(file).build().send()
    message = (await room.getMessages(1)).items[0]
    [media] = message.attachedMedia
    assert (0, "media", "with media") == (index, message.type, message.body)
    assert ("f.txt", "text/plain", 4, "media") == (
        media.filename,
        media.contentType,
        media.size,
        media.category,
    )
    assert f"memory://{media.sid}" == await media.getContentTemporaryUrl()


async def test_a_chain_without_build_sends_nothing(room: Conversation) -> None:
    builder = room.prepareMessage()
    assert builder is await builder
    assert [] == (await room.getMessages()).items


async def test_an_edit_tells_what_changed_to_both_sides(
    room: Conversation, alice: Client, bob: Client
) -> None:
    await add_bob(room)
    at_bob = Journal(bob, ["messageUpdated"])
    await room.sendMessage("before")
    await settle()
    message = (await room.getMessages()).items[0]
    at_alice = Journal(alice)
    assert message is await message.updateBody("after")
    assert ["messageUpdated:body+lastUpdatedBy+dateUpdated"] == await at_alice.settled() == at_bob.read()
    assert ("after", "alice") == (message.body, message.lastUpdatedBy)


async def test_the_read_horizon_and_the_count_of_unread_messages(room: Conversation, bob: Client) -> None:
    await add_bob(room)
    theirs = await bob.getConversationBySid(room.sid)
    assert (None, 0) == (await theirs.getUnreadMessagesCount(), await theirs.setAllMessagesRead())
    assert (None, None) == (await theirs.getUnreadMessagesCount(), theirs.lastReadMessageIndex)
    for number in range(7):
        await room.sendMessage(str(number))
    assert None is await theirs.getUnreadMessagesCount()
    assert 0 == await theirs.setAllMessagesRead()
    assert (0, 6) == (await theirs.getUnreadMessagesCount(), theirs.lastReadMessageIndex)
    assert (0, 6) == (await theirs.advanceLastReadMessageIndex(2), theirs.lastReadMessageIndex)
    assert (4, 2) == (await theirs.updateLastReadMessageIndex(2), theirs.lastReadMessageIndex)
    assert (None, None) == (await theirs.setAllMessagesUnread(), theirs.lastReadMessageIndex)
    assert None is await theirs.getUnreadMessagesCount()
    assert (7, 2) == (await theirs.getMessagesCount(), await theirs.getParticipantsCount())


async def test_reading_is_told_to_oneself_and_to_everybody(
    room: Conversation, alice: Client, bob: Client
) -> None:
    await add_bob(room)
    theirs = await bob.getConversationBySid(room.sid)
    await room.sendMessage("hello")
    await room.getParticipants()
    await theirs.getParticipants()
    events = ["conversationUpdated", "participantUpdated"]
    await settle()
    at_alice, at_bob = Journal(alice, events), Journal(bob, events)
    await theirs.advanceLastReadMessageIndex(0)
    assert ["conversationUpdated:lastReadMessageIndex"] == at_bob.read(), "told when the call returns"
    others = ["participantUpdated:lastReadMessageIndex+lastReadTimestamp"]
    assert (others, others) == (await at_bob.settled(), at_alice.read())


async def test_typing_is_told_to_the_others_at_each_notice(
    room: Conversation, alice: Client, bob: Client
) -> None:
    await add_bob(room)
    theirs = await bob.getConversationBySid(room.sid)
    at_alice, at_bob = Journal(alice), Journal(bob)
    await theirs.typing()
    await theirs.typing()
    assert (["typingStarted:bob"], []) == (await at_alice.settled(), at_bob.read())
    assert (await room.getParticipantByIdentity("bob")).isTyping
    await theirs.sendMessage("typed")
    assert ["typingEnded:bob", "messageAdded:typed", "conversationUpdated:lastMessage"] == (
        await at_alice.settled()
    )
    assert not (await room.getParticipantByIdentity("bob")).isTyping


async def test_three_updates_are_three_events_on_both_sides(
    room: Conversation, alice: Client, bob: Client
) -> None:
    await add_bob(room)
    at_alice, at_bob = Journal(alice), Journal(bob)
    assert room is await room.updateAttributes({"y": 2})
    assert room is await room.updateFriendlyName("New")
    assert room is await room.updateUniqueName(None)
    expected = [
        "conversationUpdated:attributes+dateUpdated",
        "conversationUpdated:friendlyName+dateUpdated",
        "conversationUpdated:uniqueName+dateUpdated",
    ]
    assert expected == at_alice.read(), "each is told when its call returns"
    assert ([], expected) == (await at_alice.settled(), at_bob.read())
    assert ({"y": 2}, "New", None) == (room.attributes, room.friendlyName, room.uniqueName)
    assert {"y": 2} == await room.getAttributes()


async def test_a_changed_user_is_told_and_seen_by_who_asks(alice: Client, bob: Client) -> None:
    at_bob = Journal(bob)
    assert bob.user is await bob.user.updateFriendlyName("Bobby")
    assert ["userUpdated:friendlyName"] == await at_bob.settled()
    at_alice = Journal(alice)
    user = await alice.getUser("bob")
    assert ("bob", "Bobby", True, None) == (
        user.identity,
        user.friendlyName,
        user.isSubscribed,
        user.isOnline,
    )
    assert ["userUpdated:friendlyName", "userSubscribed:bob"] == at_alice.read()


async def test_participants_are_listed_in_the_order_they_came(room: Conversation) -> None:
    await room.add("bob")
    assert [("alice", "chat", None, False), ("bob", "chat", None, False)] == [
        (each.identity, each.type, each.lastReadMessageIndex, each.isTyping)
        for each in await room.getParticipants()
    ]


async def test_updating_the_token_returns_the_client(service: MemoryService, alice: Client) -> None:
    assert alice is await alice.updateToken(service.token("alice"))


async def test_leaving_tells_the_others_and_unwinds_at_the_leaver(
    room: Conversation, alice: Client, bob: Client
) -> None:
    await add_bob(room)
    theirs = await bob.getConversationBySid(room.sid)
    at_alice, at_bob = Journal(alice), Journal(bob)
    await theirs.leave()
    expected = ["participantLeft:bob", "conversationLeft:Room", "conversationRemoved:Room"]
    assert expected == at_bob.read()
    assert [] == await at_bob.settled()
    assert ["participantLeft:bob"] == at_alice.read()
    assert "notParticipating" == theirs.status


async def test_being_removed_looks_like_leaving(room: Conversation, alice: Client, bob: Client) -> None:
    await add_bob(room)
    theirs = await bob.getConversationBySid(room.sid)
    at_alice, at_bob = Journal(alice), Journal(bob)
    await room.removeParticipant("bob")
    assert ["participantLeft:bob"] == await at_alice.settled()
    assert ["participantLeft:bob", "conversationLeft:Room", "conversationRemoved:Room"] == at_bob.read()
    assert "notParticipating" == theirs.status


async def test_leaving_without_being_in_does_nothing(service: MemoryService, alice: Client) -> None:
    room = await alice.createConversation(friendlyName="Room")
    calls = len(service.calls)
    assert room is await room.leave()
    assert calls == len(service.calls)


async def test_being_added_again_is_told_again_on_the_same_object(room: Conversation, bob: Client) -> None:
    await add_bob(room)
    theirs = await bob.getConversationBySid(room.sid)
    await room.removeParticipant("bob")
    journal = Journal(bob)
    await journal.settled()
    await room.add("bob")
    assert ["conversationAdded:Room", "conversationJoined:Room"] == await journal.settled()
    assert theirs is await bob.getConversationBySid(room.sid)


async def test_deleting_takes_it_from_every_member(room: Conversation, alice: Client, bob: Client) -> None:
    await add_bob(room)
    at_alice, at_bob = Journal(alice), Journal(bob)
    await room.delete()
    expected = ["conversationLeft:Room", "conversationRemoved:Room"]
    assert expected == at_alice.read()
    assert [] == await at_alice.settled()
    assert expected == at_bob.read()


async def test_what_one_is_in_at_the_start_is_told_after_initialized(
    room: Conversation, service: MemoryService
) -> None:
    client = Client(service.token("alice"), {"backend": MemoryBackend(service)})
    journal = Journal(
        client, ["initialized", "conversationAdded", "conversationJoined", "conversationUpdated"]
    )
    async with client:
        expected = ["initialized", "conversationAdded:Room", "conversationJoined:Room"]
        assert expected == await journal.settled()


async def test_an_unknown_conversation_is_not_found(alice: Client) -> None:
    with pytest.raises(NotFoundError) as caught:
        await alice.getConversationBySid("CHnope")
    assert ("Not Found", 50350) == (caught.value.message, caught.value.body["code"])


async def test_shutting_down_tells_both_steps(service: MemoryService, sign_in: SignIn) -> None:
    client = await sign_in("alice")
    journal = Journal(client)
    await client.shutdown()
    expected = ["connectionStateChanged:disconnecting", "connectionStateChanged:disconnected"]
    assert expected == journal.read()
    assert ("disconnected", 0) == (client.connectionState, service.listeners("alice"))
