"""Members: finding them, and telling once who came and went."""

from __future__ import annotations

import pytest

from tests.support.journal import Journal, settle
from tests.support.memory_backend import MemoryService
from twilio_compat import Client, Conversation, Participant
from twilio_compat.errors import ForbiddenError, NotFoundError


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
