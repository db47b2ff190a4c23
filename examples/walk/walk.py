"""The walk itself: each Twilio snippet of the guide, in Python, with two users.

The order and the sections are the guide's. Alice starts the conversation, Bob is added to it; what they did is
read back at the end with Microsoft's own SDK.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from examples.walk.steps import Steps
from twilio_compat import Client, Conversation, Message, SendMediaOptions
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.settings import Settings

PATIENCE = 10.0
"""Seconds an event may take before the walk gives up on it."""

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><circle cx="4" cy="4" r="4"/></svg>'


@dataclass(frozen=True)
class Outcome:
    """What the walk leaves behind, for the reading back."""

    conversation_sid: str
    text_index: int
    media_index: int


def twilio_token(settings: Settings, identity: str) -> str:
    """Return a Twilio access token for *identity*, as an application's back end makes it."""
    key = settings.need("twilio_api_key", "to make access tokens")
    secret = settings.need("twilio_api_secret", "to make access tokens")
    token = AccessToken("AC" + "0" * 32, key, secret, identity=identity)
    token.add_grant(ChatGrant(service_sid="IS" + "0" * 32))
    return str(token.to_jwt())


async def walk(settings: Settings, steps: Steps) -> Outcome:
    """Go through the guide; raises `WalkEndedError` at the first step that does not hold."""
    alice = await _initialize(settings, steps, "alice")
    bob = await _initialize(settings, steps, "bob")
    try:
        conversation = await _start_conversation(steps, alice)
        bobs = await _add_participant(steps, conversation, bob)
        text_index = await _send_text(steps, conversation, bobs)
        media_index = await _send_media(steps, conversation)
        await _receive_text(steps, bobs)
        await _receive_media(steps, bobs, media_index)
        await _connection_status(steps, bob)
    finally:
        await bob.shutdown()
        await alice.shutdown()
    return Outcome(conversation.sid, text_index, media_index)


async def _initialize(settings: Settings, steps: Steps, identity: str) -> Client:
    code = "client = new Client(token); client.on('stateChanged', ...)"
    async with steps.step("Initialize the chat client", code) as step:
        states: list[str] = []
        client = Client(twilio_token(settings, identity), {"settings": settings})
        initialized = _next(client, "initialized")
        client.on("stateChanged", states.append)
        await asyncio.wait_for(initialized, PATIENCE)
        step.expect("stateChanged", states, ["initialized"])
        step.result = f"stateChanged: {states[0]}; this is {client.user.identity}"
    return client


async def _start_conversation(steps: Steps, alice: Client) -> Conversation:
    code = 'conversation = await client.createConversation({friendlyName: "Testing Chat"})'
    async with steps.step("Start a chat thread", code) as step:
        conversation = await alice.createConversation({"friendlyName": "Testing Chat"})
        step.expect("friendlyName", conversation.friendlyName, "Testing Chat")
        step.expect("status", conversation.status, "notParticipating")
        step.result = f"{conversation.sid}, {conversation.status}: its creator is not a participant yet"
    async with steps.step("Start a chat thread", "await conversation.join()") as step:
        await conversation.join()
        step.expect("status", conversation.status, "joined")
        step.result = conversation.status
    async with steps.step("Get a chat thread client", "await client.getConversationBySid(sid)") as step:
        found = await alice.getConversationBySid(conversation.sid)
        step.expect("the conversation", found, conversation)
        step.result = f"the same conversation: {found.friendlyName}"
    return conversation


async def _add_participant(steps: Steps, conversation: Conversation, bob: Client) -> Conversation:
    code = "await conversation.add('bob'); conversation.on('participantJoined', ...)"
    async with steps.step("Add a user as a participant", code) as step:
        noticed, added = _next(conversation, "participantJoined"), _next(bob, "conversationJoined")
        await conversation.add("bob")
        participant = await asyncio.wait_for(noticed, PATIENCE)
        step.expect("participantJoined", participant.identity, "bob")
        bobs: Conversation = await asyncio.wait_for(added, PATIENCE)
        identities = [each.identity for each in await conversation.getParticipants()]
        step.expect("participants", identities, ["alice", "bob"])
        step.result = (
            f"participantJoined: {participant.identity}; participants: {', '.join(map(str, identities))}"
        )
    return bobs


async def _send_text(steps: Steps, conversation: Conversation, bobs: Conversation) -> int:
    code = "await conversation.prepareMessage().setBody('Hello!').setAttributes({foo: 'bar'}).build().send()"
    async with steps.step("Send a message: text", code) as step:
        received = _next(bobs, "messageAdded")
        index = (
            await conversation.prepareMessage().setBody("Hello!").setAttributes({"foo": "bar"}).build().send()
        )
        message: Message = await asyncio.wait_for(received, PATIENCE)
        step.expect("messageAdded", (message.body, message.attributes), ("Hello!", {"foo": "bar"}))
        step.expect("author", message.author, "alice")
        step.result = f"index {index}; Bob: messageAdded {message.body!r} {message.attributes}"
    return int(index)


async def _send_media(steps: Steps, conversation: Conversation) -> int:
    media: SendMediaOptions = {"contentType": "image/svg+xml", "filename": "logo.svg", "media": LOGO}
    await _media_as_published(steps, conversation, media)
    code = (
        "await conversation.prepareMessage().setBody('Here is some media!').addMedia(options).build().send()"
    )
    async with steps.step("Send a message: media, sent", code) as step:
        index = (
            await conversation.prepareMessage().setBody("Here is some media!").addMedia(media).build().send()
        )
        step.result = f"index {index}; {len(LOGO)} bytes stored, named in the message's metadata"
    return int(index)


async def _media_as_published(steps: Steps, conversation: Conversation, media: SendMediaOptions) -> None:
    code = "await conversation.prepareMessage().setBody('Here is some media!').addMedia(options)"
    async with steps.step("Send a message: media, as the guide prints it", code) as step:
        builder = conversation.prepareMessage().setBody("Here is some media!").addMedia(media)
        step.expect("what awaiting a builder gives", await builder, builder)
        step.result = "nothing is sent, as at Twilio: .build().send() is missing; the shim warns"


async def _receive_text(steps: Steps, bobs: Conversation) -> None:
    code = 'paginator = await conversation.getMessages(30, 0, "backwards")'
    async with steps.step("Receive messages: text, as the guide prints it", code) as step:
        paginator = await bobs.getMessages(30, 0, "backwards")
        step.expect("bodies", [each.body for each in paginator.items], ["Hello!"])
        step.result = "the one message up to index 0, as at Twilio: the anchor is the newest index wanted"
    async with steps.step("Receive messages: text", "paginator = await conversation.getMessages(30)") as step:
        paginator = await bobs.getMessages(30)
        bodies = [each.body for each in paginator.items]
        step.expect("bodies", bodies, ["Hello!", "Here is some media!"])
        step.result = f"{bodies}, more: {paginator.hasPrevPage}"


async def _receive_media(steps: Steps, bobs: Conversation, index: int) -> None:
    code = "media = message.attachedMedia; url = await media[0].getContentTemporaryUrl()"
    async with steps.step("Receive messages: media", code) as step:
        (message,) = (await bobs.getMessages(1, index)).items
        (media,) = message.attachedMedia
        url = await media.getContentTemporaryUrl()
        async with httpx.AsyncClient() as web:
            fetched = (await web.get(str(url))).content
        step.expect("the bytes behind the URL", fetched, LOGO)
        step.result = f"{media.filename}, {media.contentType}, {media.size} bytes; the URL serves them"


async def _connection_status(steps: Steps, bob: Client) -> None:
    code = "client.on('connectionStateChanged', ...); await client.shutdown()"
    async with steps.step("Subscribe to the connection status", code) as step:
        states: list[str] = []
        bob.on("connectionStateChanged", states.append)
        await bob.shutdown()
        step.expect("connectionStateChanged", states, ["disconnecting", "disconnected"])
        step.result = f"connectionStateChanged: {', '.join(states)}"


def _next(emitter: Client | Conversation, event: str) -> asyncio.Future[Any]:
    """Return a future for the next *event*; its result is the event's first argument."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def resolve(*details: Any) -> None:
        if not future.done():
            future.set_result(details[0] if details else None)

    emitter.once(event, resolve)
    return future
