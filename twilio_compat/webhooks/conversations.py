"""The conversations of a service whose webhooks are asked before, and told after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twilio_compat.account import AccountConversations, ConversationQuery, StateMove
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
)
from twilio_compat.webhooks import answers, events, news, parameters
from twilio_compat.webhooks.desk import Desk


class TellingConversations:
    """`AccountConversations` of which webhooks are told."""

    def __init__(self, conversations: AccountConversations, desk: Desk) -> None:
        """Wrap *conversations*."""
        self._conversations = conversations
        self._desk = desk

    async def create(self, actor: Actor, draft: ConversationDraft) -> ConversationRecord:
        """Make one, as the webhook wants it. Errors of `Conversations.create`; `ForbiddenError` 50056."""
        if await self._desk.asks(actor, events.CONVERSATION_ADDED):
            told = parameters.of_new_conversation(draft)
            wanted = await self._desk.ask(actor, events.CONVERSATION_ADDED, told)
            draft = answers.changed_conversation(draft, wanted)
        record = await self._conversations.create(actor, draft)
        self._desk.note_messaging_service(record)
        await self._desk.tell(actor, events.CONVERSATION_ADDED, lambda: news.conversation_added(record))
        return record

    async def update(self, actor: Actor, sid: str, changes: ConversationChanges) -> ConversationRecord:
        """Change it, as the webhook wants it. Errors of `Conversations.update`; `ForbiddenError` 50056."""
        asks = await self._desk.asks(actor, events.CONVERSATION_UPDATED)
        moves = changes.state is not UNCHANGED and await self._desk.tells(
            actor, events.CONVERSATION_STATE_UPDATED
        )
        old = await self._conversations.get(actor, sid) if asks or moves else None
        if asks and old is not None:
            told = parameters.of_conversation(_changed(old, changes))
            wanted = await self._desk.ask(actor, events.CONVERSATION_UPDATED, told)
            changes = answers.changed_conversation_changes(changes, wanted)
        record = await self._conversations.update(actor, sid, changes)
        self._desk.note_messaging_service(record)
        await self._desk.tell(actor, events.CONVERSATION_UPDATED, lambda: news.conversation_updated(record))
        if moves and old is not None and old.state.current != record.state.current:
            move = StateMove(conversation=record, before=old.state.current)
            await self._desk.tell(
                actor, events.CONVERSATION_STATE_UPDATED, lambda: news.state_updated(move, "API")
            )
        return record

    async def delete(self, actor: Actor, sid: str) -> None:
        """Delete it. Errors of `Conversations.delete`; `ForbiddenError` 50056."""
        asks = await self._desk.asks(actor, events.CONVERSATION_REMOVED)
        old = None
        if asks or await self._desk.tells(actor, events.CONVERSATION_REMOVED):
            old = await self._conversations.get(actor, sid)
        if asks and old is not None:
            await self._desk.ask(actor, events.CONVERSATION_REMOVED, parameters.of_conversation(old))
        await self._conversations.delete(actor, sid)
        now = self._desk.now()
        await self._desk.tell(
            actor,
            events.CONVERSATION_REMOVED,
            lambda: (
                news.unknown_conversation_removed(sid) if old is None else news.conversation_removed(old, now)
            ),
        )
        await self._desk.forget_conversation(sid)

    async def move_due(self) -> Sequence[StateMove]:
        """Move on those whose timers have run out, and tell it."""
        moves = await self._conversations.move_due()
        await self._desk.announce([news.state_updated(each) for each in moves], source=None)
        return moves

    # Nobody is told of these

    async def page(
        self, actor: Actor, query: ConversationQuery, *, after: str | None, limit: int
    ) -> Sequence[ConversationRecord]:
        """As `AccountConversations.page`."""
        return await self._conversations.page(actor, query, after=after, limit=limit)

    async def get(self, actor: Actor, sid: str) -> ConversationRecord:
        """As `Conversations.get`."""
        return await self._conversations.get(actor, sid)

    async def get_by_unique_name(self, actor: Actor, unique_name: str) -> ConversationRecord:
        """As `Conversations.get_by_unique_name`."""
        return await self._conversations.get_by_unique_name(actor, unique_name)

    async def sid_of(self, actor: Actor, unique_name: str) -> str:
        """As `AccountConversations.sid_of`."""
        return await self._conversations.sid_of(actor, unique_name)

    async def list(self, actor: Actor) -> Sequence[ConversationRecord]:
        """As `Conversations.list`."""
        return await self._conversations.list(actor)


def _changed(record: ConversationRecord, changes: ConversationChanges) -> ConversationRecord:
    """Return a conversation as it will be."""
    return replace(
        record,
        friendly_name=record.friendly_name if changes.friendly_name is UNCHANGED else changes.friendly_name,
        unique_name=record.unique_name if changes.unique_name is UNCHANGED else changes.unique_name,
        attributes=record.attributes if changes.attributes is UNCHANGED else changes.attributes,
    )
