"""A conversation, as Twilio's client shows one.

There is one object per conversation and client. What it shows follows the calls made through the client at once,
and everything else as the backend reports it; each change is announced once, on the conversation and on the
client. How, `Standing` has it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Self

from twilio_compat.arguments import (
    any_of,
    as_json,
    check,
    checked,
    instance_of,
    json_type,
    literal,
    non_empty_string,
    non_negative_integer,
    null,
    optional,
    optional_json,
    options,
    positive_integer,
    string,
    undefined,
)
from twilio_compat.conversation_types import (
    ConversationBindings,
    ConversationLimits,
    ConversationState,
    ConversationStatus,
    ConversationUpdatedEventArgs,
    ConversationUpdateReason,
    CreateConversationOptions,
    LastMessage,
    ParticipantBindingOptions,
    ParticipantResponse,
    RecipientsOptions,
)
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.errors import ClientNotFoundError, ForbiddenError, TranslationGapError
from twilio_compat.media_upload import FormData, SendMediaOptions, form_data, media_options
from twilio_compat.message import Message
from twilio_compat.message_builder import MessageBuilder, SendEmailOptions, UnsentMessage
from twilio_compat.paginator import Paginator, pages_of
from twilio_compat.participant import Participant
from twilio_compat.recipients import RecipientDescriptor
from twilio_compat.records import (
    ConversationChanges,
    ConversationRecord,
    Direction,
    JSONValue,
    NotificationLevel,
    ParticipantDraft,
    ParticipantRecord,
    UserConversationChanges,
)
from twilio_compat.standing import Standing

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = [
    "Conversation",
    "ConversationBindings",
    "ConversationLimits",
    "ConversationState",
    "ConversationStatus",
    "ConversationUpdateReason",
    "ConversationUpdatedEventArgs",
    "CreateConversationOptions",
    "LastMessage",
    "ParticipantBindingOptions",
    "ParticipantResponse",
]

NOT_IN_LIST: Final = "Conversation was not found in the user conversations list"

_NO_OTHER_CHANNELS: Final = (
    "Azure Communication Services Chat has no members by SMS, WhatsApp or e-mail, so {address!r} cannot be added. "
    "Add the person as a chat user with add(), or send to the address from a server with the SMS, Advanced Messaging "
    "or Email service of Azure Communication Services and post the replies with sendMessage()"
)


class Conversation(ReplayEventEmitter):
    """A conversation."""

    participantJoined: Final = "participantJoined"
    participantLeft: Final = "participantLeft"
    participantUpdated: Final = "participantUpdated"
    messageAdded: Final = "messageAdded"
    messageRemoved: Final = "messageRemoved"
    messageUpdated: Final = "messageUpdated"
    typingStarted: Final = "typingStarted"
    typingEnded: Final = "typingEnded"
    updated: Final = "updated"
    removed: Final = "removed"

    def __init__(self, session: Session, record: ConversationRecord, held: dict[str, Conversation]) -> None:
        """Stand for *record*, among those *held* by the client."""
        super().__init__(session.listeners)
        self._session = session
        self._standing = Standing(session, self, record, held)

    def __repr__(self) -> str:
        """Name the conversation and the user's standing."""
        return f"<Conversation {self.sid} {self.friendlyName!r} {self.status}>"

    # What it shows

    @property
    def sid(self) -> str:
        """``CH`` and 32 hex digits."""
        return self._standing.record.sid

    @property
    def uniqueName(self) -> str | None:
        """Name by which it can be fetched; no other conversation has it."""
        return self._standing.record.unique_name

    @property
    def friendlyName(self) -> str | None:
        """Name to show."""
        return self._standing.record.friendly_name or None

    @property
    def status(self) -> ConversationStatus:
        """Whether the user is a member."""
        return "joined" if self._standing.record.joined else "notParticipating"

    @property
    def attributes(self) -> JSONValue:
        """What the application keeps on the conversation."""
        return self._standing.record.attributes

    @property
    def createdBy(self) -> str:
        """Identity of who made it."""
        return self._standing.record.created_by

    @property
    def dateCreated(self) -> datetime:
        """When it was made, in UTC."""
        return self._standing.record.date_created

    @property
    def dateUpdated(self) -> datetime:
        """When it was last changed, in UTC."""
        return self._standing.record.date_updated

    @property
    def state(self) -> ConversationState:
        """Life cycle state: ``{"current": "active", "dateUpdated": ...}``."""
        state = self._standing.record.state
        return {"current": state.current, "dateUpdated": state.date_updated}

    @property
    def lastMessage(self) -> LastMessage | None:
        """The newest message: ``{"index": 0, "dateCreated": ...}``; None where there is none."""
        last = self._standing.record.last_message
        return {"index": last.index, "dateCreated": last.date_created} if last else None

    @property
    def lastReadMessageIndex(self) -> int | None:
        """Index up to which the user has read, as far as they told."""
        return self._standing.record.last_read_message_index

    @property
    def notificationLevel(self) -> NotificationLevel:
        """Whether the user wants to be notified."""
        return self._standing.record.notification_level

    @property
    def limits(self) -> ConversationLimits:
        """What a message may carry."""
        limits = self._session.deployment.limits
        return {
            "mediaAttachmentsCountLimit": limits.media_count,
            "mediaAttachmentSizeLimitInMb": limits.media_size,
            "mediaAttachmentsTotalSizeLimitInMb": limits.media_total_size,
            "emailHistoriesAllowedContentTypes": [*limits.email_history_types],
            "emailBodiesAllowedContentTypes": [*limits.email_body_types],
        }

    @property
    def bindings(self) -> ConversationBindings:
        """Empty: a conversation takes part in chat alone."""
        return {}

    async def getAttributes(self) -> JSONValue:
        """Return the attributes."""
        return self.attributes

    # Changing it

    @checked(attributes=json_type)
    async def updateAttributes(self, attributes: JSONValue) -> Self:
        """Replace the attributes. `ForbiddenError` 50107 where the user may not."""
        await self._standing.change(ConversationChanges(attributes=as_json(attributes)))
        return self

    @checked(friendlyName=string)
    async def updateFriendlyName(self, friendlyName: str) -> Self:
        """Change the name to show; nothing is sent where it is that already. Errors as `updateAttributes`."""
        if friendlyName != self.friendlyName:
            await self._standing.change(ConversationChanges(friendly_name=friendlyName))
        return self

    @checked(uniqueName=any_of(string, null))
    async def updateUniqueName(self, uniqueName: str | None) -> Self:
        """Change the unique name, or take it away; nothing is sent where it is that already.

        `ConflictError` 50353 where another conversation has it; other errors as `updateAttributes`.
        """
        if uniqueName != self.uniqueName:
            await self._standing.change(ConversationChanges(unique_name=uniqueName or None))
        return self

    # Members

    async def join(self) -> Self:
        """Become a member. `ConflictError` 50433 where the user is one; `ForbiddenError` where they may not."""
        await self._standing.participants.add(ParticipantDraft(identity=self._session.actor.identity))
        return self

    async def leave(self) -> Self:
        """Cease to be a member; where the user is none, nothing happens."""
        if self._standing.record.joined:
            await self._standing.participants.remove(self._session.actor.identity)
        return self

    @checked(identity=non_empty_string, attributes=optional_json)
    async def add(self, identity: str, attributes: JSONValue = None) -> ParticipantResponse:
        """Add a member. `ConflictError` 50433 where they are one. As at Twilio, returns the service's raw answer."""
        given = {} if attributes is None else as_json(attributes)
        draft = ParticipantDraft(identity=identity, attributes=given)
        return self._response(await self._standing.participants.add(draft))

    @checked(participant=any_of(non_empty_string, instance_of(Participant)))
    async def removeParticipant(self, participant: str | Participant) -> None:
        """Remove a member, given as such, by identity or by sid. `NotFoundError` 50432 where they are none."""
        await self._standing.participants.remove(
            participant if isinstance(participant, str) else participant.identity
        )

    async def getParticipants(self) -> list[Participant]:
        """Return the members, in the order in which they were added."""
        return await self._standing.participants.list()

    @checked(participantSid=non_empty_string)
    async def getParticipantBySid(self, participantSid: str) -> Participant:
        """Return a member. `NotFoundError` 50432 where there is no such."""
        return await self._standing.participants.find(
            f"SID {participantSid}", lambda each: each.sid == participantSid
        )

    @checked(identity=non_empty_string)
    async def getParticipantByIdentity(self, identity: str) -> Participant:
        """Return a member. `NotFoundError` 50432 where there is no such."""
        return await self._standing.participants.find(
            f"identity {identity}", lambda each: each.identity == identity
        )

    async def getParticipantsCount(self) -> int:
        """Return how many members there are."""
        return await self._standing.participants.count()

    @checked(
        proxyAddress=non_empty_string,
        address=non_empty_string,
        attributes=optional_json,
        bindingOptions=optional_json,
    )
    async def addNonChatParticipant(
        self,
        proxyAddress: str,
        address: str,
        attributes: JSONValue = None,
        bindingOptions: ParticipantBindingOptions | None = None,
    ) -> ParticipantResponse:
        """Raise `TranslationGapError`: ACS Chat has no members by SMS, WhatsApp or e-mail."""
        raise TranslationGapError(_NO_OTHER_CHANNELS.format(address=address))

    async def typing(self) -> None:
        """Tell the other members that the user types.

        Call it at each key press: what was told less than five seconds ago, or what the service says instead, is
        not told again.
        """
        await self._standing.participants.typing()

    # What the user has read

    async def getUnreadMessagesCount(self) -> int | None:
        """Return how many messages the user has not read; None where they never told how far they have read.

        `ClientNotFoundError` where they are no member.
        """
        session = self._session
        try:
            own = await session.backend.user_conversations.get(session.actor, self.sid)
        except ForbiddenError as error:
            raise ClientNotFoundError(NOT_IN_LIST, code=error.code) from error
        return own.unread_messages_count

    @checked(index=non_negative_integer)
    async def advanceLastReadMessageIndex(self, index: int) -> int | None:
        """Tell that the user has read up to *index*, unless they told of a later one; return how many are unread.

        Raises `ForbiddenError` 50430 where they are no member.
        """
        return await self._read(UserConversationChanges(last_read_message_index=index, advance_only=True))

    @checked(index=any_of(null, non_negative_integer))
    async def updateLastReadMessageIndex(self, index: int | None) -> int | None:
        """Tell that the user has read up to *index* and no further, or nothing; return how many are unread.

        With None, the answer is None, as at Twilio. Errors as `advanceLastReadMessageIndex`.
        """
        return await self._read(UserConversationChanges(last_read_message_index=index))

    async def setAllMessagesRead(self) -> int | None:
        """Tell that the user has read everything; return how many are unread."""
        newest = (await self.getMessages(1)).items
        return await self.advanceLastReadMessageIndex(newest[0].index) if newest else 0

    async def setAllMessagesUnread(self) -> int | None:
        """Tell that the user has read nothing, and return None, as at Twilio."""
        return await self._read(UserConversationChanges(last_read_message_index=None))

    @checked(notificationLevel=literal("default", "muted"))
    async def setUserNotificationLevel(self, notificationLevel: NotificationLevel) -> None:
        """Tell whether the user wants to be notified. `ForbiddenError` 50430 where they are no member."""
        await self._standing.change_own(UserConversationChanges(notification_level=notificationLevel))

    async def _read(self, changes: UserConversationChanges) -> int | None:
        return await self._standing.change_own(changes)

    # Messages

    @checked(
        message=any_of(string, form_data, null, media_options),
        attributes=optional_json,
        emailOptions=any_of(
            undefined, null, options("email attributes", subject=any_of(non_empty_string, undefined))
        ),
    )
    async def sendMessage(
        self,
        message: str | FormData | SendMediaOptions | None,
        attributes: JSONValue = None,
        emailOptions: SendEmailOptions | None = None,
    ) -> int:
        """Send a text, or one file, and return the index of the message; None sends an empty text.

        Raises as `UnsentMessage.send`.
        """
        unsent = UnsentMessage(self._session, self)
        unsent.attributes = {} if attributes is None else attributes
        if isinstance(message, str) or message is None:
            unsent.text = message or ""
            unsent.emailOptions = emailOptions or {}
        else:
            unsent.mediaContent.append(("media", message))
        return await unsent._delivery()

    def prepareMessage(self) -> MessageBuilder:
        """Begin a message; ``.build().send()`` sends it."""
        return MessageBuilder(self._session, self)

    @checked(
        pageSize=optional(non_negative_integer),
        anchor=optional(non_negative_integer),
        direction=optional(literal("backwards", "forward")),
    )
    async def getMessages(
        self,
        pageSize: int | None = 30,
        anchor: int | None = None,
        direction: Literal["backwards", "forward"] | None = "backwards",
    ) -> Paginator[Message]:
        """Fetch *pageSize* messages that begin at index *anchor*, itself included, and run in *direction*.

        Without an anchor: the newest, or going forward the oldest. The items ascend in both directions; the next
        page is the newer one and the previous page the older one.
        """
        if pageSize == 0:
            check(1, {"pageSize": pageSize}, _QUERY_OPTIONS)  # the text comes from a deeper layer at Twilio
        size = 30 if pageSize is None else pageSize
        return await self._standing.messages.page(size, anchor, Direction(direction or "backwards"))

    async def getMessagesCount(self) -> int:
        """Return how many messages there are; deleted ones do not count."""
        return await self._session.backend.messages.count(self._session.actor, self.sid)

    @checked(options=optional(options("paginator options", pageSize=any_of(positive_integer, undefined))))
    async def getMessageRecipients(
        self, options: RecipientsOptions | None = None
    ) -> Paginator[RecipientDescriptor]:
        """Return an empty page: only an e-mail has recipients of its own, and ACS Chat carries none."""
        return pages_of([], (options or {}).get("pageSize", 50))

    # Its end

    async def delete(self) -> Self:
        """Delete the conversation for everyone. `ForbiddenError` 50107 where the user may not."""
        await self._session.backend.conversations.delete(self._session.actor, self.sid)
        self._standing.leave("deleted")
        return self

    def _response(self, record: ParticipantRecord) -> ParticipantResponse:
        return {
            "sid": record.sid,
            "conversation_sid": record.conversation_sid,
            "chat_service_sid": self._session.actor.service_sid,
            "identity": record.identity,
            "attributes": json.dumps(record.attributes),
            "date_created": record.date_created.isoformat(timespec="milliseconds"),
            "date_updated": record.date_updated.isoformat(timespec="milliseconds"),
            "role_sid": record.role_sid,
            "messaging_binding": None,
        }


_QUERY_OPTIONS: Final = optional(options("query options", pageSize=any_of(positive_integer, undefined)))
