"""How applications start, load what there is, and stop."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.acs_backend.deployment import twilio_token
from tests.conformance.signing_in import Desk
from tests.idioms.support import until
from twilio_compat import Client, Conversation, Message, Participant


async def test_the_ready_signal_is_state_changed(desk: Desk) -> None:
    states: list[str] = []
    client = desk.connect("alice")
    client.on("stateChanged", states.append)
    await until(lambda: states)
    assert ["initialized"] == states


async def test_a_refused_token_shows_the_failing_branch(desk: Desk) -> None:
    states: list[str] = []
    client = Client("not a token", {"settings": desk.deployment.settings})
    client.on("stateChanged", states.append)
    await until(lambda: states)
    assert "failed" == states[0]


async def test_a_banner_follows_the_connection(desk: Desk) -> None:
    states: list[str] = []
    client = desk.connect("alice")
    client.on("connectionStateChanged", states.append)
    await until(lambda: "connected" in states)
    await client.shutdown()
    assert ["connecting", "connected", "disconnecting", "disconnected"] == states


class Store:
    """What React's demo keeps of each conversation; it fills on join."""

    def __init__(self, client: Client) -> None:
        self.participants: dict[str, list[Participant]] = {}
        self.messages: dict[str, list[Message]] = {}
        self.unread: dict[str, int] = {}
        client.on("conversationJoined", self.load)

    async def load(self, conversation: Conversation) -> None:
        if conversation.status != "joined":
            return
        page, self.participants[conversation.sid], unread = await asyncio.gather(
            conversation.getMessages(), conversation.getParticipants(), conversation.getUnreadMessagesCount()
        )
        self.messages[conversation.sid] = page.items
        self.unread[conversation.sid] = unread or 0


async def test_everything_is_loaded_in_one_burst_as_conversations_are_joined(
    desk: Desk, alice: Client
) -> None:
    for number in range(12):
        room = await (await alice.createConversation(friendlyName=str(number))).join()
        await room.add("bob")
        await room.sendMessage("welcome")
    store = Store(desk.connect("bob"))
    await until(lambda: len(store.unread) == 12)
    assert [["alice", "bob"]] * 12 == [
        [each.identity for each in each_room] for each_room in store.participants.values()
    ]
    assert [["welcome"]] * 12 == [[each.body for each in messages] for messages in store.messages.values()]


async def test_the_list_is_sorted_by_the_last_message(alice: Client) -> None:
    rooms = [await (await alice.createConversation(friendlyName=name)).join() for name in ("a", "b", "c")]
    for room in (rooms[1], rooms[2], rooms[0]):
        await room.sendMessage("hello")

    def newest(conversation: Conversation) -> Any:
        last = conversation.lastMessage
        return last["dateCreated"] if last else conversation.dateCreated

    listed = (await alice.getSubscribedConversations()).items
    assert ["a", "c", "b"] == [each.friendlyName for each in sorted(listed, key=newest, reverse=True)]


async def test_every_page_of_the_list_is_asked_for(alice: Client) -> None:
    await (await alice.createConversation(friendlyName="Room")).join()
    page = await alice.getSubscribedConversations()
    found = page.items
    while page.hasNextPage:
        page = await page.nextPage()
        found += page.items
    assert ["Room"] == [each.friendlyName for each in found]


async def test_a_title_falls_back_to_the_unique_name_and_the_sid(alice: Client) -> None:
    named = await alice.createConversation({"uniqueName": "general"})
    bare = await alice.createConversation()
    titles = [each.friendlyName or each.uniqueName or each.sid for each in (named, bare)]
    assert ["general", bare.sid] == titles


async def test_a_view_that_closes_takes_its_listeners_with_it(
    room: Conversation, bobs_room: Conversation
) -> None:
    rendered: list[Message] = []
    later: list[Message] = []
    bobs_room.on("messageAdded", rendered.append)
    bobs_room.off("messageAdded", rendered.append)
    bobs_room.on("messageAdded", later.append)
    await room.sendMessage("hello")
    await until(lambda: later)
    assert [] == rendered


async def test_an_app_that_restarts_drops_all_listeners_and_makes_a_new_client(
    desk: Desk, room: Conversation
) -> None:
    first, second = desk.connect("bob"), desk.connect("bob")
    old: list[Message] = []
    new: list[Message] = []
    first.on("messageAdded", old.append)
    first.removeAllListeners()
    second.on("messageAdded", new.append)
    await second.getSubscribedConversations()
    await room.sendMessage("hello")
    await until(lambda: new)
    assert (0, ["hello"]) == (len(old), [each.body for each in new])


async def test_a_token_is_renewed_when_it_is_about_to_expire(desk: Desk) -> None:
    client = Client(twilio_token("alice", ttl=60), {"settings": desk.deployment.settings})
    renewed: list[Client] = []

    @client.on("tokenAboutToExpire")
    async def renew() -> None:
        renewed.append(await client.updateToken(twilio_token("alice")))

    await until(lambda: renewed)
    assert [client] == renewed
    await client.shutdown()
