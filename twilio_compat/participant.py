"""A member of a conversation, as Twilio's client shows one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.records import JSONValue, ParticipantRecord

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation
    from twilio_compat.session import Session

__all__ = ["Participant"]


class Participant(ReplayEventEmitter):
    """A member of a conversation. There is one object per member and conversation."""

    def __init__(self, session: Session, conversation: Conversation, record: ParticipantRecord) -> None:
        """Stand for *record*."""
        super().__init__(session.listeners)
        self._conversation = conversation
        self._record = record

    def __repr__(self) -> str:
        """Name the member."""
        return f"<Participant {self.sid} {self.identity!r}>"

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
    def lastReadMessageIndex(self) -> int | None:
        """Index of the last message read, as far as the member told."""
        return self._record.last_read_message_index

    @property
    def lastReadTimestamp(self) -> datetime | None:
        """When the member told so."""
        return self._record.last_read_timestamp

    @property
    def roleSid(self) -> str:
        """Role; empty where there is none."""
        return self._record.role_sid

    @property
    def type(self) -> str:
        """``chat``."""
        return self._record.type

    async def remove(self) -> None:
        """Remove the member from the conversation. `NotFoundError` 50432 where it is none any more."""
        await self._conversation.removeParticipant(self)

    def _take(self, record: ParticipantRecord) -> None:
        self._record = record
