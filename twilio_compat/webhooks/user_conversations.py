"""What conversations are to their members, of whose reading webhooks are told.

Nobody is asked before somebody reads on: Twilio's pre-event has nothing that would say how far. What a member has read
that somebody else wrote has come to be delivered, which is an event of its own for each message, of the newest ones.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from twilio_compat.account import AccountBackend
from twilio_compat.backend import UserConversations
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    DeliveryReceiptRecord,
    Direction,
    ParticipantRecord,
    UserConversationChanges,
    UserConversationRecord,
)
from twilio_compat.webhooks import events, news
from twilio_compat.webhooks.desk import Desk

MOST_DELIVERIES: Final = 20
"""Messages read at once that webhooks are told of, the newest ones: each takes a request for its receipts."""

_log = logging.getLogger(__name__)


class TellingUserConversations:
    """`UserConversations` of which webhooks are told."""

    def __init__(self, backend: AccountBackend, desk: Desk) -> None:
        """Wrap those of *backend*."""
        self._backend = backend
        self._user_conversations: UserConversations = backend.user_conversations
        self._desk = desk

    async def get(self, actor: Actor, conversation_sid: str) -> UserConversationRecord:
        """As `UserConversations.get`, of which nobody is told."""
        return await self._user_conversations.get(actor, conversation_sid)

    async def update(
        self, actor: Actor, conversation_sid: str, changes: UserConversationChanges
    ) -> UserConversationRecord:
        """Change it. Errors of `UserConversations.update`."""
        old = None
        if changes.last_read_message_index is not UNCHANGED and await self._is_interesting(actor):
            old = await self._reader(actor, conversation_sid)
        record = await self._user_conversations.update(actor, conversation_sid, changes)
        if old is not None and old.last_read_message_index != record.last_read_message_index:
            await self._tell(actor, old, record.last_read_message_index)
        return record

    async def _is_interesting(self, actor: Actor) -> bool:
        return await self._desk.tells(actor, events.PARTICIPANT_UPDATED) or await self._desk.tells(
            actor, events.DELIVERY_UPDATED
        )

    async def _reader(self, actor: Actor, conversation_sid: str) -> ParticipantRecord | None:
        members = await self._backend.participants.list(actor, conversation_sid)
        return next((each for each in members if each.identity == actor.identity), None)

    async def _tell(self, actor: Actor, old: ParticipantRecord, read: int | None) -> None:
        now = self._desk.now()
        reader = replace(old, last_read_message_index=read, last_read_timestamp=None if read is None else now)
        await self._desk.tell(actor, events.PARTICIPANT_UPDATED, lambda: news.participant_updated(reader))
        if read is not None and await self._desk.tells(actor, events.DELIVERY_UPDATED):
            told = [news.delivery_updated(each) for each in await self._deliveries(actor, old, read)]
            await self._desk.announce_of(actor, told)

    async def _deliveries(
        self, actor: Actor, reader: ParticipantRecord, read: int
    ) -> Sequence[DeliveryReceiptRecord]:
        """Return the receipts of what was read just now; that it was read is acknowledged, so nothing is raised."""
        known = reader.last_read_message_index
        count = min(read - (-1 if known is None else known), MOST_DELIVERIES)
        if count < 1:
            return []
        messages, sid = self._backend.messages, reader.conversation_sid
        try:
            page = await messages.page(actor, sid, size=count, anchor=read, direction=Direction.BACKWARDS)
            others = [each for each in page.items if each.participant_sid != reader.sid]
            receipts = [
                receipt for each in others for receipt in await messages.receipts(actor, sid, each.sid)
            ]
        except TwilioCompatError as error:
            _log.warning("Webhooks are not told which messages were read in %s: %s", sid, error)
            return []
        return [each for each in receipts if each.participant_sid == reader.sid and each.status == "read"]
