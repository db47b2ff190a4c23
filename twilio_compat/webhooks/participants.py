"""The participants of a service whose webhooks are asked before, and told after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twilio_compat.account import AccountBackend, account_actor
from twilio_compat.backend import Participants
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
)
from twilio_compat.webhooks import events, news, parameters
from twilio_compat.webhooks.desk import Desk


class TellingParticipants:
    """`Participants` of which webhooks are told."""

    def __init__(self, backend: AccountBackend, desk: Desk) -> None:
        """Wrap those of *backend*."""
        self._backend = backend
        self._participants: Participants = backend.participants
        self._desk = desk

    async def create(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> ParticipantRecord:
        """Add a member. Errors of `Participants.create`; `ForbiddenError` 50056."""
        if await self._desk.asks(actor, events.PARTICIPANT_ADDED):
            role_sid = draft.role_sid or await self._role(conversation_sid, draft.identity)
            told = parameters.of_new_participant(conversation_sid, draft, role_sid=role_sid)
            await self._desk.ask(actor, events.PARTICIPANT_ADDED, told)
        began = self._desk.now()
        record = await self._participants.create(actor, conversation_sid, draft)
        await self._desk.tell_if_new(actor, draft.identity, began)
        now = self._desk.now()
        await self._desk.tell(actor, events.PARTICIPANT_ADDED, lambda: news.participant_added(record, now))
        return record

    async def update(
        self, actor: Actor, conversation_sid: str, sid_or_identity: str, changes: ParticipantChanges
    ) -> ParticipantRecord:
        """Change a member. Errors of `Participants.update`; `ForbiddenError` 50056."""
        if await self._desk.asks(actor, events.PARTICIPANT_UPDATED):
            old = await self._find(actor, conversation_sid, sid_or_identity)
            if old is not None:
                told = parameters.of_participant(_changed(old, changes), with_update=True)
                await self._desk.ask(actor, events.PARTICIPANT_UPDATED, told)
        record = await self._participants.update(actor, conversation_sid, sid_or_identity, changes)
        await self._desk.tell(actor, events.PARTICIPANT_UPDATED, lambda: news.participant_updated(record))
        return record

    async def delete(self, actor: Actor, conversation_sid: str, sid_or_identity: str) -> None:
        """Remove a member. Errors of `Participants.delete`; `ForbiddenError` 50056."""
        asks = await self._desk.asks(actor, events.PARTICIPANT_REMOVED)
        old = None
        if asks or await self._desk.may_tell(events.PARTICIPANT_REMOVED):
            old = await self._find(actor, conversation_sid, sid_or_identity)
        if asks and old is not None:
            told = parameters.of_participant(old, with_update=True)
            await self._desk.ask(actor, events.PARTICIPANT_REMOVED, told)
        await self._participants.delete(actor, conversation_sid, sid_or_identity)
        if old is not None:
            left, now = old, self._desk.now()
            await self._desk.tell(
                actor, events.PARTICIPANT_REMOVED, lambda: news.participant_removed(left, now)
            )

    # Nobody is told of these

    async def list(self, actor: Actor, conversation_sid: str) -> Sequence[ParticipantRecord]:
        """As `Participants.list`."""
        return await self._participants.list(actor, conversation_sid)

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """As `Participants.count`."""
        return await self._participants.count(actor, conversation_sid)

    async def typing(self, actor: Actor, conversation_sid: str) -> float:
        """As `Participants.typing`."""
        return await self._participants.typing(actor, conversation_sid)

    # Asking

    async def _find(
        self, actor: Actor, conversation_sid: str, sid_or_identity: str
    ) -> ParticipantRecord | None:
        members = await self._participants.list(actor, conversation_sid)
        return next((each for each in members if sid_or_identity in (each.sid, each.identity)), None)

    async def _role(self, conversation_sid: str, identity: str) -> str:
        """Return the role that somebody will have who is given none."""
        account = account_actor(self._backend.service_sid)
        conversation = await self._backend.conversations.get(account, conversation_sid)
        defaults = await self._backend.roles.defaults()
        return defaults.conversation_creator if identity == conversation.created_by else defaults.conversation


def _changed(record: ParticipantRecord, changes: ParticipantChanges) -> ParticipantRecord:
    """Return a member as they will be."""
    return replace(
        record,
        attributes=record.attributes if changes.attributes is UNCHANGED else changes.attributes,
        role_sid=record.role_sid if changes.role_sid is UNCHANGED else changes.role_sid,
    )
