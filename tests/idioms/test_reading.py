"""Read ticks, unread counters, and when applications say that something was read."""

from __future__ import annotations

from tests.idioms.support import until
from twilio_compat import Conversation, Message


async def test_a_tick_turns_blue_when_everyone_else_has_read_just_that_message(
    room: Conversation, bobs_room: Conversation
) -> None:
    ticked: list[int] = []

    async def on_participant_updated(_: object) -> None:
        others = [each for each in await room.getParticipants() if each.identity != "alice"]
        ticked.extend(each.lastReadMessageIndex for each in others if each.lastReadMessageIndex is not None)

    room.on("participantUpdated", on_participant_updated)
    index = await room.sendMessage("Have you seen this?")
    await until(lambda: bobs_room.lastMessage is not None)
    await bobs_room.setAllMessagesRead()
    await until(lambda: ticked)
    assert [index] == ticked


async def test_an_open_conversation_is_read_as_messages_come(
    room: Conversation, bobs_room: Conversation
) -> None:
    counts: list[int | None] = []

    async def on_message(message: Message) -> None:
        await bobs_room.advanceLastReadMessageIndex(message.index)
        counts.append(await bobs_room.getUnreadMessagesCount())

    bobs_room.on("messageAdded", on_message)
    await room.sendMessage("one")
    await until(lambda: counts)
    assert [0] == counts
    assert 0 == bobs_room.lastReadMessageIndex


async def test_a_closed_one_counts_the_messages_of_others(
    room: Conversation, bobs_room: Conversation
) -> None:
    unread = {"count": 0}

    def on_message(message: Message) -> None:
        if message.author != "bob":
            unread["count"] += 1

    bobs_room.on("messageAdded", on_message)
    await bobs_room.sendMessage("mine")
    for number in range(3):
        await room.sendMessage(str(number))
    await until(lambda: bobs_room.lastMessage and bobs_room.lastMessage["index"] == 3)
    assert {"count": 3} == unread


async def test_unread_is_the_last_index_less_the_last_one_read(
    room: Conversation, bobs_room: Conversation
) -> None:
    for number in range(5):
        await room.sendMessage(str(number))
    await until(lambda: bobs_room.lastMessage and bobs_room.lastMessage["index"] == 4)
    await bobs_room.updateLastReadMessageIndex(1)
    await until(lambda: bobs_room.lastReadMessageIndex == 1)
    assert bobs_room.lastMessage is not None
    by_arithmetic = bobs_room.lastMessage["index"] - (bobs_room.lastReadMessageIndex or 0)
    assert 3 == by_arithmetic == await bobs_room.getUnreadMessagesCount()


async def test_a_badge_shows_nothing_where_no_horizon_was_ever_set(bobs_room: Conversation) -> None:
    await bobs_room.sendMessage("hello")
    assert 0 == (await bobs_room.getUnreadMessagesCount() or 0)


async def test_webchat_reads_all_only_where_something_is_unread(
    room: Conversation, bobs_room: Conversation
) -> None:
    async def on_open() -> bool:
        last = bobs_room.lastMessage
        if last is not None and bobs_room.lastReadMessageIndex != last["index"]:
            await bobs_room.setAllMessagesRead()
            return True
        return False

    await room.sendMessage("hello")
    await until(lambda: bobs_room.lastMessage is not None)
    assert await on_open()
    await until(lambda: bobs_room.lastReadMessageIndex == 0)
    assert not await on_open()
