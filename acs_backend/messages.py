"""Messages, by index.

A page of the newest messages costs one request: a listing tells whether the actor is a member, brings the ledger up
to date and has the contents. For older pages the ledger says which messages are wanted; their contents come from
further listing, up to 200 at a time, or one by one where that is fewer requests.

`acs_backend.sender` sees to it that a message is sent exactly once, `acs_backend.message_codec` to what it carries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from azure.communication.chat import ChatMessage
from azure.core.exceptions import ResourceNotFoundError

from acs_backend import message_codec
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.content_templates import ContentTemplates
from acs_backend.conversations import Conversations
from acs_backend.errors import Subject, translated
from acs_backend.event_sources.hub import Hub
from acs_backend.identities import Identities
from acs_backend.ledger import entries
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.listings import LARGEST_PAGE, Listings
from acs_backend.media import Media
from acs_backend.message_codec import DecodedMessage, EncodedMessage
from acs_backend.participants import Participants
from acs_backend.retries import Retries
from acs_backend.sender import Outgoing, Sender
from acs_backend.sids import participant_sid
from acs_backend.store import messages as table
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from acs_backend.times import to_time
from twilio_compat.errors import ForbiddenError, NotFoundError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    Direction,
    JSONValue,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
)

SLACK = 8
"""Entries asked for beyond the size of a page: system messages and deleted ones take room in a listing."""
FETCHES_AT_ONCE = 8
LARGEST_INDEX = 2**31 - 1


class Messages:
    """The port's messages, and what the event sources need of them."""

    def __init__(
        self,
        database: Database,
        clients: AcsClients,
        identities: Identities,
        retries: Retries,
        conversations: Conversations,
        participants: Participants,
        media: Media,
        content_templates: ContentTemplates,
        ledger: Ledger,
        listings: Listings,
        sender: Sender,
        hub: Hub,
        *,
        metadata_budget: int,
    ) -> None:
        """Allow the metadata of a message *metadata_budget* bytes."""
        self._database = database
        self._clients = clients
        self._identities = identities
        self._retries = retries
        self._conversations = conversations
        self._participants = participants
        self._media = media
        self._content_templates = content_templates
        self._ledger = ledger
        self._listings = listings
        self._sender = sender
        self._hub = hub
        self._metadata_budget = metadata_budget

    # The port

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        """Send. Errors of `message_codec.encode`; `ServiceTimeoutError` where the outcome stays unknown."""
        user = await self._identities.acting(actor)
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        draft, content = await self._content_templates.applied(draft)
        encoded = await self._encode(thread_id, draft, content)
        with self._hub.sending(thread_id, draft.mutation_id):
            author = None if actor.identity == user.id else actor.identity
            row = await self._sender.send(user, thread_id, Outgoing(draft.mutation_id, author, encoded))
            message = _sent(actor, conversation_sid, draft, row, participant_sid(thread_id, user.id))
            self._hub.sent(thread_id, row.message_id, message)
        if draft.media:
            await self._media.attach(draft.media, thread_id, row.message_id)
        self._hub.use(user.id, thread_id)
        return message

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        """Return a page, as Twilio's client pages. `ForbiddenError` 50430, `NotFoundError` 50350."""
        user = await self._identities.acting(actor)
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        with translated(Subject.CONVERSATION):
            listing = await self._ledger.catch_up(user, thread_id, size=size + SLACK)
            found = {each.message_id: each.message for each in listing if each.message and not each.deleted}
            while True:
                rows, has_older, has_newer = await self._select(thread_id, size, anchor, direction)
                gone = await self._fetch(user, thread_id, rows, found)
                if not gone:
                    break
                await self._mark_deleted(thread_id, gone)
        self._hub.use(user.id, thread_id)
        items = await self.records(
            conversation_sid, thread_id, [(row, found[row.message_id]) for row in rows]
        )
        return MessagePage(items=tuple(items), has_older=has_older, has_newer=has_newer)

    async def content(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Mapping[str, JSONValue] | None:
        """Return what the template of a message had, filled in, by type. `NotFoundError` 50500."""
        user = await self._identities.acting(actor)
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        row = await self._find(user, thread_id, message_sid)
        (decoded,) = await self._decode(thread_id, [await self._current(user, thread_id, row)])
        return decoded.content if decoded.content_sid else None

    async def update(
        self, actor: Actor, conversation_sid: str, message_sid: str, changes: MessageChanges
    ) -> MessageRecord:
        """Edit one's own message. `NotFoundError` 50500, `ForbiddenError` 50107; errors of `message_codec.encode`."""
        user = await self._identities.acting(actor)
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        row = await self._find(user, thread_id, message_sid)
        old = await self._current(user, thread_id, row)
        if old.sender is None or old.sender.raw_id != user.id:
            raise ForbiddenError("User unauthorized for command", code=50107)
        encoded = await self._edited(thread_id, old, changes)
        metadata = message_codec.metadata_patch(old.metadata or {}, encoded.metadata)
        thread = self._clients.thread(user, thread_id)
        with translated(Subject.MESSAGE):
            await self._retries.idempotent(
                lambda: thread.update_message(old.id, encoded.content, metadata=metadata)
            )
        new = await self._current(user, thread_id, row)
        self._hub.nudge(thread_id)
        return (await self.records(conversation_sid, thread_id, [(row, new)]))[0]

    async def delete(self, actor: Actor, conversation_sid: str, message_sid: str) -> None:
        """Delete one's own message; errors as `update`."""
        user = await self._identities.acting(actor)
        thread_id = await self._conversations.thread_id(actor, conversation_sid)
        row = await self._find(user, thread_id, message_sid)
        thread = self._clients.thread(user, thread_id)
        with translated(Subject.MESSAGE):
            await self._retries.idempotent(lambda: thread.delete_message(str(row.message_id)))
        await self._mark_deleted(thread_id, [row.message_id])
        self._hub.nudge(thread_id)

    # For the event sources

    async def records(
        self, conversation_sid: str, thread_id: str, messages: Sequence[tuple[LedgerRow, ChatMessage]]
    ) -> Sequence[MessageRecord]:
        """Return messages as the port tells them, in the order given."""
        if not messages:
            return []
        senders = {message.sender.raw_id for _, message in messages if message.sender is not None}
        names = await self._identities.names(senders)
        sids = await self._participants.sids(thread_id)
        decoded = await self._decode(thread_id, [message for _, message in messages])
        records = []
        for (row, message), each in zip(messages, decoded, strict=True):
            sender = message.sender.raw_id if message.sender is not None else ""
            author = names.get(sender)
            await self._media.adopt(each.media, each.links, author or "")
            records.append(_record(conversation_sid, row, message, each, author, sids.get(sender)))
        return records

    # Reading

    async def _select(
        self, thread_id: str, size: int, anchor: int | None, direction: Direction
    ) -> tuple[Sequence[LedgerRow], bool, bool]:
        """Return the rows of a page in ascending order, whether older ones exist, and whether newer ones do."""
        older = direction is Direction.BACKWARDS
        start = min(anchor, LARGEST_INDEX - 1) if anchor is not None else None
        async with self._database.read() as connection:
            rows = await table.around(connection, thread_id, start=start, older=older, limit=size + 1)
            beyond = 0
            if start is not None:
                behind = start + 1 if older else start - 1
                beyond = len(
                    await table.around(connection, thread_id, start=behind, older=not older, limit=1)
                )
        more, wanted = len(rows) > size, rows[:size]
        if older:
            return wanted[::-1], more, bool(beyond)
        return wanted, bool(beyond), more

    async def _fetch(
        self, user: AcsUser, thread_id: str, rows: Sequence[LedgerRow], found: dict[int, ChatMessage]
    ) -> Sequence[int]:
        """Add the contents of *rows* to *found*; return the ids of those that are deleted or gone by now."""
        missing = [row for row in rows if row.message_id not in found]
        if missing:
            standing = await self._ledger.standing(thread_id)
            requests = (standing.next_index - _visible(missing[0])) // LARGEST_PAGE + 1
            if requests < len(missing):
                await self._fetch_listed(user, thread_id, {row.message_id for row in missing}, found)
        left = [row.message_id for row in rows if row.message_id not in found]
        for start in range(0, len(left), FETCHES_AT_ONCE):
            batch = left[start : start + FETCHES_AT_ONCE]
            fetched = await asyncio.gather(*(self._fetch_one(user, thread_id, each) for each in batch))
            found |= {each: message for each, message in zip(batch, fetched, strict=True) if message}
        return [each for each in left if each not in found]

    async def _fetch_listed(
        self, user: AcsUser, thread_id: str, wanted: set[int], found: dict[int, ChatMessage]
    ) -> None:
        oldest = min(wanted)
        listing = await self._listings.read(
            user, thread_id, size=LARGEST_PAGE, known=lambda each: each.version <= oldest
        )
        found |= {each.message_id: each.message for each in listing if each.message and not each.deleted}

    async def _fetch_one(self, user: AcsUser, thread_id: str, message_id: int) -> ChatMessage | None:
        thread = self._clients.thread(user, thread_id)
        try:
            message = await self._retries.idempotent(lambda: thread.get_message(str(message_id)))
        except ResourceNotFoundError:
            return None
        return None if entries.read(message).deleted else message

    async def _find(self, user: AcsUser, thread_id: str, sid: str) -> LedgerRow:
        """Return the row of a message that is there."""
        row = await self._row(thread_id, sid)
        if row is None:
            with translated(Subject.CONVERSATION):
                await self._ledger.catch_up(user, thread_id, size=LARGEST_PAGE)
            row = await self._row(thread_id, sid)
        if row is None or row.index is None or row.deleted:
            raise _not_found()
        return row

    async def _row(self, thread_id: str, sid: str) -> LedgerRow | None:
        async with self._database.read() as connection:
            return await table.by_sid(connection, thread_id, sid)

    async def _current(self, user: AcsUser, thread_id: str, row: LedgerRow) -> ChatMessage:
        with translated(Subject.CONVERSATION):
            message = await self._fetch_one(user, thread_id, row.message_id)
        if message is None:
            raise _not_found()
        return message

    # Translating

    async def _encode(
        self,
        thread_id: str,
        draft: MessageDraft,
        content: Mapping[str, JSONValue],
        urls: Mapping[str, str] | None = None,
    ) -> EncodedMessage:
        urls = dict(urls or {})
        kept = [each for each in draft.media if each.sid not in urls]
        if kept:
            urls |= await self._media.attachment_urls(kept)
        encoded = message_codec.encode(draft, urls, budget=self._metadata_budget, content=content)
        if encoded.overflow_id is not None and encoded.overflow is not None:
            async with self._database.write() as connection:
                await table.add_overflow(connection, thread_id, encoded.overflow_id, encoded.overflow)
        return encoded

    async def _edited(self, thread_id: str, old: ChatMessage, changes: MessageChanges) -> EncodedMessage:
        """Return what *old* becomes; what does not change stays, its media and its mutation id above all."""
        (decoded,) = await self._decode(thread_id, [old])
        draft = MessageDraft(
            mutation_id=decoded.mutation_id or "",
            body=decoded.body if changes.body is UNCHANGED else changes.body,
            attributes=decoded.attributes if changes.attributes is UNCHANGED else changes.attributes,
            subject=decoded.subject,
            media=decoded.media,
            content_sid=decoded.content_sid,
        )
        return await self._encode(thread_id, draft, decoded.content, decoded.links)

    async def _decode(self, thread_id: str, messages: Sequence[ChatMessage]) -> Sequence[DecodedMessage]:
        referenced = {message_codec.overflow_id(each.metadata or {}) for each in messages} - {None}
        overflows: Mapping[str, str] = {}
        if referenced:
            async with self._database.read() as connection:
                overflows = await table.overflow_contents(
                    connection, thread_id, [each for each in referenced if each]
                )
        return [_decoded(each, overflows) for each in messages]

    async def _mark_deleted(self, thread_id: str, message_ids: Iterable[int]) -> None:
        async with self._database.write() as connection:
            await table.mark_deleted(connection, thread_id, message_ids)


def _decoded(message: ChatMessage, overflows: Mapping[str, str]) -> DecodedMessage:
    metadata = message.metadata or {}
    content = (message.content.message if message.content else None) or ""
    return message_codec.decode(content, metadata, overflows.get(message_codec.overflow_id(metadata) or ""))


def _sent(
    actor: Actor, conversation_sid: str, draft: MessageDraft, row: LedgerRow, participant: str
) -> MessageRecord:
    sent = to_time(row.message_id)
    return MessageRecord(
        sid=row.sid,
        conversation_sid=conversation_sid,
        index=_visible(row),
        author=actor.identity,
        body=draft.body,
        attributes=draft.attributes,
        date_created=sent,
        date_updated=sent,
        subject=draft.subject,
        media=draft.media,
        participant_sid=participant,
        content_sid=draft.content_sid,
    )


def _record(
    conversation_sid: str,
    row: LedgerRow,
    message: ChatMessage,
    decoded: DecodedMessage,
    author: str | None,
    participant: str | None,
) -> MessageRecord:
    return MessageRecord(
        sid=row.sid,
        conversation_sid=conversation_sid,
        index=_visible(row),
        author=author,
        body=decoded.body,
        attributes=decoded.attributes,
        date_created=to_time(row.message_id),
        date_updated=to_time(int(message.version)),
        subject=decoded.subject,
        media=decoded.media,
        participant_sid=participant,
        last_updated_by=author if message.edited_on is not None else None,
        content_sid=decoded.content_sid,
    )


def _visible(row: LedgerRow) -> int:
    """Return the index of a message that has one, which every message does that a reader is shown."""
    if row.index is None:
        raise AssertionError(f"{row.sid} is a second copy, which nobody may see")
    return row.index


def _not_found() -> NotFoundError:
    return NotFoundError("Message not found", code=50500)
