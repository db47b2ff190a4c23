"""A conversation, as Twilio's client shows one.

There is one object per conversation and client. What it shows follows the calls made through the client at once,
and everything else as the backend reports it; each change is announced once, on the conversation and on the
client. How, `Standing` has it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, TypedDict

from twilio_compat.arguments import (
    any_of,
    check,
    checked,
    instance_of,
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
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.media_upload import FormData, SendMediaOptions, form_data, media_options
from twilio_compat.message import Message
from twilio_compat.message_builder import MessageBuilder, SendEmailOptions, UnsentMessage
from twilio_compat.paginator import Paginator
from twilio_compat.participant import Participant
from twilio_compat.records import (
    ConversationRecord,
    ConversationStateName,
    Direction,
    JSONValue,
    NotificationLevel,
    ParticipantDraft,
    ParticipantRecord,
)
from twilio_compat.standing import Standing

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = [
    "Conversation",
    "ConversationState",
    "ConversationStatus",
    "ConversationUpdatedEventArgs",
    "CreateConversationOptions",
    "LastMessage",
    "ParticipantResponse",
]

ConversationStatus: TypeAlias = Literal["joined", "notParticipating"]


class CreateConversationOptions(TypedDict, total=False):
    """What a new conversation has. ``access`` is taken and means nothing: all conversations are members-only."""

    friendlyName: str | None
    uniqueName: str | None
    attributes: JSONValue
    access: str | None


class ConversationState(TypedDict):
    """Life cycle state, and since when."""

    current: ConversationStateName
    dateUpdated: datetime


class LastMessage(TypedDict):
    """Place and time of the newest message."""

    index: int
    dateCreated: datetime


class ConversationUpdatedEventArgs(TypedDict):
    """What ``updated`` and the client's ``conversationUpdated`` carry."""

    conversation: Conversation
    updateReasons: list[str]


class ParticipantResponse(TypedDict):
    """What `Conversation.add` returns: the answer as Twilio's service words it. ``attributes`` is JSON text."""

    sid: str
    conversation_sid: str
    chat_service_sid: str | None
    identity: str
    attributes: str
    date_created: str
    date_updated: str
    role_sid: str
    messaging_binding: None


class Conversation(ReplayEventEmitter):
    """A conversation."""

    participantJoined: Final = "participantJoined"
    participantLeft: Final = "participantLeft"
    messageAdded: Final = "messageAdded"
    messageRemoved: Final = "messageRemoved"
    messageUpdated: Final = "messageUpdated"
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
        draft = ParticipantDraft(identity=identity, attributes={} if attributes is None else attributes)
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
        return await unsent._deliver()

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
