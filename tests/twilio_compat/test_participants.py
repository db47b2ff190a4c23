"""Members: finding them, and telling once who came and went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.journal import Journal, settle
from tests.support.memory_backend import MemoryBackend, MemoryParticipants, MemoryService
from twilio_compat import Client, Conversation, Participant, events
from twilio_compat.errors import ForbiddenError, NotFoundError, TwilioCompatError
from twilio_compat.records import Actor, ParticipantRecord


@pytest.fixture
async def room(alice: Client) -> Conversation:
    return await (await alice.createConversation(friendlyName="Room")).join()


async def test_a_member_is_found_by_sid_and_by_identity(room: Conversation) -> None:
    await room.add("bob", {"colour": "red"})
    found = await room.getParticipantByIdentity("bob")
    assert found is await room.getParticipantBySid(found.sid)
    assert ("bob", {"colour": "red"}, "chat", room) == (
        found.identity,
        found.attributes,
        found.type,
        found.conversation,
    )


async def test_nobody_by_that_name_is_not_found(room: Conversation) -> None:
    with pytest.raises(NotFoundError, match=r"^Participant with identity nobody was not found"):
        await room.getParticipantByIdentity("nobody")
    with pytest.raises(NotFoundError, match=r"^Participant with SID MBx was not found"):
        await room.getParticipantBySid("MBx")


@pytest.mark.parametrize("how", ["identity", "sid", "object", "itself"])
async def test_a_member_is_removed_by_any_name(room: Conversation, alice: Client, how: str) -> None:
    await room.add("bob")
    member = await room.getParticipantByIdentity("bob")
    journal = Journal(alice)
    match how:
        case "identity":
            await room.removeParticipant("bob")
        case "sid":
            await room.removeParticipant(member.sid)
        case "object":
            await room.removeParticipant(member)
        case _:
            await member.remove()
    assert ["participantLeft:bob"] == journal.read()
    assert [] == await journal.settled()
    assert ["alice"] == [each.identity for each in await room.getParticipants()]


async def test_removing_somebody_who_is_not_there_is_not_found(room: Conversation) -> None:
    with pytest.raises(NotFoundError) as caught:
        await room.removeParticipant("nobody")
    assert 50432 == caught.value.code


async def test_coming_and_going_is_told_once_however_slow_the_news(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    journal = Journal(alice)
    with service.hold_news():
        await room.add("bob")
        assert ["participantJoined:bob"] == journal.read()
    assert [] == await journal.settled()
    await room.removeParticipant("bob")
    await room.add("bob")
    assert ["participantLeft:bob", "participantJoined:bob"] == journal.read()


async def test_listing_members_does_not_swallow_the_news_about_them(
    service: MemoryService, room: Conversation, alice: Client, bob: Client
) -> None:
    await room.add("bob")
    theirs = await bob.getConversationBySid(room.sid)
    journal = Journal(alice)
    with service.hold_news():
        await theirs.add("carol")
        assert 3 == len(await room.getParticipants())
        assert [] == journal.read()
    assert ["participantJoined:carol"] == await journal.settled()


async def test_the_guides_order_of_calls_works(alice: Client) -> None:
    heard: list[Participant] = []
    room = await alice.createConversation({"friendlyName": "Testing Chat"})
    await room.add("identity")
    await room.join()
    room.on("participantJoined", heard.append)
    await room.add("another")
    await settle()
    assert ["another"] == [each.identity for each in heard]


async def test_adding_oneself_is_joining(alice: Client) -> None:
    room = await alice.createConversation(friendlyName="Room")
    journal = Journal(alice)
    await room.add("alice")
    assert ["conversationUpdated:lastReadMessageIndex", "conversationJoined:Room"] == await journal.settled()


async def test_attributes_may_be_any_json(room: Conversation) -> None:
    raw = await room.add("bob", '{"already": "text"}')
    assert '"{\\"already\\": \\"text\\"}"' == raw["attributes"]
    assert '{"already": "text"}' == (await room.getParticipantByIdentity("bob")).attributes


async def test_a_stranger_may_not_look_in(room: Conversation, bob: Client) -> None:
    with pytest.raises(ForbiddenError) as caught:
        await bob.getConversationBySid(room.sid)
    assert (403, 50430) == (caught.value.status, caught.value.code)


async def test_removal_is_told_on_the_conversation_itself(room: Conversation) -> None:
    heard: list[Conversation] = []
    room.on("removed", heard.append)
    await room.leave()
    assert [room] == heard


UPDATED = ["participantUpdated"]


async def test_changed_attributes_are_told_once_on_both_sides(
    room: Conversation, alice: Client, bob: Client
) -> None:
    await room.add("bob")
    await settle()
    theirs = await bob.getConversationBySid(room.sid)
    mine, his = await room.getParticipantByIdentity("bob"), await theirs.getParticipantByIdentity("bob")
    at_alice, at_bob = Journal(alice, UPDATED), Journal(bob, UPDATED)
    heard: list[object] = []
    mine.on("updated", heard.append)
    assert mine is await mine.updateAttributes({"colour": "red"})
    expected = ["participantUpdated:attributes+dateUpdated"]
    assert expected == at_alice.read(), "told when the call returns"
    assert ([], expected) == (await at_alice.settled(), at_bob.read())
    assert ({"colour": "red"}, {"colour": "red"}) == (mine.attributes, his.attributes)
    assert [{"participant": mine, "updateReasons": ["attributes", "dateUpdated"]}] == heard


async def test_an_outdated_report_changes_nothing(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    await room.add("bob")
    member = await room.getParticipantByIdentity("bob")
    journal = Journal(alice, UPDATED)
    with service.hold_news():
        await member.updateAttributes({"n": 1})
        await member.updateAttributes({"n": 2})
    assert ["participantUpdated:attributes+dateUpdated"] * 2 == await journal.settled()
    assert {"n": 2} == member.attributes


async def test_an_outdated_horizon_changes_nothing(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    await room.sendMessage("hello")
    before = service.rooms[room.sid].members["alice"]
    await room.setAllMessagesRead()
    await room.setAllMessagesUnread()
    await settle()
    journal = Journal(alice)
    earlier = replace(before, last_read_message_index=0, last_read_timestamp=before.date_updated)
    service.tell("alice", events.ParticipantUpdated(participant=earlier))
    assert ([], None) == (await journal.settled(), room.lastReadMessageIndex)


async def test_reading_the_list_does_not_swallow_what_changed(
    service: MemoryService, room: Conversation, alice: Client, bob: Client
) -> None:
    await room.add("bob")
    await room.sendMessage("hello")
    await settle()
    theirs = await bob.getConversationBySid(room.sid)
    journal = Journal(alice, UPDATED)
    with service.hold_news():
        await theirs.setAllMessagesRead()
        assert [None, 0] == [each.lastReadMessageIndex for each in await room.getParticipants()]
        assert ["participantUpdated:lastReadMessageIndex+lastReadTimestamp"] == journal.read()
    assert [] == await journal.settled()


async def test_a_change_in_a_member_not_met_before_is_told(
    room: Conversation, bob: Client, service: MemoryService
) -> None:
    await room.add("bob")
    await room.sendMessage("hello")
    await settle()
    journal = Journal(bob, UPDATED)
    await room.setAllMessagesRead()
    assert ["participantUpdated:lastReadMessageIndex+lastReadTimestamp"] == await journal.settled()
    theirs = await bob.getConversationBySid(room.sid)
    journal = Journal(bob, UPDATED)
    await (await room.getParticipantByIdentity("bob")).updateAttributes({"colour": "red"})
    assert ["participantUpdated:attributes+dateUpdated"] == await journal.settled()
    assert {"colour": "red"} == (await theirs.getParticipantByIdentity("bob")).attributes


async def test_a_role_given_elsewhere_is_told(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    member = await room.getParticipantByIdentity("alice")
    record = service.rooms[room.sid].members["alice"]
    journal = Journal(alice, UPDATED)
    promoted = replace(record, role_sid="RL" + 32 * "0", date_updated=service.now())
    service.tell("alice", events.ParticipantUpdated(participant=promoted))
    assert ["participantUpdated:dateUpdated+roleSid"] == await journal.settled()
    assert "RL" + 32 * "0" == member.roleSid


async def test_only_a_member_by_chat_has_a_user(service: MemoryService, room: Conversation) -> None:
    record = service.rooms[room.sid].members["alice"]
    by_sms = Participant(room._session, room, replace(record, type="sms"))
    with pytest.raises(
        TwilioCompatError, match=r"^Getting User is not supported for this Participant type: sms$"
    ):
        await by_sms.getUser()
    assert ({}, "sms") == (by_sms.bindings, by_sms.type)


class SlowList(MemoryParticipants):
    """Lists members as they were before the answer was on its way."""

    def __init__(self, service: MemoryService) -> None:
        super().__init__(service)
        self.answered = asyncio.Event()

    async def list(self, actor: Actor, conversation_sid: str) -> Sequence[ParticipantRecord]:
        found = await super().list(actor, conversation_sid)
        await self.answered.wait()
        return found


async def test_who_comes_or_goes_while_members_are_listed_is_not_mistaken(
    service: MemoryService, room: Conversation
) -> None:
    for identity in ("bob", "carol"):
        await room.add(identity)
    backend = MemoryBackend(service)
    backend.participants = slow = SlowList(service)
    async with Client(service.token("bob"), {"backend": backend}) as bob:
        theirs = await bob.getConversationBySid(room.sid)
        listed = asyncio.create_task(theirs.getParticipants())
        await settle()
        await room.removeParticipant("carol")
        await room.add("dave")
        await settle()
        slow.answered.set()
        assert ["alice", "bob", "dave"] == [each.identity for each in await listed]
        with pytest.raises(NotFoundError):
            await theirs.getParticipantByIdentity("carol")


async def test_members_are_counted(room: Conversation) -> None:
    await room.add("bob")
    assert 2 == await room.getParticipantsCount()


async def test_with_a_new_token_what_changed_in_members_meanwhile_is_told(
    service: MemoryService, room: Conversation, alice: Client, bob: Client
) -> None:
    await room.add("bob")
    await room.sendMessage("hello")
    await settle()
    theirs = await bob.getConversationBySid(room.sid)
    await theirs.getParticipants()
    service.tell("bob", events.SourceRefused(error=TwilioCompatError("expired")))
    await settle()
    await room.setAllMessagesRead()
    journal = Journal(bob, UPDATED)
    await bob.updateToken(service.token("bob"))
    assert ["participantUpdated:lastReadMessageIndex+lastReadTimestamp"] == await journal.settled()


async def test_with_a_new_token_those_known_before_all_were_are_not_told_as_new(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    await room.add("bob")
    await settle()
    service.tell("alice", events.SourceRefused(error=TwilioCompatError("expired")))
    await settle()
    journal = Journal(alice, ["participantLeft", "participantJoined"])
    await alice.updateToken(service.token("alice"))
    assert [] == await journal.settled()


async def test_who_is_no_member_is_told_of_members_as_they_are(alice: Client, bob: Client) -> None:
    room = await alice.createConversation(friendlyName="Room")
    await room.add("bob")
    member = await room.getParticipantByIdentity("bob")
    theirs = await bob.getConversationBySid(room.sid)
    await (await theirs.getParticipantByIdentity("bob")).updateAttributes({"colour": "red"})
    assert {"colour": "red"} == (await room.getParticipantByIdentity("bob")).attributes
    assert member is await room.getParticipantBySid(member.sid)
    await theirs.leave()
    with pytest.raises(NotFoundError):
        await room.getParticipantByIdentity("bob")
