"""The conversations of one client: one object each, and the events that change them.

What a backend reports and what the client's own calls bring come together here. A conversation the user is in, or
made through this client, is held until they leave it; any other only for as long as the application holds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from twilio_compat import events
from twilio_compat.conversation import Conversation
from twilio_compat.paginator import Paginator, pages_of
from twilio_compat.records import ConversationDraft, ConversationRecord

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = ["Conversations"]

PAGE_SIZE: Final = 50
"""Conversations on a page, as at Twilio."""

_AT_A_TIME: Final = 10
"""In how many conversations to look at once for what was missed."""


class Conversations:
    """What one client knows of conversations."""

    def __init__(self, session: Session) -> None:
        """Know none yet."""
        self._session = session
        self._met: WeakValueDictionary[str, Conversation] = WeakValueDictionary()
        self._held: dict[str, Conversation] = {}

    # Calls

    async def create(self, draft: ConversationDraft) -> Conversation:
        """Make one and announce it; the user is not in it."""
        session = self._session
        record = await session.backend.conversations.create(session.actor, draft)
        conversation = self._meet(record)
        conversation._standing.created()
        return conversation

    async def get(self, sid: str) -> Conversation:
        """Return one: from memory where the user is in it, else as `peek`."""
        held = self._held.get(sid)
        return held if held is not None and held.status == "joined" else await self.peek(sid)

    async def peek(self, sid: str) -> Conversation:
        """Fetch one."""
        session = self._session
        return self._learn(await session.backend.conversations.get(session.actor, sid))

    async def get_by_unique_name(self, unique_name: str) -> Conversation:
        """Fetch one by its unique name."""
        session = self._session
        return self._learn(await session.backend.conversations.get_by_unique_name(session.actor, unique_name))

    async def subscribed(self) -> Paginator[Conversation]:
        """Fetch those the user is in, in ascending order of sid."""
        session = self._session
        records = await session.backend.conversations.list(session.actor)
        return pages_of([self._learn(each) for each in records], PAGE_SIZE)

    # News

    async def synchronize(self, records: Iterable[ConversationRecord]) -> None:
        """Learn which conversations the user is in, and fetch messages that were missed in them."""
        self._session.echoes.forget()
        current = {record.sid: record for record in records}
        for sid in [
            sid for sid, each in self._held.items() if each.status == "joined" and sid not in current
        ]:
            self._leave(events.ConversationLeft(conversation_sid=sid, reason="left"))
        for record in current.values():
            self._join(record)
        await self._catch_up(current.values())

    async def _catch_up(self, records: Iterable[ConversationRecord]) -> None:
        """Fetch what was missed, from a few conversations at a time; nothing is asked where nothing was.

        Raises the first of the errors that there were, when everything else was fetched.
        """
        found = ((self._held.get(each.sid), each.last_message) for each in records)
        behind = [
            (each._standing, last)
            for each, last in found
            if each is not None and each._standing.is_behind(last)
        ]
        outcomes: list[BaseException | None] = []
        for start in range(0, len(behind), _AT_A_TIME):
            few = behind[start : start + _AT_A_TIME]
            outcomes += await asyncio.gather(
                *(standing.catch_up(last) for standing, last in few), return_exceptions=True
            )
        if error := next(filter(None, outcomes), None):
            raise error

    def apply(self, event: events.Event) -> None:
        """Let *event* change what it is about; one about a conversation the user is not in is ignored."""
        match event:
            case events.ConversationJoined(conversation=record):
                self._joined(record)
            case events.ConversationLeft():
                if not self._session.echoes.take(event.conversation_sid, "left"):
                    self._leave(event)
            case events.ConversationUpdated(conversation=record):
                if (conversation := self._met.get(record.sid)) is not None:
                    conversation._standing.take(record)
            case events.ParticipantJoined(participant=member) if known := self._held.get(
                member.conversation_sid
            ):
                known._standing.participants.joined(member)
            case events.ParticipantLeft(participant=member) if known := self._held.get(
                member.conversation_sid
            ):
                known._standing.participants.left(member)
            case events.ParticipantUpdated(participant=member) if known := self._held.get(
                member.conversation_sid
            ):
                known._standing.participant_updated(member)
            case events.TypingStarted(participant=member) if known := self._held.get(member.conversation_sid):
                known._standing.participants.typed(member, event.timeout)
            case events.MessageAdded(message=message) if known := self._held.get(message.conversation_sid):
                known._standing.messages.added(message)
            case events.MessageUpdated(message=message) if known := self._held.get(message.conversation_sid):
                known._standing.messages.updated(message)
            case events.MessageRemoved() if known := self._held.get(event.conversation_sid):
                known._standing.message_removed(event.index)

    def _joined(self, record: ConversationRecord) -> None:
        if not self._session.echoes.take(record.sid, "joined"):
            self._join(record)
        elif (conversation := self._met.get(record.sid)) is not None:
            conversation._standing.confirmed(record)

    def _join(self, record: ConversationRecord) -> None:
        self._meet(record)._standing.joined(record)

    def _leave(self, event: events.ConversationLeft) -> None:
        if (conversation := self._held.get(event.conversation_sid)) is not None:
            conversation._standing.left(event.reason, event.participant)

    def _learn(self, record: ConversationRecord) -> Conversation:
        """Return the object of a record that a call brought, brought up to date.

        That the user is in it is out of date where they left while the call was under way.
        """
        conversation = self._meet(record)
        if record.joined and not self._session.echoes.expects(record.sid, "left"):
            self._join(record)
        else:
            conversation._standing.take(record)
        return conversation

    def _meet(self, record: ConversationRecord) -> Conversation:
        conversation = self._met.get(record.sid)
        if conversation is None:
            conversation = self._met[record.sid] = Conversation(self._session, record, self._held)
        return conversation
