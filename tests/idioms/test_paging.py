"""How applications page: by paginator, by arithmetic on counts and indexes, and to the end."""

from __future__ import annotations

from twilio_compat import Conversation, Message, Paginator

PAGE = 20


async def filled(room: Conversation, count: int) -> None:
    """Send *count* messages that say their index."""
    for number in range(count):
        await room.sendMessage(str(number))


class WebChat:
    """Webchat's message list: a page is older by arithmetic on the count of messages, not by the paginator."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.messages: list[Message] = []

    async def load_first(self) -> None:
        self.messages = (await self.conversation.getMessages(PAGE)).items

    async def load_older(self) -> None:
        total = await self.conversation.getMessagesCount()
        older = await self.conversation.getMessages(PAGE, total - len(self.messages) - 1)
        self.messages = [*older.items, *self.messages]

    async def is_complete(self) -> bool:
        return len(self.messages) == await self.conversation.getMessagesCount()


async def test_webchat_gets_every_older_page_by_counting(room: Conversation) -> None:
    await filled(room, 45)
    chat = WebChat(room)
    await chat.load_first()
    while not await chat.is_complete():
        await chat.load_older()
    assert [str(number) for number in range(45)] == [each.body for each in chat.messages]


async def test_scrolling_up_prepends_the_previous_page_until_there_is_none(bobs_room: Conversation) -> None:
    await filled(bobs_room, 45)
    page = await bobs_room.getMessages(PAGE)
    shown = page.items
    while page.hasPrevPage:
        page = await page.prevPage()
        shown = [*page.items, *shown]
    assert list(range(45)) == [each.index for each in shown]


async def test_a_page_around_a_message_is_anchored_beyond_it(room: Conversation) -> None:
    await filled(room, 12)
    found = 7
    page = await room.getMessages(5, found + 2)
    assert [5, 6, 7, 8, 9] == [each.index for each in page.items]


async def test_a_search_goes_on_before_the_last_message_it_looked_at(room: Conversation) -> None:
    await filled(room, 12)
    looked_at: list[Message] = []
    page: Paginator[Message] = await room.getMessages(5)
    while page.items:
        looked_at += reversed(page.items)
        first = page.items[0].index
        if first == 0:
            break
        page = await room.getMessages(5, first - 1)
    assert list(range(11, -1, -1)) == [each.index for each in looked_at]


async def test_gaps_of_deleted_messages_do_not_stop_a_search(room: Conversation) -> None:
    await filled(room, 6)
    for message in (await room.getMessages()).items[2:4]:
        await message.remove()
    page = await room.getMessages(2, 3)
    assert [0, 1] == [each.index for each in page.items]


async def test_what_came_while_offline_is_read_forward_from_the_last_known_message(
    room: Conversation, bobs_room: Conversation
) -> None:
    await filled(room, 3)
    last_known = (await bobs_room.getMessages()).items[-1].index
    await room.sendMessage("missed")
    page = await bobs_room.getMessages(100, last_known, "forward")
    assert ["2", "missed"] == [each.body for each in page.items]


async def test_from_the_last_message_forward_there_is_just_that_one(room: Conversation) -> None:
    await filled(room, 3)
    assert room.lastMessage is not None
    page = await room.getMessages(100, room.lastMessage["index"], "forward")
    assert ([2], False, True) == ([each.index for each in page.items], page.hasNextPage, page.hasPrevPage)


async def test_the_place_of_the_last_message_tells_how_many_there_are(room: Conversation) -> None:
    await filled(room, 3)
    assert room.lastMessage is not None
    assert await room.getMessagesCount() == room.lastMessage["index"] + 1
