"""A member of a conversation, as Twilio's client shows one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, TypedDict

from twilio_compat.arguments import as_json, checked, json_type
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.errors import TwilioCompatError
from twilio_compat.expiry import Cancellable
from twilio_compat.recency import moment
from twilio_compat.records import JSONValue, ParticipantChanges, ParticipantRecord
from twilio_compat.sameness import same

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation
    from twilio_compat.session import Session
    from twilio_compat.user import User

__all__ = [
    "Participant",
    "ParticipantBindings",
    "ParticipantEmailBinding",
    "ParticipantEmailLevel",
    "ParticipantType",
    "ParticipantUpdateReason",
    "ParticipantUpdatedEventArgs",
    "is_older",
]

ParticipantType: TypeAlias = Literal["chat", "sms", "whatsapp", "email"] | str
ParticipantEmailLevel: TypeAlias = Literal["to", "cc"]
ParticipantUpdateReason: TypeAlias = Literal[
    "attributes",
    "dateCreated",
    "dateUpdated",
    "roleSid",
    "lastReadMessageIndex",
    "lastReadTimestamp",
    "bindings",
]


class ParticipantEmailBinding(TypedDict):
    """Where a member gets e-mail."""

    name: str
    address: str
    level: ParticipantEmailLevel


class ParticipantBindings(TypedDict, total=False):
    """How a member who is not in by chat is reached."""

    email: ParticipantEmailBinding


class ParticipantUpdatedEventArgs(TypedDict):
    """What ``updated`` and ``participantUpdated`` carry."""

    participant: Participant
    updateReasons: list[ParticipantUpdateReason]


class Participant(ReplayEventEmitter):
    """A member of a conversation. There is one object per member and conversation."""

    typingStarted: Final = "typingStarted"
    typingEnded: Final = "typingEnded"
    updated: Final = "updated"

    def __init__(self, session: Session, conversation: Conversation, record: ParticipantRecord) -> None:
        """Stand for *record*."""
        super().__init__(session.listeners)
        self._session = session
        self._conversation = conversation
        self._record = record
        self._typing: Cancellable | None = None

    def __repr__(self) -> str:
        """Name the member."""
        return f"<Participant {self.sid} {self.identity!r}>"

    # What it shows

    @property
    def conversation(self) -> Conversation:
        """Where this is a member."""
        return self._conversation

    @property
    def sid(self) -> str:
        """``MB`` and 32 hex digits."""
        return self._record.sid

    @property
    def identity(self) -> str:
        """Identity of the user."""
        return self._record.identity

    @property
    def attributes(self) -> JSONValue:
        """What the application keeps on the member."""
        return self._record.attributes

    @property
    def dateCreated(self) -> datetime:
        """When the member was added, in UTC."""
        return self._record.date_created

    @property
    def dateUpdated(self) -> datetime:
        """When the member was last changed, in UTC."""
        return self._record.date_updated

    @property
    def isTyping(self) -> bool:
        """Whether the member types just now."""
        return self._typing is not None

    @property
    def lastReadMessageIndex(self) -> int | None:
        """Index of the last message read, as far as the member told."""
        return self._record.last_read_message_index

    @property
    def lastReadTimestamp(self) -> datetime | None:
        """When the member told so, in UTC."""
        return self._record.last_read_timestamp

    @property
    def roleSid(self) -> str:
        """Role: ``RL`` and 32 hex digits; empty where there is none."""
        return self._record.role_sid

    @property
    def type(self) -> ParticipantType:
        """``chat``: ACS Chat has no other members."""
        return self._record.type

    @property
    def bindings(self) -> ParticipantBindings:
        """Empty: a member by chat is not bound to an address."""
        return {}

    # What can be done with it

    async def getUser(self) -> User:
        """Return the user behind the member, followed from now on. `NotFoundError` 50200."""
        if self.type != "chat":
            raise TwilioCompatError(f"Getting User is not supported for this Participant type: {self.type}")
        return await self._session.users.get(self.identity)

    async def remove(self) -> None:
        """Remove the member from the conversation. `NotFoundError` 50432 where it is none any more."""
        await self._conversation.removeParticipant(self)

    @checked(attributes=json_type)
    async def updateAttributes(self, attributes: JSONValue) -> Self:
        """Replace the attributes. `ForbiddenError` 50107 where the user may not; `NotFoundError` 50432."""
        changes = ParticipantChanges(attributes=as_json(attributes))
        await self._conversation._standing.participants.update(self.sid, changes)
        return self

    # What its conversation tells it

    def _take(self, record: ParticipantRecord) -> None:
        """Become *record*, unless that is older, and announce what changed."""
        before = self._record
        if is_older(record, before):
            return
        if record.last_read_timestamp is None:  # as in Twilio's client, a time once told is not taken back
            record = replace(record, last_read_timestamp=before.last_read_timestamp)
        self._record = record
        self._announce_update(
            [
                name
                for name, field in _REASONS.items()
                if not same(getattr(before, field), getattr(record, field))
            ]
        )

    def _announce_update(self, reasons: list[ParticipantUpdateReason]) -> None:
        """Announce that this changed, if anything did."""
        if reasons:
            change = ParticipantUpdatedEventArgs(participant=self, updateReasons=reasons)
            self.emit("updated", change)
            self._conversation._standing.announce("participantUpdated", change)

    def _start_typing(self, seconds: float) -> None:
        """Announce that the member types, or still does, which ends by itself after *seconds*."""
        if self._typing is not None:
            self._typing.cancel()
        self._typing = self._session.call_later(seconds, self._end_typing)
        self._announce("typingStarted")

    def _end_typing(self) -> None:
        """Announce that the member types no longer, if they did."""
        if self._typing is not None:
            self._typing.cancel()
            self._typing = None
            self._announce("typingEnded")

    def _announce(self, event: str) -> None:
        self.emit(event, self)
        self._conversation._standing.announce(event, self)


def is_older(record: ParticipantRecord, than: ParticipantRecord) -> bool:
    """Tell whether *record* is the older one; where only the read horizon moved, that has a time of its own."""
    if moment(record) != moment(than):
        return moment(record) < moment(than)
    read, known = record.last_read_timestamp, than.last_read_timestamp
    return read is not None and known is not None and read < known


_REASONS: Final[dict[ParticipantUpdateReason, str]] = {
    "attributes": "attributes",
    "dateUpdated": "date_updated",
    "dateCreated": "date_created",
    "roleSid": "role_sid",
    "lastReadMessageIndex": "last_read_message_index",
    "lastReadTimestamp": "last_read_timestamp",
}
"""Twilio's update reasons, in the order in which its client tells them, and the fields behind them."""
