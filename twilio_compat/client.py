"""The client: where an application signs in, finds its conversations and hears the news.

Making a `Client` starts it, as in JavaScript; it needs a running event loop. Any of these waits until it is ready::

    async with Client(token) as client: ...       # and shuts it down at the end
    client = await Client.create(token)           # shut it down with `await client.shutdown()`
    client.on("stateChanged", ...)                # Twilio's way
    await client.getSubscribedConversations()     # so does every call

A token that is refused, or a setting that is missing, is told by the events ``stateChanged`` "failed",
``initFailed`` and ``connectionError``, and raised by the first two forms and by every call. (Twilio's ``create``
hands out a broken client instead.)

Clients of one event loop whose settings are equal share one backend: connections are pooled across users.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import TracebackType
from typing import Final, Literal, Protocol, Self, TypeAlias

from twilio_compat.arguments import check, checked, literal, non_empty_string, pure_object, string
from twilio_compat.cancellable import CancellablePromise
from twilio_compat.client_options import (
    CLIENT_OPTIONS,
    CONVERSATION_OPTIONS,
    ClientOptions,
    backend_of,
    draft_of,
)
from twilio_compat.connection import Connection, ConnectionState
from twilio_compat.content import ContentTemplate, ContentTemplates
from twilio_compat.conversation import Conversation, CreateConversationOptions
from twilio_compat.conversations import Conversations
from twilio_compat.emitter import ListenerTasks, ReplayEventEmitter
from twilio_compat.errors import TwilioCompatError
from twilio_compat.media import Media, media_sids, some_media, temporary_urls
from twilio_compat.notification_types import NotificationTypes
from twilio_compat.paginator import Paginator
from twilio_compat.push import PushNotification, parse
from twilio_compat.records import JSONValue, PushChannel
from twilio_compat.session import Emit, Session
from twilio_compat.user import User
from twilio_compat.users import FOLLOWED

__all__ = ["Client", "ClientOptions", "NotificationsChannelType", "State"]

State: TypeAlias = Literal["initialized", "failed"]
"""What ``stateChanged`` carries."""

PROMISE_GRACE: Final = 5.0
"""Seconds that `Client.shutdown` waits for what is being sent before it calls it off."""
LISTENER_GRACE: Final = 5.0
"""Seconds that `Client.shutdown` waits for async listeners before it cancels them."""

BEFORE_INITIALIZATION: Final = (
    "Reachability information could not yet be accessed as the client has not yet been initialized. Subscribe to the "
    "'stateChanged' event to properly react to the client initialization."
)

PUSH_CHANNEL: Final = literal("fcm", "apn")

NotificationsChannelType: TypeAlias = PushChannel


class InitRegistrations(Protocol):
    """What `Client.populateInitRegistrations` fills in."""

    def populateInitRegistrations(self, types: Sequence[str]) -> object:
        """Take the names of notices."""


class Client(ReplayEventEmitter):
    """A user's connection to their conversations.

    What its events carry, and when they come:

    * ``stateChanged`` "initialized" or "failed"; ``initialized`` nothing; ``initFailed`` ``{"error": ...}``.
    * ``connectionStateChanged`` a `ConnectionState`; ``connectionError`` a `ConnectionErrorData`.
    * ``tokenAboutToExpire``, three minutes before the end of the token, and ``tokenExpired`` nothing.
    * ``conversationAdded``, ``conversationJoined``, ``conversationLeft``, ``conversationRemoved`` a `Conversation`.
    * ``conversationUpdated`` ``{"conversation": ..., "updateReasons": [...]}``.
    * ``participantJoined``, ``participantLeft`` a `Participant`, when somebody comes or goes.
    * ``participantUpdated`` ``{"participant": ..., "updateReasons": [...]}``.
    * ``typingStarted``, at each notice, and ``typingEnded`` a `Participant`.
    * ``messageAdded``, ``messageRemoved`` a `Message`; ``messageUpdated`` ``{"message": ..., "updateReasons": [...]}``.
    * ``pushNotification`` a `PushNotification`, from `Client.handlePushNotification` alone.
    * ``userSubscribed``, ``userUnsubscribed`` a `User`; ``userUpdated`` ``{"user": ..., "updateReasons": [...]}``.
    """

    version: Final = version("twilio-acs-compat")

    stateChanged: Final = "stateChanged"
    initialized: Final = "initialized"
    initFailed: Final = "initFailed"
    connectionStateChanged: Final = "connectionStateChanged"
    connectionError: Final = "connectionError"
    tokenAboutToExpire: Final = "tokenAboutToExpire"
    tokenExpired: Final = "tokenExpired"
    conversationAdded: Final = "conversationAdded"
    conversationJoined: Final = "conversationJoined"
    conversationLeft: Final = "conversationLeft"
    conversationRemoved: Final = "conversationRemoved"
    conversationUpdated: Final = "conversationUpdated"
    participantJoined: Final = "participantJoined"
    participantLeft: Final = "participantLeft"
    participantUpdated: Final = "participantUpdated"
    typingStarted: Final = "typingStarted"
    typingEnded: Final = "typingEnded"
    messageAdded: Final = "messageAdded"
    messageRemoved: Final = "messageRemoved"
    messageUpdated: Final = "messageUpdated"
    pushNotification: Final = "pushNotification"
    userSubscribed: Final = "userSubscribed"
    userUnsubscribed: Final = "userUnsubscribed"
    userUpdated: Final = "userUpdated"

    @checked(token=non_empty_string, options=CLIENT_OPTIONS)
    def __init__(self, token: str, options: ClientOptions | None = None) -> None:
        """Begin to sign in with *token*, a Twilio access token.

        Raises `ArgumentError` for an empty token or malformed options, `TwilioCompatError` outside an event loop.
        """
        loop = _running_loop()
        self._listeners = ListenerTasks(loop)
        super().__init__(self._listeners)
        self._session = _session_of(self._listeners, self.emit, options or {})
        self._conversations = Conversations(self._session)
        self._content_templates = ContentTemplates(self._session, clock=loop.time)
        self._connection = Connection(token, backend_of(options or {}), self._session, self._conversations)

    @classmethod
    @checked(token=non_empty_string, options=CLIENT_OPTIONS)
    async def create(cls, token: str, options: ClientOptions | None = None) -> Self:
        """Make a client and wait until it is initialized. Raises what made it fail, a `TokenError` above all."""
        return await cls(token, options)._started()

    async def __aenter__(self) -> Self:
        """Wait until it is initialized. Raises what made it fail."""
        return await self._started()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Shut it down."""
        await self.shutdown()

    def __del__(self) -> None:
        """Warn where it was neither shut down nor failed."""
        connection = getattr(self, "_connection", None)  # not there where __init__ raised
        if connection is not None and not connection.has_ended:
            warnings.warn(f"{self!r} was not shut down", ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        """Name the user and the state of the connection."""
        return f"<Client of {self.user.identity!r} {self.connectionState}>"

    async def _started(self) -> Self:
        try:
            await self._session.ready()
        except BaseException:  # a cancellation too: nobody else can shut it down
            await self.shutdown()
            raise
        return self

    @property
    def connectionState(self) -> ConnectionState:
        """How the connection stands; ``unknown`` before the first step."""
        return self._connection.state

    @property
    def user(self) -> User:
        """Who the client acts for; empty until it is initialized."""
        return self._session.users.myself

    @property
    def reachabilityEnabled(self) -> bool:
        """Whether the deployment keeps track of who is connected. Raises until the client is initialized."""
        if not self._session.was_opened:
            raise TwilioCompatError(BEFORE_INITIALIZATION)
        return self._session.deployment.reachability_enabled

    @property
    def token(self) -> str:
        """The token the client acts with; deprecated at Twilio."""
        return self._connection.token

    async def shutdown(self) -> None:
        """Sign out: let promises and async listeners finish, release the backend. Safe to call twice."""
        await self._session.promises.drain(PROMISE_GRACE)
        await self._connection.close()
        await self._session.promises.drain(0.0)  # begun meanwhile
        await self._listeners.drain(LISTENER_GRACE)

    @checked(token=non_empty_string)
    async def updateToken(self, token: str) -> Self:
        """Act with *token* from now on. `TokenError` where it is refused or another user's; the old one stays."""
        await self._connection.update_token(token)
        return self

    @checked(options=CONVERSATION_OPTIONS)
    async def createConversation(
        self,
        options: CreateConversationOptions | None = None,
        *,
        friendlyName: str | None = None,
        uniqueName: str | None = None,
        attributes: JSONValue = None,
    ) -> Conversation:
        """Make a conversation, given as a dict or by keyword; the user is not in it until `Conversation.join`.

        Raises `ConflictError` 50353 where the unique name is taken.
        """
        wanted: CreateConversationOptions = {**(options or {})}
        if friendlyName is not None:
            wanted["friendlyName"] = friendlyName
        if uniqueName is not None:
            wanted["uniqueName"] = uniqueName
        if attributes is not None:
            wanted["attributes"] = attributes
        check(1, wanted, CONVERSATION_OPTIONS)
        await self._session.ready()
        return await self._conversations.create(draft_of(wanted))

    @checked(sid=non_empty_string)
    async def getConversationBySid(self, sid: str) -> Conversation:
        """Return a conversation. `NotFoundError` 50350; `ForbiddenError` 50430 where the user may not see it."""
        await self._session.ready()
        return await self._conversations.get(sid)

    @checked(sid=non_empty_string)
    async def peekConversationBySid(self, sid: str) -> Conversation:
        """Fetch a conversation anew; errors as `getConversationBySid`."""
        await self._session.ready()
        return await self._conversations.peek(sid)

    @checked(uniqueName=non_empty_string)
    async def getConversationByUniqueName(self, uniqueName: str) -> Conversation:
        """Fetch a conversation by its unique name; errors as `getConversationBySid`."""
        await self._session.ready()
        return await self._conversations.get_by_unique_name(uniqueName)

    async def getSubscribedConversations(self) -> Paginator[Conversation]:
        """Return the conversations the user is in, fifty a page, in ascending order of sid."""
        await self._session.ready()
        return await self._conversations.subscribed()

    # Users

    @checked(identity=non_empty_string)
    async def getUser(self, identity: str) -> User:
        """Return a user, whose changes are told from now on. `NotFoundError` 50200.

        A hundred are followed at most, beside the client's own; one more, and the one followed longest is let go.
        """
        await self._session.ready()
        return await self._session.users.get(identity)

    async def getSubscribedUsers(self) -> list[User]:
        """Return the users who are followed, the client's own first."""
        await self._session.ready()
        return self._session.users.subscribed()

    # Push notifications

    @checked(channelType=PUSH_CHANNEL, registrationId=string)
    async def setPushRegistrationId(self, channelType: PushChannel, registrationId: str) -> None:
        """Note a device of the user, ``fcm`` or ``apn``, that can be notified."""
        await self._session.ready()
        await self._session.backend.push_registrations.create(
            self._session.actor, channelType, registrationId
        )

    @checked(channelType=PUSH_CHANNEL)
    async def unsetPushRegistrationId(self, channelType: PushChannel) -> None:
        """Forget the devices of a channel; deprecated at Twilio in favour of `removePushRegistrations`."""
        await self._session.ready()
        await self._session.backend.push_registrations.delete(self._session.actor, channelType)

    @checked(channelType=PUSH_CHANNEL, registrationId=non_empty_string)
    async def removePushRegistrations(self, channelType: PushChannel, registrationId: str) -> None:
        """Forget a device; nothing happens where it was not noted."""
        await self._session.ready()
        await self._session.backend.push_registrations.delete(
            self._session.actor, channelType, registrationId
        )

    @staticmethod
    def populateInitRegistrations(reg: InitRegistrations) -> None:
        """Name to *reg* the notices that a client wants, as frameworks around Twilio's client ask it to."""
        reg.populateInitRegistrations([NotificationTypes.TYPING_INDICATOR])

    # Content

    async def getContentTemplates(self) -> Sequence[ContentTemplate]:
        """Return the content templates of the deployment; asked for anew after five seconds, as at Twilio."""
        await self._session.ready()
        return await self._content_templates.list()

    @staticmethod
    def parsePushNotification(notificationPayload: Mapping[str, JSONValue]) -> PushNotification:
        """Read what Apple's or Google's service handed to the app. `ArgumentError` where Twilio did not send it."""
        check(1, notificationPayload, pure_object)
        return parse(notificationPayload)

    @checked(notificationPayload=pure_object)
    async def handlePushNotification(self, notificationPayload: Mapping[str, JSONValue]) -> None:
        """Read it, as `parsePushNotification` does, and emit ``pushNotification``."""
        await self._session.ready()
        self.emit("pushNotification", self.parsePushNotification(notificationPayload))

    @checked(contentSet=some_media)
    def getTemporaryContentUrlsForMedia(
        self, contentSet: Sequence[Media]
    ) -> CancellablePromise[dict[str, str]]:
        """Return URLs by sid, as `Media.getContentTemporaryUrl` does one, for all files in one request."""
        return temporary_urls(self._session, [each.sid for each in contentSet])

    @checked(mediaSids=media_sids)
    def getTemporaryContentUrlsForMediaSids(
        self, mediaSids: Sequence[str]
    ) -> CancellablePromise[dict[str, str]]:
        """Return URLs by sid; errors as `Media.getContentTemporaryUrl`."""
        return temporary_urls(self._session, mediaSids)


def _session_of(listeners: ListenerTasks, emit: Emit, options: ClientOptions) -> Session:
    typing_timeout = options.get("typingIndicatorTimeoutOverride")
    return Session(
        listeners,
        emit,
        typing_timeout=typing_timeout / 1000 if typing_timeout else None,
        users_followed=options.get("userInfosToSubscribeOverride") or FOLLOWED,
    )


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        text = "A Client connects as soon as it is made: make it in an async function, run with asyncio.run()"
        raise TwilioCompatError(text) from None
