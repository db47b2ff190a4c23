"""Message lists, optimistic messages, reactions, files, typing and users."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.idioms.support import until
from twilio_compat import Client, Conversation, Message, Participant


async def test_a_list_appends_what_comes(room: Conversation, bobs_room: Conversation) -> None:
    shown = (await bobs_room.getMessages()).items
    bobs_room.on("messageAdded", shown.append)
    for body in ("one", "two"):
        await room.sendMessage(body)
    await until(lambda: len(shown) == 2)
    assert [(0, "one"), (1, "two")] == [(each.index, each.body) for each in shown]


async def test_a_list_that_shows_an_old_page_does_not_append(
    room: Conversation, bobs_room: Conversation
) -> None:
    for number in range(6):
        await room.sendMessage(str(number))
    page = await bobs_room.getMessages(3, 2)
    shown, heard = list(page.items), list[Message]()

    def on_message(message: Message) -> None:
        heard.append(message)
        if not page.hasNextPage:
            shown.append(message)

    bobs_room.on("messageAdded", on_message)
    await room.sendMessage("6")
    await until(lambda: heard)
    assert ["0", "1", "2"] == [each.body for each in shown]


async def test_an_optimistic_message_is_replaced_when_the_real_one_comes(room: Conversation) -> None:
    shown: list[dict[str, Any]] = [{"index": -1, "body": "hello"}]

    def on_message(message: Message) -> None:
        shown[:] = [each for each in shown if not (each["index"] == -1 and each["body"] == message.body)]
        shown.append({"index": message.index, "body": message.body})

    room.on("messageAdded", on_message)
    await room.sendMessage("hello")
    await until(lambda: shown[0]["index"] != -1)
    assert [{"index": 0, "body": "hello"}] == shown


async def test_ones_own_messages_are_told_by_the_author(
    alice: Client, room: Conversation, bobs_room: Conversation
) -> None:
    await room.sendMessage("mine")
    await bobs_room.sendMessage("theirs")
    page = await room.getMessages()
    assert [True, False] == [each.author == alice.user.identity for each in page.items]


async def test_the_name_beside_a_message_is_that_of_the_participant(
    room: Conversation, bobs_room: Conversation
) -> None:
    await bobs_room.sendMessage("hello")
    [message] = (await room.getMessages()).items
    by_sid = {each.sid: each for each in await room.getParticipants()}
    assert message.participantSid is not None
    assert "bob" == by_sid[message.participantSid].identity


async def test_reactions_are_kept_in_the_attributes_of_the_message(
    room: Conversation, bobs_room: Conversation
) -> None:
    changed: list[Any] = []
    bobs_room.on("messageUpdated", lambda change: changed.append(change["message"].attributes))
    await room.sendMessage("hello")
    await until(lambda: bobs_room.lastMessage is not None)
    [message] = (await room.getMessages()).items
    attributes = message.attributes if isinstance(message.attributes, dict) else {}
    await message.updateAttributes({**attributes, "reactions": {"heart": ["alice"]}})
    await until(lambda: changed)
    assert [{"reactions": {"heart": ["alice"]}}] == changed


async def test_attributes_may_be_json_in_a_string(room: Conversation) -> None:
    await room.add("carol", json.dumps({"name": "Carol"}))
    carol = await room.getParticipantByIdentity("carol")
    assert isinstance(carol.attributes, str)
    assert {"name": "Carol"} == json.loads(carol.attributes)


async def test_a_file_is_sent_and_shown_by_its_url(room: Conversation, bobs_room: Conversation) -> None:
    await room.sendMessage({"contentType": "image/png", "filename": "cat.png", "media": b"\x89PNG"})
    [message] = (await bobs_room.getMessages()).items
    media = message.attachedMedia[0]
    url = await media.getContentTemporaryUrl()
    assert url is not None
    async with httpx.AsyncClient(trust_env=False) as http:
        assert b"\x89PNG" == (await http.get(url)).content
    assert ("image/png", "cat.png", 4, "") == (
        media.contentType,
        media.filename,
        media.size,
        message.body or "",
    )


async def test_a_line_says_who_is_typing(room: Conversation, bobs_room: Conversation) -> None:
    typing: list[str] = []

    def started(participant: Participant) -> None:
        typing.append(f"{participant.identity} is typing")

    room.on("typingStarted", started)
    room.on("typingEnded", lambda participant: typing.append(f"{participant.identity} is done"))
    await bobs_room.typing()
    await until(lambda: typing)
    await bobs_room.sendMessage("hello")
    await until(lambda: len(typing) > 1)
    assert ["bob is typing", "bob is done"] == typing


async def test_typing_on_every_key_press_is_cheap(room: Conversation, bobs_room: Conversation) -> None:
    typing: list[Participant] = []
    room.on("typingStarted", typing.append)
    for _ in range(20):
        await bobs_room.typing()
    await bobs_room.sendMessage("hello")
    await until(lambda: room.lastMessage is not None)
    assert 1 == len(typing)


async def test_the_member_list_is_fetched_again_when_it_changes(
    room: Conversation, bobs_room: Conversation
) -> None:
    listed: list[list[str]] = []

    async def refresh(_: Participant) -> None:
        listed.append([str(each.identity) for each in await bobs_room.getParticipants()])

    await bobs_room.getParticipants()
    bobs_room.on("participantJoined", refresh)
    bobs_room.on("participantLeft", refresh)
    await room.add("carol")
    await until(lambda: listed)
    await room.removeParticipant("carol")
    await until(lambda: len(listed) > 1)
    assert [["alice", "bob", "carol"], ["alice", "bob"]] == listed


async def test_a_user_is_looked_up_for_the_author_of_every_message(alice: Client, room: Conversation) -> None:
    await room.add("carol@example.com")
    names = [(await alice.getUser(each)).friendlyName for each in ("bob", "carol@example.com", "bob")]
    assert ["bob", "carol@example.com", "bob"] == names


async def test_a_conversation_store_is_upserted_by_sid(alice: Client, bob: Client) -> None:
    store: dict[str, Conversation] = {}
    for event in ("conversationAdded", "conversationJoined"):
        bob.on(event, lambda conversation: store.__setitem__(conversation.sid, conversation))
    bob.on(
        "conversationUpdated",
        lambda change: store.__setitem__(change["conversation"].sid, change["conversation"]),
    )
    bob.on("conversationRemoved", lambda conversation: store.pop(conversation.sid, None))
    room = await alice.createConversation(friendlyName="Room")
    await room.add("bob")
    await until(lambda: store)
    await room.updateFriendlyName("Hall")
    await until(lambda: store[room.sid].friendlyName == "Hall")
    await room.removeParticipant("bob")
    await until(lambda: not store)


async def test_a_flag_that_was_kept_as_a_number_is_told_when_it_becomes_one(
    alice: Client, room: Conversation, bob: Client, bobs_room: Conversation
) -> None:
    """For Python, true is 1; for everybody's JSON it is not."""
    await room.sendMessage("hello", {"pinned": 0})
    pinned = {
        "message": ((await room.getMessages()).items[0], (await bobs_room.getMessages()).items[0]),
        "participant": (
            await room.getParticipantByIdentity("alice"),
            await bobs_room.getParticipantByIdentity("alice"),
        ),
        "user": (alice.user, await bob.getUser("alice")),
        "conversation": (room, bobs_room),
    }
    told: list[str] = []
    for name, (ours, theirs) in pinned.items():
        await ours.updateAttributes({"pinned": 0})
        await until(lambda theirs=theirs: theirs.attributes == {"pinned": 0})
        theirs.on(
            "updated", lambda change, name=name: "attributes" in change["updateReasons"] and told.append(name)
        )
        await ours.updateAttributes({"pinned": False})
        await until(lambda name=name: name in told)
        assert all(each.attributes["pinned"] is False for each in (ours, theirs))
