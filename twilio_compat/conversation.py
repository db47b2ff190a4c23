"""A conversation, as Twilio's client shows one.

There is one object per conversation and client. What it shows follows the calls made through the client at once,
and everything else as the backend reports it; each change is announced once, on the conversation and on the
client. Methods with an underscore are for the other modules of this package: `Conversations` calls them with
the news.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, TypedDict

from twilio_compat.arguments import (
    any_of,
    check,
    checked,
    form_data,
    instance_of,
    json_type,
    literal,
    non_empty_string,
    non_negative_integer,
    null,
    optional,
    options,
    positive_integer,
    string,
    undefined,
)
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.media import SendMediaOptions, media_options
from twilio_compat.message import Message
from twilio_compat.message_builder import MessageBuilder, SendEmailOptions, UnsentMessage
from twilio_compat.messages import Messages
from twilio_compat.paginator import Paginator
from twilio_compat.participant import Participant
from twilio_compat.participants import Participants
from twilio_compat.records import (
    ConversationRecord,
    ConversationStateName,
    Direction,
    JSONValue,
    NotificationLevel,
    ParticipantDraft,
    ParticipantRecord,
)
from twilio_compat.records import LastMessage as LastMessageRecord

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
        """Stand for *record*; that the user is in it is told later, with `_joined`.

        *held* are the conversations the client has announced and listens to; this one enters and leaves it.
        """
        super().__init__(session.listeners)
        newest = record.last_message.index if record.last_message else None
        self._session = session
        self._record = replace(record, joined=False)
        self._held = held
        self._last_is_gone = False
        self._messages = Messages(session, self, newest)
        self._participants = Participants(session, self)

    def __repr__(self) -> str:
        """Name the conversation and the user's standing."""
        return f"<Conversation {self.sid} {self.friendlyName!r} {self.status}>"

    # What it shows

    @property
    def sid(self) -> str:
        """``CH`` and 32 hex digits."""
        return self._record.sid

    @property
    def uniqueName(self) -> str | None:
        """Name by which it can be fetched; no other conversation has it."""
        return self._record.unique_name

    @property
    def friendlyName(self) -> str | None:
        """Name to show."""
        return self._record.friendly_name or None

    @property
    def status(self) -> ConversationStatus:
        """Whether the user is a member."""
        return "joined" if self._record.joined else "notParticipating"

    @property
    def attributes(self) -> JSONValue:
        """What the application keeps on the conversation."""
        return self._record.attributes

    @property
    def createdBy(self) -> str:
        """Identity of who made it."""
        return self._record.created_by

    @property
    def dateCreated(self) -> datetime:
        """When it was made, in UTC."""
        return self._record.date_created

    @property
    def dateUpdated(self) -> datetime:
        """When it was last changed, in UTC."""
        return self._record.date_updated

    @property
    def state(self) -> ConversationState:
        """Life cycle state: ``{"current": "active", "dateUpdated": ...}``."""
        state = self._record.state
        return {"current": state.current, "dateUpdated": state.date_updated}

    @property
    def lastMessage(self) -> LastMessage | None:
        """The newest message: ``{"index": 0, "dateCreated": ...}``; None where there is none."""
        last = self._record.last_message
        return {"index": last.index, "dateCreated": last.date_created} if last else None

    @property
    def lastReadMessageIndex(self) -> int | None:
        """Index up to which the user has read, as far as they told."""
        return self._record.last_read_message_index

    @property
    def notificationLevel(self) -> NotificationLevel:
        """Whether the user wants to be notified."""
        return self._record.notification_level

    # Members

    async def join(self) -> Self:
        """Become a member. `ConflictError` 50433 where the user is one; `ForbiddenError` where they may not."""
        await self._participants.add(ParticipantDraft(identity=self._session.actor.identity))
        return self

    async def leave(self) -> Self:
        """Cease to be a member; where the user is none, nothing happens."""
        if self._record.joined:
            await self._participants.remove(self._session.actor.identity)
        return self

    @checked(identity=non_empty_string, attributes=optional(json_type))
    async def add(self, identity: str, attributes: JSONValue = None) -> ParticipantResponse:
        """Add a member. `ConflictError` 50433 where they are one. As at Twilio, returns the service's raw answer."""
        draft = ParticipantDraft(identity=identity, attributes={} if attributes is None else attributes)
        return self._response(await self._participants.add(draft))

    @checked(participant=any_of(non_empty_string, instance_of(Participant)))
    async def removeParticipant(self, participant: str | Participant) -> None:
        """Remove a member, given as such, by identity or by sid. `NotFoundError` 50432 where they are none."""
        await self._participants.remove(participant if isinstance(participant, str) else participant.identity)

    async def getParticipants(self) -> list[Participant]:
        """Return the members, in the order in which they were added."""
        return await self._participants.list()

    @checked(participantSid=non_empty_string)
    async def getParticipantBySid(self, participantSid: str) -> Participant:
        """Return a member. `NotFoundError` 50432 where there is no such."""
        return await self._participants.find(f"SID {participantSid}", lambda each: each.sid == participantSid)

    @checked(identity=non_empty_string)
    async def getParticipantByIdentity(self, identity: str) -> Participant:
        """Return a member. `NotFoundError` 50432 where there is no such."""
        return await self._participants.find(f"identity {identity}", lambda each: each.identity == identity)

    # Messages

    @checked(
        message=any_of(string, form_data, null, media_options),
        attributes=optional(json_type),
        emailOptions=optional(options("email options", subject=any_of(string, null))),
    )
    async def sendMessage(
        self,
        message: str | SendMediaOptions | None,
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
            unsent.mediaContent.append(message)
        return await unsent.send()

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
        return await self._messages.page(size, anchor, Direction(direction or "backwards"))

    async def delete(self) -> Self:
        """Delete the conversation for everyone. `ForbiddenError` 50107 where the user may not."""
        await self._session.backend.conversations.delete(self._session.actor, self.sid)
        self._leave("deleted")
        return self

    # Own calls

    def _join(self) -> None:
        """Apply that the user joined by a call of this client."""
        if self._joined():
            self._session.echoes.expect(self.sid, "joined")

    def _leave(
        self, reason: Literal["left", "deleted"], participant: ParticipantRecord | None = None
    ) -> None:
        """Apply that the user left, or deleted the conversation, by a call of this client."""
        if self._left(reason, participant):
            self._session.echoes.expect(self.sid, "left")

    # News

    def _created(self) -> None:
        """Announce that the user made it: what it has beyond nothing, then that it is there."""
        said = {
            "friendlyName": self.friendlyName,
            "uniqueName": self.uniqueName,
            "attributes": self.attributes,
        }
        self._announce_update([name for name in _CREATED if said.get(name, True) not in (None, {})])
        self._add()

    def _joined(self, record: ConversationRecord | None = None) -> bool:
        """Announce that the user is a member; return False where that was done."""
        if record is not None:
            self._take(record)
        if self._record.joined:
            return False
        self._record = replace(self._record, joined=True)
        if self.sid in self._held:
            self._announce_update(["lastReadMessageIndex"])
        else:
            self._add()
        self._session.emit("conversationJoined", self)
        return True

    def _left(self, reason: Literal["left", "deleted"], participant: ParticipantRecord | None = None) -> bool:
        """Announce that the user is no member any more, or that it was deleted; return whether they were one."""
        was_joined = self._record.joined
        if was_joined:
            self._record = replace(self._record, joined=False)
            if reason == "left":
                self._participants.left_by_user(participant)
            self._session.emit("conversationLeft", self)
        if self._held.pop(self.sid, None):
            self.emit("removed", self)
            self._session.emit("conversationRemoved", self)
        return was_joined

    def _take(self, record: ConversationRecord) -> None:
        """Become *record*, unless that is older, and announce what changed."""
        before = self._record
        if record.date_updated < before.date_updated:
            return
        self._record = replace(record, joined=before.joined, last_message=self._newest_of(record))
        if not before.joined and record.last_message:
            self._messages.begin_after(record.last_message.index)
        changed = [
            name for name, field in _FIELDS.items() if getattr(before, field) != getattr(self._record, field)
        ]
        if changed and self.sid in self._held:
            self._announce_update(changed)

    def _newest_of(self, record: ConversationRecord) -> LastMessageRecord | None:
        """Choose what to show as last message; to a member it changes with messages, and only back with a deletion."""
        ours, theirs = self._record.last_message, record.last_message
        if not self._record.joined:
            return theirs
        went_back = ours is not None and (theirs is None or theirs.index < ours.index)
        if went_back and self._last_is_gone:
            self._last_is_gone = False
            return theirs
        return ours

    def _last_message(self, last: LastMessageRecord) -> None:
        """Announce a newer last message."""
        ours = self._record.last_message
        if ours is None or ours.index < last.index:
            self._last_is_gone = False
            self._record = replace(self._record, last_message=last)
            self._announce_update(["lastMessage"])

    def _message_removed(self, index: int) -> None:
        last = self._record.last_message
        self._last_is_gone = self._last_is_gone or (last is not None and last.index == index)
        self._messages.removed(index)

    def _add(self) -> None:
        self._held[self.sid] = self
        self._session.emit("conversationAdded", self)

    def _announce(self, event: str, payload: object) -> None:
        self.emit(event, payload)
        self._session.emit(event, payload)

    def _announce_update(self, reasons: list[str]) -> None:
        change = ConversationUpdatedEventArgs(conversation=self, updateReasons=reasons)
        self.emit("updated", change)
        self._session.emit("conversationUpdated", change)

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


_CREATED: Final = (
    "friendlyName",
    "uniqueName",
    "attributes",
    "createdBy",
    "dateCreated",
    "dateUpdated",
    "state",
)
"""What Twilio's client tells of a conversation it made, in its order."""

_FIELDS: Final = {
    "friendlyName": "friendly_name",
    "uniqueName": "unique_name",
    "attributes": "attributes",
    "dateUpdated": "date_updated",
    "state": "state",
    "lastMessage": "last_message",
    "lastReadMessageIndex": "last_read_message_index",
    "notificationLevel": "notification_level",
}
"""Twilio's update reasons, in the order in which it tells them, and the fields behind them."""

_QUERY_OPTIONS: Final = optional(options("query options", pageSize=any_of(positive_integer, undefined)))
