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
    AggregatedDeliveryReceipt,
    CancellablePromise,
    ChannelMetadata,
    Client,
    ClientOptions,
    ContentData,
    ContentDataAction,
    ContentTemplate,
    ContentTemplateVariable,
    Conversation,
    ConversationBindings,
    ConversationLimits,
    ConversationUpdatedEventArgs,
    ConversationUpdateReason,
    CreateConversationOptions,
    DeliveryAmount,
    DeliveryStatus,
    DetailedDeliveryReceipt,
    EmailRecipientDescriptor,
    EmailRecipientLevel,
    JSONArray,
    JSONObject,
    JSONValue,
    LastMessage,
    Media,
    MediaCategory,
    Message,
    MessageBuilder,
    MessageType,
    MessageUpdatedEventArgs,
    MessageUpdateReason,
    NotificationLevel,
    NotificationTypes,
    Paginator,
    Participant,
    ParticipantUpdatedEventArgs,
    ParticipantUpdateReason,
    PushNotification,
    PushNotificationData,
    PushNotificationDescriptor,
    PushNotificationType,
    RecipientDescriptor,
    RestPaginator,
    SendMediaOptions,
    Settings,
    UnknownRecipientDescriptor,
    UnsentMessage,
    User,
    UserUpdatedEventArgs,
    UserUpdateReason,
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


async def standing(client: Client, conversation: Conversation) -> None:
    assert_type(await conversation.updateAttributes({"a": 1}), Conversation)
    assert_type(await conversation.updateUniqueName(None), Conversation)
    assert_type(await conversation.getUnreadMessagesCount(), int | None)
    assert_type(await conversation.advanceLastReadMessageIndex(3), int | None)
    assert_type(await conversation.setAllMessagesRead(), int | None)
    assert_type(conversation.limits, ConversationLimits)
    assert_type(conversation.bindings, ConversationBindings)
    level: NotificationLevel = "muted"
    await conversation.setUserNotificationLevel(level)
    await conversation.setUserNotificationLevel("loud")  # type: ignore[arg-type]  # there are two levels
    await conversation.updateFriendlyName(None)  # type: ignore[arg-type]  # a friendly name is text

    def on_conversation(change: ConversationUpdatedEventArgs) -> None:
        reasons: list[ConversationUpdateReason] = change["updateReasons"]
        assert_type("notificationLevel" in reasons, bool)

    def on_participant(change: ParticipantUpdatedEventArgs) -> None:
        reasons: list[ParticipantUpdateReason] = change["updateReasons"]
        assert_type("lastReadMessageIndex" in reasons, bool)

    client.on(Client.conversationUpdated, on_conversation).on(Client.participantUpdated, on_participant)


async def people(client: Client, participant: Participant) -> None:
    assert_type(participant.isTyping, bool)
    assert_type(await participant.updateAttributes({}), Participant)
    user = await participant.getUser()
    assert_type(user, User)
    assert_type(await client.getSubscribedUsers(), list[User])
    assert_type(await user.updateFriendlyName("Bobby"), User)
    assert_type(user.isOnline, bool | None)

    def on_user(change: UserUpdatedEventArgs) -> None:
        reasons: list[UserUpdateReason] = change["updateReasons"]
        assert_type("reachabilityOnline" in reasons, bool)

    user.on(User.updated, on_user)


async def one_message(message: Message) -> None:
    assert_type(message.type, MessageType)
    assert_type(message.getMediaByCategories(["media", "body"]), list[Media])
    category: MediaCategory = "history"
    message.getMediaByCategories([category])
    receipt = message.aggregatedDeliveryReceipt
    assert_type(receipt, AggregatedDeliveryReceipt | None)
    if receipt is not None:
        assert_type(receipt.read, DeliveryAmount)
    [detailed] = await message.getDetailedDeliveryReceipts()
    assert_type(detailed, DetailedDeliveryReceipt)
    assert_type(detailed.status, DeliveryStatus)
    assert_type(await message.getParticipant(), Participant)
    assert_type(await message.getChannelMetadata(), ChannelMetadata | None)
    [recipient] = await message.getMessageRecipients()
    assert_type(recipient, RecipientDescriptor)
    if isinstance(recipient, EmailRecipientDescriptor):
        assert_type(recipient.level, EmailRecipientLevel)
    else:
        assert_type(recipient, UnknownRecipientDescriptor)

    def updated(change: MessageUpdatedEventArgs) -> None:
        reasons: list[MessageUpdateReason] = change["updateReasons"]
        assert_type(reasons[0] == "deliveryReceipt", bool)

    message.on(Message.updated, updated)


async def files(client: Client, conversation: Conversation, message: Message) -> None:
    builder = conversation.prepareMessage().setEmailBody(
        "text/html", {"contentType": "text/html", "media": "<p>Hello!</p>"}
    )
    builder.addMedia({"file": ("logo.svg", b"<svg/>")}).addMedia({"file": (None, b"<svg/>", "image/svg+xml")})
    assert_type(builder.buildAndSend().cancel(), CancellablePromise[int])
    assert_type(message.getEmailBody(), Media | None)
    assert_type(message.attachedMedia[0].getContentTemporaryUrl(), CancellablePromise[str])
    assert_type(await client.getTemporaryContentUrlsForMedia(message.attachedMedia), dict[str, str])
    assert_type(await message.getTemporaryContentUrlsForAttachedMedia(), dict[str, str])
    await conversation.sendMessage({"file": "logo.svg"})  # type: ignore[dict-item]  # a name, content and type
    await client.getTemporaryContentUrlsForMediaSids(message.attachedMedia)  # type: ignore[arg-type]  # sids are text


async def templates(client: Client, conversation: Conversation) -> None:
    [template] = await client.getContentTemplates()
    assert_type(template, ContentTemplate)
    assert_type(template.variables, list[ContentTemplateVariable])
    assert_type(template.variants, dict[str, ContentData])
    variables = [each.copyWithValue("x") for each in template.variables]
    sending = conversation.prepareMessage().setContentTemplate(template.sid, variables).build().send()
    assert_type(sending, CancellablePromise[int])
    page = await conversation.getMessages(1)
    content = await page.items[0].getContentData()
    assert_type(content, ContentData | None)
    if content is not None and content["type"] == "card":
        assert_type(content["title"], str)
        assert_type(content["actions"], list[ContentDataAction])
        if content["actions"][0]["type"] == "url":
            assert_type(content["actions"][0]["url"], str)
    pages: RestPaginator[Message] = page
    assert_type(pages.items, list[Message])


async def push(client: Client) -> None:
    payload: JSONObject = {"aps": {"alert": "hello"}, "twi_message_type": NotificationTypes.NEW_MESSAGE}
    notification = Client.parsePushNotification(payload)
    assert_type(notification, PushNotification)
    assert_type(client.parsePushNotification(payload).data, PushNotificationData)
    assert_type(notification.type, PushNotificationType)
    descriptor: PushNotificationDescriptor = {
        "title": None,
        "body": "hello",
        "sound": None,
        "badge": 1,
        "action": None,
        "type": "twilio.conversations.new_message",
        "data": {"messageIndex": 7},
    }
    assert_type(PushNotification(descriptor).badge, int | None)
    list_of_json: JSONArray = [payload, None]
    client.parsePushNotification(list_of_json)  # type: ignore[arg-type]  # an object, not an array
    await client.handlePushNotification(payload)
