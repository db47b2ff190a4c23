"""From what is news in a thread to the port's events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from acs_backend import records
from acs_backend.clients import AcsUser
from acs_backend.conversations import Conversations
from acs_backend.event_sources.thread_cursor import ThreadCursor
from acs_backend.ledger.entries import Entry, Kind
from acs_backend.ledger.ledger import Ledger
from acs_backend.messages import Messages
from acs_backend.participants import Participants
from acs_backend.sids import conversation_sid
from acs_backend.store.conversations import Conversation
from acs_backend.store.messages import LedgerRow
from twilio_compat.events import (
    ConversationJoined,
    ConversationLeft,
    Event,
    MessageAdded,
    MessageRemoved,
    MessageUpdated,
    ParticipantJoined,
    ParticipantLeft,
)
from twilio_compat.records import MessageRecord


class Teller:
    """Looks up what an event carries."""

    def __init__(
        self, conversations: Conversations, participants: Participants, messages: Messages, ledger: Ledger
    ) -> None:
        """Ask these parts."""
        self._conversations = conversations
        self._participants = participants
        self._messages = messages
        self._ledger = ledger

    async def tell(
        self, user: AcsUser, thread_id: str, cursor: ThreadCursor, listing: Sequence[Entry]
    ) -> Sequence[Event]:
        """Return what *listing* has of news to a subscriber at *cursor*, in the order to tell it."""
        news = cursor.news(listing)
        conversation = await self._conversations.row(thread_id) if news else None
        if conversation is None:
            return []
        await self._participants.note_arrivals(conversation, listing)
        rows = await self._rows(thread_id, listing, news)
        messages = await self._records(conversation, news, rows)
        events: list[Event] = []
        for entry in news:
            if entry.is_message:
                events += _of_message(conversation, cursor, entry, rows, messages)
            else:
                events += await self._of_members(user, conversation, entry)
        if conversation.state == "inactive":
            await self._conversations.settle(conversation)  # what is news here may have made it active
        return events

    async def collect_receipts(self, user: AcsUser, thread_id: str) -> None:
        """Take note of what native ACS users have read; the change feed tells it."""
        conversation = await self._conversations.row(thread_id)
        if conversation is not None:
            await self._participants.collect_receipts(user, conversation)

    async def leave(
        self, user: AcsUser, thread_id: str, reason: Literal["left", "deleted"]
    ) -> ConversationLeft:
        """Return what to tell a user who is no member of a thread any more."""
        conversation = await self._conversations.row(thread_id)
        if conversation is None:
            return ConversationLeft(conversation_sid=conversation_sid(thread_id), reason=reason)
        themselves = await self._participants.records(conversation, [user.id])
        return ConversationLeft(
            conversation_sid=conversation.sid, reason=reason, participant=next(iter(themselves), None)
        )

    async def _of_self(self, user: AcsUser, conversation: Conversation, entry: Entry) -> Event:
        if entry.kind is Kind.ADDED:
            known = await self._conversations.known(user, [conversation.thread_id])
            joined = records.conversation(known[conversation.thread_id], joined=True)
            return ConversationJoined(conversation=joined)
        return await self.leave(user, conversation.thread_id, "left")

    async def _rows(
        self, thread_id: str, listing: Sequence[Entry], news: Sequence[Entry]
    ) -> Mapping[int, LedgerRow]:
        wanted = [each.message_id for each in news if each.is_message]
        rows = await self._ledger.rows(thread_id, wanted)
        if len(rows) < len(wanted):
            await self._ledger.absorb(thread_id, listing)
            rows = await self._ledger.rows(thread_id, wanted)
        return rows

    async def _records(
        self, conversation: Conversation, news: Sequence[Entry], rows: Mapping[int, LedgerRow]
    ) -> Mapping[int, MessageRecord]:
        shown = [
            (rows[each.message_id], each.message)
            for each in news
            if each.message is not None and not each.deleted and _is_visible(rows.get(each.message_id))
        ]
        records = await self._messages.records(conversation.sid, conversation.thread_id, shown)
        return {row.message_id: each for (row, _), each in zip(shown, records, strict=True)}

    async def _of_members(self, user: AcsUser, conversation: Conversation, entry: Entry) -> Sequence[Event]:
        events: list[Event] = []
        if user.id in entry.members:
            events.append(await self._of_self(user, conversation, entry))
        others = [each for each in entry.members if each != user.id]
        for participant in await self._participants.records(conversation, others):
            if entry.kind is Kind.ADDED:
                events.append(ParticipantJoined(participant=participant))
            else:
                events.append(ParticipantLeft(participant=participant))
        return events


def _of_message(
    conversation: Conversation,
    cursor: ThreadCursor,
    entry: Entry,
    rows: Mapping[int, LedgerRow],
    messages: Mapping[int, MessageRecord],
) -> Sequence[Event]:
    row = rows.get(entry.message_id)
    if row is None or row.index is None:
        return []
    if cursor.is_new(entry):
        return [] if entry.deleted else [MessageAdded(message=messages[entry.message_id])]
    if not entry.deleted:
        return [MessageUpdated(message=messages[entry.message_id])]
    return [MessageRemoved(conversation_sid=conversation.sid, message_sid=row.sid, index=row.index)]


def _is_visible(row: LedgerRow | None) -> bool:
    return row is not None and row.index is not None
