"""A message, as Twilio's client shows one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, TypedDict

from twilio_compat.arguments import as_json, checked, json_type, non_empty_string, optional, string
from twilio_compat.cancellable import CancellablePromise
from twilio_compat.content_data import ContentData
from twilio_compat.content_reading import shown
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.errors import ClientNotFoundError, NotFoundError
from twilio_compat.media import Media, any_media, media_sids, some_media, temporary_urls
from twilio_compat.message_update import MessageUpdateReason, merged, read_up_to, reasons
from twilio_compat.receipts import AggregatedDeliveryReceipt, DetailedDeliveryReceipt
from twilio_compat.recency import moment
from twilio_compat.recipients import ChannelMetadata, RecipientDescriptor
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
    updateReasons: list[MessageUpdateReason]


class Message(ReplayEventEmitter):
    """A message. What it says changes with the edits its client learns of."""

    updated: Final = "updated"

    def __init__(self, session: Session, conversation: Conversation, record: MessageRecord) -> None:
        """Stand for *record*."""
        super().__init__(session.listeners)
        self._session = session
        self._conversation = conversation
        self._record = record
        self._receipts_followed = False

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
    def contentSid(self) -> str | None:
        """``HX`` and 32 hex digits, of the content template that the message was made of."""
        return self._record.content_sid

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
    def aggregatedDeliveryReceipt(self) -> AggregatedDeliveryReceipt | None:
        """How many of the other members have read it; None where there are no others.

        Who has looked here hears of changes as ``updated`` with the reason ``deliveryReceipt``. Nobody else does,
        since a chat message has no receipts at Twilio.
        """
        self._receipts_followed = True
        return AggregatedDeliveryReceipt._of(self._record.delivery)

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

    def getMediaByCategory(self, categories: Sequence[MediaCategory]) -> list[Media]:
        """Do as `getMediaByCategories` does; deprecated at Twilio in favour of it."""
        return self.getMediaByCategories(categories)

    @checked(type=optional(non_empty_string))
    def getEmailBody(self, type: str | None = "text/plain") -> Media | None:
        """Return the body of an e-mail that has the given MIME type."""
        return self._part("body", type)

    @checked(type=optional(non_empty_string))
    def getEmailHistory(self, type: str | None = "text/plain") -> Media | None:
        """Return the history of an e-mail, what it replies to, that has the given MIME type."""
        return self._part("history", type)

    # Where its files are

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

    def getTemporaryContentUrlsForAttachedMedia(self) -> CancellablePromise[dict[str, str]]:
        """Return the URLs of `attachedMedia` by sid. `ArgumentError` where there are none, as at Twilio."""
        return self.getTemporaryContentUrlsForMediaSids([each.sid for each in self.attachedMedia])

    @checked(contentSet=any_media)
    async def attachTemporaryUrlsFor(self, contentSet: Sequence[Media]) -> list[Media]:
        """Return the files as they are, if all exist; deprecated at Twilio. `NotFoundError` 50507."""
        if contentSet:
            await self.getTemporaryContentUrlsForMedia(contentSet)
        return [*contentSet]

    # What can be done with it

    async def getParticipant(self) -> Participant:
        """Return the member who sent it. `NotFoundError` 50432 where they are none any more."""
        sender = await self._sender()
        if sender is None:
            raise ClientNotFoundError(f"Participant {self._sender_named()}was not found", code=50432)
        return sender

    async def getDetailedDeliveryReceipts(self) -> list[DetailedDeliveryReceipt]:
        """Return what became of it at each of the other members, and follow it from now on. `NotFoundError` 50500."""
        self._receipts_followed = True
        session, where = self._session, self._record.conversation_sid
        records = await session.backend.messages.receipts(session.actor, where, self.sid)
        return [DetailedDeliveryReceipt._of(each) for each in records]

    def getContentData(self) -> CancellablePromise[ContentData | None]:
        """Return what it shows where it was made of a content template, filled in; else None. `NotFoundError` 50500."""
        return self._session.promises.begin(self._content_data())

    async def getChannelMetadata(self) -> ChannelMetadata | None:
        """Return None: chat has no metadata of its channel, and ACS carries chat alone."""
        return None

    async def getMessageRecipients(self) -> list[RecipientDescriptor]:
        """Return an empty list: only an e-mail has such recipients. `getDetailedDeliveryReceipts` has the members."""
        return []

    @checked(body=string)
    async def updateBody(self, body: str) -> Self:
        """Change the text. `ForbiddenError` 50107 where the user may not; `NotFoundError` 50500."""
        return await self._change(MessageChanges(body=body))

    @checked(attributes=json_type)
    async def updateAttributes(self, attributes: JSONValue) -> Self:
        """Replace the attributes; errors as `updateBody`."""
        return await self._change(MessageChanges(attributes=as_json(attributes)))

    async def remove(self) -> Self:
        """Delete the message; errors as `updateBody`."""
        session = self._session
        await session.backend.messages.delete(session.actor, self._record.conversation_sid, self.sid)
        self._conversation._standing.message_removed(self.index)
        return self

    def _part(self, category: MediaCategory, type: str | None) -> Media | None:
        parts = self.getMediaByCategories([category])
        return next((each for each in parts if each.contentType == (type or "text/plain")), None)

    async def _change(self, changes: MessageChanges) -> Self:
        session = self._session
        where = self._record.conversation_sid
        record = await session.backend.messages.update(session.actor, where, self.sid, changes)
        self._conversation._standing.messages.updated(record)
        return self

    async def _content_data(self) -> ContentData | None:
        if self.contentSid is None:
            return None
        session, where = self._session, self._record.conversation_sid
        types = await session.backend.messages.content(session.actor, where, self.sid)
        return shown(types or {})

    async def _sender(self) -> Participant | None:
        """Look for the sender by sid and then by identity, as Twilio's client does."""
        lookups = (
            (self._conversation.getParticipantBySid, self.participantSid),
            (self._conversation.getParticipantByIdentity, self.author),
        )
        for look_up, name in lookups:
            if name:
                try:
                    return await look_up(name)
                except NotFoundError:
                    continue
        return None

    def _sender_named(self) -> str:
        sid = f"SID '{self.participantSid}'" if self.participantSid else ""
        identity = f"identity '{self.author}'" if self.author else ""
        named = " or ".join(filter(None, (sid, identity)))
        return f"with {named} " if named else ""

    def _take(self, record: MessageRecord) -> list[MessageUpdateReason]:
        """Become *record*, unless that is older; return what changed, in Twilio's words and order.

        As in Twilio's client, what *record* leaves out of a few fields does not take away what is known.
        """
        if moment(record) < moment(self._record):
            return []
        return self._become(merged(self._record, record))

    def _read_up_to(self, participant_sid: str, index: int | None) -> list[MessageUpdateReason]:
        """Learn how far a member has read; return what changed."""
        return self._become(read_up_to(self._record, participant_sid, index))

    def _become(self, record: MessageRecord) -> list[MessageUpdateReason]:
        before, self._record = self._record, record
        unheard = () if self._receipts_followed else ("deliveryReceipt",)
        return [each for each in reasons(before, record) if each not in unheard]
