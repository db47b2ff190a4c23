"""Paging against a plain list, and messages announced once and in order whatever the roads they come by."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.journal import Journal, settle
from tests.support.memory_backend import EPOCH, MemoryBackend, MemoryService
from twilio_compat import Client, Conversation, Message
from twilio_compat.errors import ForbiddenError, NotFoundError
from twilio_compat.messages import Announcements
from twilio_compat.records import MessageRecord

from .conftest import SignIn


def message(index: int) -> MessageRecord:
    return MessageRecord(
        sid=f"IM{index}",
        conversation_sid="CH",
        index=index,
        author="alice",
        body=str(index),
        attributes={},
        date_created=EPOCH,
        date_updated=EPOCH,
    )


@pytest.fixture
async def room(alice: Client, bob: Client) -> Conversation:
    """A conversation with both in it."""
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await room.add("bob")
    await settle()
    return room


# Pages


def model_page(indexes: list[int], size: int, anchor: int | None, direction: str) -> list[int]:
    """Return the page Twilio documents."""
    if direction == "forward":
        return [each for each in indexes if anchor is None or each >= anchor][:size]
    return [each for each in indexes if anchor is None or each <= anchor][-size:]


@given(
    gone=st.sets(st.integers(0, 11)),
    count=st.integers(0, 12),
    size=st.integers(1, 5),
    anchor=st.none() | st.integers(0, 14),
    direction=st.sampled_from(["backwards", "forward"]),
    turns=st.lists(st.sampled_from(["nextPage", "prevPage"]), max_size=6),
)
def test_pages_agree_with_a_list_wherever_they_are_turned(
    gone: set[int], count: int, size: int, anchor: int | None, direction: str, turns: list[str]
) -> None:
    indexes = [each for each in range(count) if each not in gone]
    asyncio.run(turn_pages(indexes, count, size, anchor, direction, turns))


async def turn_pages(
    indexes: list[int], count: int, size: int, anchor: int | None, direction: str, turns: list[str]
) -> None:
    service = MemoryService()
    async with Client(service.token("alice"), {"backend": MemoryBackend(service)}) as client:
        room = await client.createConversation()
        service.rooms[room.sid].messages.extend(message(each) for each in indexes)
        page = await room.getMessages(size, anchor, direction)  # type: ignore[arg-type]  # one of the two
        expected = model_page(indexes, size, anchor, direction)
        low, high = (expected[0], expected[-1]) if expected else gap(anchor, direction)
        for turn in ["", *turns]:
            if turn == "nextPage" and page.hasNextPage:
                page, expected = await page.nextPage(), model_page(indexes, size, high + 1, "forward")
            elif turn == "prevPage" and page.hasPrevPage:
                page, expected = await page.prevPage(), model_page(indexes, size, low - 1, "backwards")
            low, high = (expected[0], expected[-1]) if expected else (low, high)
            assert expected == [each.index for each in page.items]
            assert any(each < low for each in indexes) == page.hasPrevPage
            assert any(each > high for each in indexes) == page.hasNextPage


def gap(anchor: int | None, direction: str) -> tuple[int, int]:
    """Return the bounds of an empty page."""
    place = anchor or 0
    return (place, place - 1) if direction == "forward" else (place + 1, place)


async def test_turning_past_the_ends_says_so(room: Conversation) -> None:
    page = await room.getMessages()
    with pytest.raises(Exception, match=r"^No next page$"):
        await page.nextPage()
    with pytest.raises(Exception, match=r"^No previous page$"):
        await page.prevPage()


async def test_no_arguments_and_nones_mean_the_newest_thirty(room: Conversation) -> None:
    for number in range(31):
        await room.sendMessage(str(number))
    expected = [*range(1, 31)]
    assert expected == [each.index for each in (await room.getMessages()).items]
    assert expected == [each.index for each in (await room.getMessages(None, None, None)).items]


# Announcing


@given(
    start=st.integers(0, 3),
    mine=st.lists(st.booleans(), max_size=12),
    data=st.data(),
)
def test_each_message_is_announced_once_and_in_order_whatever_comes_first(
    start: int, mine: list[bool], data: st.DataObject
) -> None:
    announcements = Announcements(start - 1 if start else None)
    indexes = [*range(start, start + len(mine))]
    reports = [("reported", index) for index in indexes]
    answers = [("sent", index) for index, own in zip(indexes, mine, strict=True) if own]
    announced: list[int] = []
    while reports or answers:  # reports in order; answers to one's own sends at any time, in any order
        if answers and (not reports or data.draw(st.booleans())):
            kind, index = answers.pop(data.draw(st.integers(0, len(answers) - 1)))
        else:
            kind, index = reports.pop(0)
        announced += [each.index for each in getattr(announcements, kind)(message(index))]
    assert indexes == announced


async def test_ones_own_message_waits_for_those_before_it(
    service: MemoryService, room: Conversation, bob: Client, alice: Client
) -> None:
    theirs = await bob.getConversationBySid(room.sid)
    journal = Journal(alice, ["messageAdded"])
    with service.hold_news():
        await theirs.sendMessage("theirs")
        await room.sendMessage("mine")
        assert [] == journal.read()
    assert ["messageAdded:theirs", "messageAdded:mine"] == await journal.settled()


async def test_messages_sent_at_once_are_announced_in_order(room: Conversation, alice: Client) -> None:
    journal = Journal(alice, ["messageAdded"])
    indexes = await asyncio.gather(*(room.sendMessage(str(number)) for number in range(20)))
    assert [*range(20)] == sorted(indexes)
    assert [f"messageAdded:{number}" for number in range(20)] == await journal.settled()


async def test_ones_own_edit_is_told_at_once_and_once(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    await room.sendMessage("before")
    [only] = (await room.getMessages()).items
    journal = Journal(alice)
    with service.hold_news():
        await only.updateAttributes({"k": 1})
        assert ["messageUpdated:lastUpdatedBy+dateUpdated+attributes"] == journal.read()
    assert [] == await journal.settled()
    assert {"k": 1} == only.attributes


async def test_an_older_state_of_a_message_does_not_undo_an_edit(room: Conversation, alice: Client) -> None:
    await room.sendMessage("before")
    [only] = (await room.getMessages()).items
    old = only._record
    await only.updateBody("after")
    room._standing.messages.updated(old)
    assert "after" == only.body


async def test_edits_of_messages_never_met_are_not_told(
    service: MemoryService, room: Conversation, sign_in: SignIn
) -> None:
    await room.sendMessage("before")
    [only] = (await room.getMessages()).items
    late = await sign_in("bob")
    journal = Journal(late)
    await journal.settled()
    await only.updateBody("after")
    await only.remove()
    assert [] == [each for each in await journal.settled() if each.startswith("message")]


async def test_a_deletion_is_told_to_both_and_the_last_message_goes_back(
    room: Conversation, alice: Client, bob: Client
) -> None:
    await room.sendMessage("first")
    await room.sendMessage("second")
    await settle()
    last = (await room.getMessages(1)).items[0]
    at_alice, at_bob = Journal(alice), Journal(bob)
    assert last is await last.remove()
    expected = ["messageRemoved:second", "conversationUpdated:lastMessage"]
    assert expected == at_alice.read()
    assert [] == await at_alice.settled()
    assert expected == at_bob.read()
    assert room.lastMessage is not None
    assert 0 == room.lastMessage["index"]


async def test_the_last_message_goes_back_past_what_the_client_has_met_once_the_source_says_so(
    room: Conversation, sign_in: SignIn
) -> None:
    for number in range(3):
        await room.sendMessage(str(number))
    newest, middle, _ = reversed((await room.getMessages()).items)
    await middle.remove()
    late = await sign_in("bob")
    await settle()
    journal = Journal(late, ["conversationUpdated"])
    theirs = await late.getConversationBySid(room.sid)
    await newest.remove()
    assert ["conversationUpdated:lastMessage"] == await journal.settled()
    assert theirs.lastMessage is not None
    assert 0 == theirs.lastMessage["index"]


async def test_after_the_only_message_is_deleted_there_is_no_last_one(room: Conversation) -> None:
    await room.sendMessage("only")
    [only] = (await room.getMessages()).items
    await only.remove()
    assert room.lastMessage is None


async def test_editing_a_message_that_is_gone_is_not_found(room: Conversation) -> None:
    await room.sendMessage("gone")
    [only] = (await room.getMessages()).items
    await only.remove()
    with pytest.raises(NotFoundError):
        await only.updateBody("after")


async def test_events_reach_the_conversation_and_the_message_itself(room: Conversation) -> None:
    heard: list[str] = []
    room.on("messageAdded", lambda added: heard.append(f"added {added.body}"))
    room.on("messageUpdated", lambda change: heard.append(f"updated {change['message'].body}"))
    room.on("updated", lambda change: heard.append("+".join(change["updateReasons"])))
    await room.sendMessage("before")
    [only] = (await room.getMessages()).items
    only.on(Message.updated, lambda change: heard.append(f"itself {change['message'].body}"))
    await only.updateBody("after")
    assert ["added before", "lastMessage", "itself after", "updated after"] == heard


async def test_there_is_one_object_per_message(room: Conversation) -> None:
    heard: list[Message] = []
    room.on("messageAdded", heard.append)
    await room.sendMessage("hello")
    assert heard == (await room.getMessages()).items == (await room.getMessages(1, 0, "forward")).items


async def test_a_message_knows_its_sender(room: Conversation) -> None:
    await room.sendMessage("hello")
    [only] = (await room.getMessages()).items
    sender = await only.getParticipant()
    assert ("alice", only.participantSid, room) == (sender.identity, sender.sid, sender.conversation)


async def test_a_sender_who_left_is_not_found(room: Conversation, bob: Client) -> None:
    await (await bob.getConversationBySid(room.sid)).sendMessage("bye")
    [only] = (await room.getMessages()).items
    await room.removeParticipant("bob")
    with pytest.raises(NotFoundError, match=r"or identity 'bob' was not found"):
        await only.getParticipant()


async def test_a_send_that_fails_is_raised_and_announces_nothing(
    service: MemoryService, room: Conversation, alice: Client
) -> None:
    service.fail_next("messages.create", ForbiddenError("Not allowed", code=50107))
    journal = Journal(alice)
    with pytest.raises(ForbiddenError):
        await room.sendMessage("hello")
    assert [] == await journal.settled()


def test_a_record_told_twice_by_the_source_is_announced_once() -> None:
    announcements = Announcements(None)
    first = announcements.reported(message(0))
    again = announcements.reported(replace(message(0), body="other"))
    assert ([0], []) == ([each.index for each in first], again)
