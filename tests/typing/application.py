"""An application as mypy sees it: never run, only checked, in strict mode.

``assert_type`` pins what the public names are; a ``type: ignore`` here is a mistake that must be found, and mypy
complains where it is not one any more.
"""

# A builder may be awaited and need not be.
# mypy: disable-error-code="unused-awaitable"

from __future__ import annotations

from pathlib import Path
from typing import Literal, assert_type

from twilio_compat import (
    Client,
    ClientOptions,
    Conversation,
    CreateConversationOptions,
    JSONValue,
    LastMessage,
    Media,
    Message,
    MessageBuilder,
    MessageUpdatedEventArgs,
    Paginator,
    Participant,
    SendMediaOptions,
    Settings,
    UnsentMessage,
    User,
)


async def sign_in(token: str) -> None:
    options: ClientOptions = {"settings": Settings(), "region": "us1"}
    async with Client(token, options) as client:
        assert_type(client, Client)
    client = await Client.create(token)
    assert_type(client, Client)
    assert_type(client.user, User)
    assert_type(await client.updateToken(token), Client)
    Client(5)  # type: ignore[arg-type]  # a token is text
    Client(token, {"settings": "production"})  # type: ignore[arg-type]  # settings are an object


async def listen(client: Client) -> None:
    def on_message(message: Message) -> None: ...

    async def on_update(change: MessageUpdatedEventArgs) -> None: ...

    assert_type(client.on("messageAdded", on_message).on(Client.messageUpdated, on_update), Client)

    @client.on("participantJoined")
    async def joined(participant: Participant) -> int:
        return 1

    participant: Participant = await Conversation.getParticipantBySid(
        await client.getConversationBySid("CH"), "MB"
    )
    assert_type(await joined(participant), int)


async def conversations(client: Client) -> Conversation:
    options: CreateConversationOptions = {"friendlyName": "Testing Chat", "attributes": {"a": [1, None]}}
    conversation = await client.createConversation(options)
    assert_type(conversation, Conversation)
    assert_type(await client.createConversation(friendlyName="Testing Chat"), Conversation)
    assert_type(await client.getSubscribedConversations(), Paginator[Conversation])
    assert_type(await conversation.join(), Conversation)
    assert_type(conversation.status, Literal["joined", "notParticipating"])
    assert_type(conversation.attributes, JSONValue)
    assert_type(conversation.lastMessage, LastMessage | None)
    assert_type((await conversation.add("bob"))["identity"], str)
    assert_type(await conversation.getParticipants(), list[Participant])
    await client.createConversation(friendly_name="x")  # type: ignore[call-arg]  # the names are Twilio's
    return conversation


async def messages(conversation: Conversation) -> None:
    file: SendMediaOptions = {
        "contentType": "image/svg+xml",
        "media": Path("logo.svg"),
        "filename": "logo.svg",
    }
    builder = conversation.prepareMessage().setBody("Hello!").setAttributes({"foo": "bar"}).addMedia(file)
    assert_type(builder, MessageBuilder)
    assert_type(await builder, MessageBuilder)
    assert_type(builder.build(), UnsentMessage)
    assert_type(await builder.build().send(), int)
    assert_type(await conversation.sendMessage("Hello!"), int)
    page = await conversation.getMessages(30, 0, "backwards")
    assert_type(page, Paginator[Message])
    assert_type(page.items[0].attachedMedia, list[Media])
    assert_type(await page.items[0].attachedMedia[0].getContentTemporaryUrl(), str)
    await conversation.getMessages(30, 0, "sideways")  # type: ignore[arg-type]  # there are two directions
    await conversation.sendMessage(5)  # type: ignore[arg-type]  # neither text nor a file
