"""A message, as Twilio's client shows one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, TypedDict

from twilio_compat.arguments import checked, json_type, string
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.errors import NotFoundError
from twilio_compat.media import Media
from twilio_compat.records import JSONValue, MediaCategory, MessageChanges, MessageRecord

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation
    from twilio_compat.participant import Participant
    from twilio_compat.session import Session

__all__ = ["Message", "MessageType", "MessageUpdatedEventArgs"]

MessageType: TypeAlias = Literal["text", "media"]


class MessageUpdatedEventArgs(TypedDict):
    """What ``updated`` and ``messageUpdated`` carry."""

    message: Message
    updateReasons: list[str]


class Message(ReplayEventEmitter):
    """A message. What it says changes with the edits its client learns of."""

    updated: Final = "updated"

    def __init__(self, session: Session, conversation: Conversation, record: MessageRecord) -> None:
        """Stand for *record*."""
        super().__init__(session.listeners)
        self._session = session
        self._conversation = conversation
        self._record = record

    def __repr__(self) -> str:
        """Name the message, its place and its author."""
        return f"<Message {self.sid} #{self.index} by {self.author!r}>"

    # What it says

    @property
    def conversation(self) -> Conversation:
        """Where it was sent."""
        return self._conversation

    @property
    def sid(self) -> str:
        """``IM`` and 32 hex digits."""
        return self._record.sid

    @property
    def index(self) -> int:
        """Place in the conversation, from 0 in order of sending."""
        return self._record.index

    @property
    def author(self) -> str | None:
        """Identity of who sent it."""
        return self._record.author

    @property
    def participantSid(self) -> str | None:
        """Sid of the member who sent it."""
        return self._record.participant_sid

    @property
    def body(self) -> str | None:
        """Text."""
        return self._record.body

    @property
    def subject(self) -> str | None:
        """Subject, for e-mail."""
        return self._record.subject

    @property
    def attributes(self) -> JSONValue:
        """What the application keeps on the message."""
        return self._record.attributes

    @property
    def type(self) -> MessageType:
        """``media`` where files are attached, else ``text``."""
        return "media" if self._record.media else "text"

    @property
    def dateCreated(self) -> datetime:
        """When it was sent, in UTC."""
        return self._record.date_created

    @property
    def dateUpdated(self) -> datetime:
        """When it was last changed, in UTC."""
        return self._record.date_updated

    @property
    def lastUpdatedBy(self) -> str | None:
        """Identity of who edited it last."""
        return self._record.last_updated_by

    @property
    def attachedMedia(self) -> list[Media]:
        """The attached files."""
        return self.getMediaByCategories(["media"])

    @property
    def media(self) -> Media | None:
        """The first attached file; deprecated at Twilio in favour of `attachedMedia`."""
        return next(iter(self.attachedMedia), None)

    def getMediaByCategories(self, categories: Sequence[MediaCategory]) -> list[Media]:
        """Return the files of the given *categories*."""
        return [Media(self._session, each) for each in self._record.media if each.category in categories]

    # What can be done with it

    async def getParticipant(self) -> Participant:
        """Return the member who sent it. `NotFoundError` where they are none any more."""
        for member in await self._conversation.getParticipants():
            if member.sid == self.participantSid or member.identity == self.author:
                return member
        text = f"Participant with SID '{self.participantSid}' or identity '{self.author}' was not found"
        raise NotFoundError(text, code=50432)

    @checked(body=string)
    async def updateBody(self, body: str) -> Self:
        """Change the text. `ForbiddenError` 50107 where the user may not; `NotFoundError` 50500."""
        return await self._change(MessageChanges(body=body))

    @checked(attributes=json_type)
    async def updateAttributes(self, attributes: JSONValue) -> Self:
        """Replace the attributes; errors as `updateBody`."""
        return await self._change(MessageChanges(attributes=attributes))

    async def remove(self) -> Self:
        """Delete the message; errors as `updateBody`."""
        session = self._session
        await session.backend.messages.delete(session.actor, self._record.conversation_sid, self.sid)
        self._conversation._standing.message_removed(self.index)
        return self

    async def _change(self, changes: MessageChanges) -> Self:
        session = self._session
        where = self._record.conversation_sid
        record = await session.backend.messages.update(session.actor, where, self.sid, changes)
        self._conversation._standing.messages.updated(record)
        return self

    def _take(self, record: MessageRecord) -> list[str]:
        """Become *record*, unless that is older; return what changed, in Twilio's words and order."""
        if record.date_updated < self._record.date_updated:
            return []
        before, self._record = self._record, record
        return [name for name, field in _REASONS.items() if getattr(before, field) != getattr(record, field)]


_REASONS: Final = {
    "body": "body",
    "subject": "subject",
    "lastUpdatedBy": "last_updated_by",
    "author": "author",
    "attributes": "attributes",
    "dateUpdated": "date_updated",
    "media": "media",
}
"""Twilio's update reasons, in the order in which it tells them, and the fields behind them."""
