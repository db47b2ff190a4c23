"""What a conversation shows: changes by this client and by others, told once and in order, however late the news."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.journal import Journal, settle
from tests.support.memory_backend import MemoryBackend, MemoryConversations, MemoryService
from twilio_compat import Client, Conversation, events
from twilio_compat.errors import ConflictError, NotFoundError, ServiceUnavailableError, TranslationGapError
from twilio_compat.records import UNCHANGED, Actor, ConversationChanges, ConversationRecord

from .conftest import SignIn


@pytest.fixture
async def room(alice: Client) -> Conversation:
    """A conversation of alice's with bob in it."""
    room = await (await alice.createConversation(friendlyName="Room", uniqueName="room")).join()
    await room.add("bob")
    await settle()
    return room


async def test_ones_own_updates_are_told_once_though_the_news_are_late(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    journal = Journal(alice)
    with service.hold_news():
        await room.updateAttributes({"n": 1})
        await room.updateAttributes({"n": 2})
        assert ["conversationUpdated:attributes+dateUpdated"] * 2 == journal.read()
    assert ([], {"n": 2}) == (await journal.settled(), room.attributes)


async def test_attributes_are_what_json_makes_of_them_and_nobody_elses(
    service: MemoryService, alice: Client
) -> None:
    given: Any = {1: (2, {"x": [3]})}
    room = await (await alice.createConversation(attributes=given)).join()
    await room.add("bob", given)
    await room.sendMessage("one", given)
    await room.sendMessage("two")
    [me, bob], [sent, edited] = await room.getParticipants(), (await room.getMessages()).items
    journal = Journal(alice)
    with service.hold_news():
        for each in (room, me, alice.user, edited):
            await each.updateAttributes([given])
        given[1][1]["x"].append(4)
    news = await journal.settled()
    expected = {"1": [2, {"x": [3]}]}
    assert [expected, expected] == [sent.attributes, bob.attributes]
    assert [[expected]] * 4 == [each.attributes for each in (room, me, alice.user, edited)]
    assert [
        "conversationUpdated:attributes+dateUpdated",
        "participantUpdated:attributes+dateUpdated",
        "userUpdated:attributes",
        "messageUpdated:lastUpdatedBy+dateUpdated+attributes",
    ] == news


class SlowAttributes(MemoryConversations):
    """Answers late to a change of attributes."""

    async def update(self, actor: Actor, sid: str, changes: ConversationChanges) -> ConversationRecord:
        changed = await super().update(actor, sid, changes)
        if changes.attributes is not UNCHANGED:
            await settle()
        return changed


async def test_updates_at_once_are_told_one_by_one_as_they_were_asked(service: MemoryService) -> None:
    backend = MemoryBackend(service)
    backend.conversations = SlowAttributes(service)
    async with Client(service.token("alice"), {"backend": backend}) as alice:
        room = await (await alice.createConversation()).join()
        journal = Journal(alice)
        with service.hold_news():
            await asyncio.gather(
                room.updateAttributes({"n": 1}),
                room.updateFriendlyName("Room"),
                room.updateUniqueName("room"),
            )
        assert [
            "conversationUpdated:attributes+dateUpdated",
            "conversationUpdated:friendlyName+dateUpdated",
            "conversationUpdated:uniqueName+dateUpdated",
        ] == await journal.settled()


async def test_updates_by_two_members_leave_both_with_the_same(
    room: Conversation, alice: Client, bob: Client
) -> None:
    theirs = await bob.getConversationBySid(room.sid)
    await room.updateFriendlyName("Named")
    await theirs.updateAttributes({"by": "bob"})
    await settle()
    expected = ("Named", {"by": "bob"}, room.dateUpdated)
    for each in (room, theirs):
        assert expected == (each.friendlyName, each.attributes, each.dateUpdated)


async def test_a_name_that_is_so_already_is_not_sent(service: MemoryService, room: Conversation) -> None:
    calls = len(service.calls)
    await room.updateFriendlyName("Room")
    await room.updateUniqueName("room")
    assert calls == len(service.calls)


@pytest.mark.parametrize("nothing", [None, ""])
async def test_a_unique_name_can_be_taken_away_and_is_free_then(
    alice: Client, room: Conversation, nothing: str | None
) -> None:
    await room.updateUniqueName(nothing)
    assert room.uniqueName is None
    other = await alice.createConversation(uniqueName="room")
    with pytest.raises(ConflictError) as caught:
        await room.updateUniqueName("room")
    assert (50353, "room", None) == (caught.value.code, other.uniqueName, room.uniqueName)


async def test_a_state_set_elsewhere_is_told(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    journal = Journal(alice)
    record = service.rooms[room.sid].seen_by("alice")
    closed = replace(record.state, current="closed", date_updated=service.now())
    closed_record = replace(record, state=closed, date_updated=service.now())
    service.tell("alice", events.ConversationUpdated(conversation=closed_record))
    assert ["conversationUpdated:dateUpdated+state"] == await journal.settled()
    assert "closed" == room.state["current"]


async def test_whether_to_be_notified_is_ones_own_business(
    room: Conversation, alice: Client, bob: Client
) -> None:
    at_alice, at_bob = Journal(alice), Journal(bob)
    await room.setUserNotificationLevel("muted")
    assert ["conversationUpdated:notificationLevel"] == at_alice.read()
    assert ([], []) == (await at_alice.settled(), at_bob.read())
    assert "muted" == room.notificationLevel
    assert "default" == (await bob.getConversationBySid(room.sid)).notificationLevel


async def test_ones_other_device_hears_of_the_horizon_and_of_the_level(
    room: Conversation, sign_in: SignIn
) -> None:
    other = await sign_in("alice")
    await room.sendMessage("hello")
    theirs = await other.getConversationBySid(room.sid)
    await settle()
    journal = Journal(other, ["conversationUpdated"])
    await room.setUserNotificationLevel("muted")
    await room.advanceLastReadMessageIndex(0)
    assert [
        "conversationUpdated:notificationLevel",
        "conversationUpdated:lastReadMessageIndex",
    ] == await journal.settled()
    assert ("muted", 0) == (theirs.notificationLevel, theirs.lastReadMessageIndex)


async def test_an_outdated_report_does_not_take_a_horizon_back(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    for number in range(3):
        await room.sendMessage(str(number))
    await settle()
    outdated = service.rooms[room.sid].seen_by("alice")
    journal = Journal(alice, ["conversationUpdated"])
    with service.hold_news():
        await room.updateLastReadMessageIndex(1)
        await room.updateLastReadMessageIndex(2)
        alice._conversations.apply(events.ConversationUpdated(conversation=outdated))
        assert 2 == room.lastReadMessageIndex
    assert ["conversationUpdated:lastReadMessageIndex"] * 2 == await journal.settled()
    assert 2 == room.lastReadMessageIndex


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["one", "other"]), st.sampled_from([None, 0, 1, 2, "default", "muted"])),
        max_size=8,
    ),
    held=st.booleans(),
)
async def test_two_devices_of_a_user_come_to_show_what_the_service_has(
    steps: list[tuple[str, int | str | None]], held: bool
) -> None:
    service = MemoryService()
    devices = {
        name: await Client.create(service.token("alice"), {"backend": MemoryBackend(service)})
        for name in ("one", "other")
    }
    made = await (await devices["one"].createConversation(friendlyName="Room")).join()
    await settle()
    rooms = {name: await each.getConversationBySid(made.sid) for name, each in devices.items()}

    async def walk() -> None:
        for device, value in steps:
            if isinstance(value, str):
                await rooms[device].setUserNotificationLevel(value)  # type: ignore[arg-type]  # one of the two
            else:
                await rooms[device].updateLastReadMessageIndex(value)

    if held:
        with service.hold_news():
            await walk()
    else:
        await walk()
    await settle()
    expected = service.rooms[made.sid].seen_by("alice")
    for each in rooms.values():
        assert (expected.last_read_message_index, expected.notification_level) == (
            each.lastReadMessageIndex,
            each.notificationLevel,
        )
    for client in devices.values():
        await client.shutdown()


Step = tuple[str, str, str]
"""Who does it, to what, and the new value."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["alice", "bob"]),
        st.sampled_from(["friendlyName", "uniqueName", "attributes", "member", "user"]),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=8,
)


async def change(client: Client, room: Conversation, what: str, value: str) -> None:
    """Change something; a member is always bob, and a user the client's own."""
    match what:
        case "friendlyName":
            await room.updateFriendlyName(value)
        case "uniqueName":
            await room.updateUniqueName(value)
        case "attributes":
            await room.updateAttributes(value)
        case "member":
            await (await room.getParticipantByIdentity("bob")).updateAttributes(value)
        case _:
            await client.user.updateAttributes(value)


@given(steps=STEPS, held=st.booleans())
async def test_everybody_comes_to_show_what_the_service_has_and_hears_of_each_change(
    steps: list[Step], held: bool
) -> None:
    service = MemoryService()
    clients = {
        identity: await Client.create(service.token(identity), {"backend": MemoryBackend(service)})
        for identity in ("alice", "bob", "carol")
    }
    made = await (await clients["alice"].createConversation()).join()
    for identity in ("bob", "carol"):
        await made.add(identity)
        await clients["carol"].getUser(identity)
    await clients["carol"].getUser("alice")
    await settle()
    rooms = {identity: await each.getConversationBySid(made.sid) for identity, each in clients.items()}
    watching = Journal(clients["carol"])
    calls = [each for each in service.calls if each.endswith(".update")]
    with service.hold_news() if held else nullcontext():
        for who, what, value in steps:
            await change(clients[who], rooms[who], what, value)
            if not held:
                await settle()
    told = await watching.settled()
    done = [each for each in service.calls if each.endswith(".update")][len(calls) :]
    expected = service.rooms[made.sid].seen_by("alice")
    for room in rooms.values():
        shown = (room.friendlyName, room.uniqueName, room.attributes, room.dateUpdated)
        assert (
            expected.friendly_name,
            expected.unique_name,
            expected.attributes,
            expected.date_updated,
        ) == shown
        member = await room.getParticipantByIdentity("bob")
        assert service.rooms[made.sid].members["bob"].attributes == member.attributes
    for user in await clients["carol"].getSubscribedUsers():
        assert service.user(user.identity).attributes == user.attributes
    of_users = [each for each in told if each.startswith("userUpdated")]
    assert done.count("users.update") >= len(of_users), "the same value again is no news"
    assert len(done) - done.count("users.update") == len(told) - len(of_users), "each change is told once"
    for client in clients.values():
        await client.shutdown()


async def test_a_horizon_only_moves_on_by_advancing(room: Conversation) -> None:
    for number in range(4):
        await room.sendMessage(str(number))
    assert [3, 1, 1, 0] == [await room.advanceLastReadMessageIndex(index) for index in (0, 2, 1, 3)]
    assert 3 == room.lastReadMessageIndex


async def test_who_is_no_member_has_no_unread_messages(alice: Client) -> None:
    room = await alice.createConversation(friendlyName="Room")
    with pytest.raises(NotFoundError, match=r"^Conversation was not found in the user conversations list"):
        await room.getUnreadMessagesCount()


async def test_a_deleted_conversation_has_no_messages_to_get(room: Conversation) -> None:
    await room.delete()
    with pytest.raises(NotFoundError, match=r"^Conversation not found"):
        await room.getMessages()


async def test_the_object_hears_that_it_was_removed_after_the_client(
    room: Conversation, alice: Client
) -> None:
    heard: list[str] = []
    alice.on("conversationRemoved", lambda _: heard.append("client"))
    room.on("removed", lambda _: heard.append("conversation"))
    await room.delete()
    assert ["client", "conversation"] == heard


async def test_the_limits_of_a_message_are_told(room: Conversation) -> None:
    assert {
        "mediaAttachmentsCountLimit": 10,
        "mediaAttachmentSizeLimitInMb": 150,
        "mediaAttachmentsTotalSizeLimitInMb": 150,
        "emailHistoriesAllowedContentTypes": ["text/plain", "text/html"],
        "emailBodiesAllowedContentTypes": ["text/plain", "text/html"],
    } == room.limits


async def test_a_conversation_is_bound_to_no_other_channel_and_nobody_is_added_by_one(
    room: Conversation,
) -> None:
    assert {} == room.bindings
    with pytest.raises(TranslationGapError, match=r"'\+15550100' cannot be added.*add\(\)"):
        await room.addNonChatParticipant("+15550111", "+15550100")


async def test_no_message_has_recipients_of_its_own(room: Conversation) -> None:
    await room.sendMessage("hello")
    page = await room.getMessageRecipients({"pageSize": 5})
    assert ([], False, False) == (page.items, page.hasNextPage, page.hasPrevPage)


async def test_five_hundred_conversations_are_learnt_without_a_request_for_each(
    service: MemoryService, alice: Client
) -> None:
    for number in range(500):
        room = await (await alice.createConversation(friendlyName=str(number))).join()
        if number % 10 == 0:
            await room.sendMessage("hello")
    before = len(service.calls)
    async with Client(service.token("alice"), {"backend": MemoryBackend(service)}) as client:
        await settle()
        assert ["sign_in", "users.get"] == service.calls[before:]
        page = await client.getSubscribedConversations()
        assert (50, "conversations.list") == (len(page.items), service.calls[-1])


async def test_what_was_missed_in_many_conversations_is_fetched_and_one_failure_hides_no_other(
    service: MemoryService, alice: Client, bob: Client
) -> None:
    rooms = []
    for number in range(25):
        room = await (await alice.createConversation(friendlyName=str(number))).join()
        await room.add("bob")
        rooms.append(room)
    await settle()
    service.tell("bob", events.SourceRefused(error=ServiceUnavailableError("gone")))
    await settle()
    for number, room in enumerate(rooms):
        await room.sendMessage(str(number))
    service.fail_next("messages.page", ServiceUnavailableError("No route"))
    journal = Journal(bob, ["messageAdded", "connectionError"])
    await bob.updateToken(service.token("bob"))
    told = await journal.settled()
    assert (24, 1) == (
        len([each for each in told if each.startswith("messageAdded")]),
        told.count("connectionError:Connection error: No route"),
    )
