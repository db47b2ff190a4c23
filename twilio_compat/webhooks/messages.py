"""The messages of a service whose webhooks are asked before, and told after."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from twilio_compat.account import AccountBackend, account_actor
from twilio_compat.backend import Messages
from twilio_compat.errors import ForbiddenError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    DeliveryReceiptRecord,
    Direction,
    JSONValue,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
    ParticipantRecord,
)
from twilio_compat.webhooks import answers, events, news, parameters
from twilio_compat.webhooks.desk import Desk, Wishes, is_told

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED: Final = 1000
"""Sids of writers, and answers about messages whose sending failed, that are remembered."""
SEND, SEND_MEDIA = "sendMessage", "sendMediaMessage"
"""What a role must allow to write, and to write with files."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A message as the webhook wants it; ``by_another``: as written by whom the webhook named."""

    draft: MessageDraft
    by_another: bool = False


class TellingMessages:
    """`Messages` of which webhooks are told."""

    def __init__(self, backend: AccountBackend, desk: Desk) -> None:
        """Wrap those of *backend*."""
        self._backend = backend
        self._messages: Messages = backend.messages
        self._desk = desk
        self._writers: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Sids of participants, by conversation and identity."""
        self._asked: OrderedDict[str, _Wanted] = OrderedDict()
        """What was answered, by mutation id: a draft that is sent again, after a failure, is the same message."""

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        """Send, as the webhook wants it. Errors of `Messages.create`; `ForbiddenError` 50056, `LimitError`."""
        if not is_told(actor):
            return await self._messages.create(actor, conversation_sid, replace(draft, is_quiet=True))
        wanted = await self._wanted(actor, conversation_sid, draft)
        writer = actor
        if wanted.by_another:
            await self._check_writer(actor, conversation_sid, draft)
            writer = account_actor(self._backend.service_sid)
        record = await self._messages.create(writer, conversation_sid, wanted.draft)
        self._asked.pop(draft.mutation_id, None)
        if record.participant_sid is not None and not wanted.by_another:
            _remember(self._writers, (conversation_sid, actor.identity), record.participant_sid)
        await self._desk.tell(actor, events.MESSAGE_ADDED, lambda: news.message_added(record))
        return record

    async def update(
        self, actor: Actor, conversation_sid: str, message_sid: str, changes: MessageChanges
    ) -> MessageRecord:
        """Edit, as the webhook wants it. Errors of `Messages.update`; `ForbiddenError` 50056."""
        author = None
        if await self._desk.asks(actor, events.MESSAGE_UPDATED):
            old = await self._messages.get(actor, conversation_sid, message_sid)
            told = parameters.of_message(_changed(old, changes), with_update=True)
            wanted = await self._desk.ask(actor, events.MESSAGE_UPDATED, told)
            changes, author = answers.changed_changes(changes, wanted), answers.author(wanted)
        record = await self._messages.update(actor, conversation_sid, message_sid, changes)
        if author is not None:
            record = await self._messages.update(
                account_actor(self._backend.service_sid),
                conversation_sid,
                message_sid,
                MessageChanges(author=author),
            )
        await self._desk.tell(actor, events.MESSAGE_UPDATED, lambda: news.message_updated(record))
        return record

    async def delete(self, actor: Actor, conversation_sid: str, message_sid: str) -> None:
        """Delete. Errors of `Messages.delete`; `ForbiddenError` 50056."""
        asks = await self._desk.asks(actor, events.MESSAGE_REMOVED)
        old = None
        if asks or await self._desk.tells(actor, events.MESSAGE_REMOVED):
            old = await self._messages.get(actor, conversation_sid, message_sid)
        if asks and old is not None:
            told = parameters.of_message(old, with_update=True)
            await self._desk.ask(actor, events.MESSAGE_REMOVED, told)
        await self._messages.delete(actor, conversation_sid, message_sid)
        now = self._desk.now()
        await self._desk.tell(
            actor,
            events.MESSAGE_REMOVED,
            lambda: (
                news.unknown_message_removed(conversation_sid, message_sid, 0, now)
                if old is None
                else news.message_removed(old, now)
            ),
        )

    # Nobody is told of these

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        """As `Messages.page`."""
        return await self._messages.page(
            actor, conversation_sid, size=size, anchor=anchor, direction=direction
        )

    async def get(self, actor: Actor, conversation_sid: str, message_sid: str) -> MessageRecord:
        """As `Messages.get`."""
        return await self._messages.get(actor, conversation_sid, message_sid)

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """As `Messages.count`."""
        return await self._messages.count(actor, conversation_sid)

    async def receipts(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Sequence[DeliveryReceiptRecord]:
        """As `Messages.receipts`."""
        return await self._messages.receipts(actor, conversation_sid, message_sid)

    async def content(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Mapping[str, JSONValue] | None:
        """As `Messages.content`."""
        return await self._messages.content(actor, conversation_sid, message_sid)

    # Asking

    async def _wanted(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> _Wanted:
        """Return *draft* as the webhook wants it, which is asked once for all attempts to send it."""
        if not await self._desk.asks(actor, events.MESSAGE_ADDED):
            return _Wanted(draft)
        known = self._asked.get(draft.mutation_id)
        if known is not None:
            return replace(known, draft=replace(known.draft, is_first=draft.is_first))
        participant_sid = await self._writer(actor, conversation_sid)
        told = parameters.of_new_message(
            conversation_sid, draft, author=actor.identity, participant_sid=participant_sid
        )
        wanted = _as_wanted(draft, await self._desk.ask(actor, events.MESSAGE_ADDED, told))
        _remember(self._asked, draft.mutation_id, wanted)
        return wanted

    async def _writer(self, actor: Actor, conversation_sid: str) -> str | None:
        """Return the sid of who writes, who may be no participant. Errors of `Participants.list`."""
        key = (conversation_sid, actor.identity)
        if key not in self._writers:
            writer = await self._participant(actor, conversation_sid)
            if writer is not None:
                _remember(self._writers, key, writer.sid)
        return self._writers.get(key)

    async def _check_writer(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> None:
        """Refuse (`ForbiddenError` 50430, 50107) who may not write, before the account writes in their place."""
        writer = await self._participant(actor, conversation_sid)
        if writer is None:
            raise ForbiddenError("Participant is not a member of conversation", code=50430)
        user = await self._backend.users.get(actor, actor.identity)
        roles = {each.sid: each.permissions for each in await self._backend.roles.list()}
        allowed = {*roles.get(writer.role_sid, ()), *roles.get(user.role_sid, ())}
        if (SEND_MEDIA if draft.media else SEND) not in allowed:
            raise ForbiddenError("User unauthorized for command", code=50107)

    async def _participant(self, actor: Actor, conversation_sid: str) -> ParticipantRecord | None:
        members = await self._backend.participants.list(actor, conversation_sid)
        return next((each for each in members if each.identity == actor.identity), None)


def _as_wanted(draft: MessageDraft, wanted: Wishes) -> _Wanted:
    changed = answers.changed_draft(draft, wanted)
    if changed.body != draft.body:
        changed = replace(changed, content_sid=None, content_variables={})
    author = answers.author(wanted)
    return _Wanted(changed) if author is None else _Wanted(replace(changed, author=author), by_another=True)


def _changed(record: MessageRecord, changes: MessageChanges) -> MessageRecord:
    """Return a message as it will be."""
    return replace(
        record,
        body=record.body if changes.body is UNCHANGED else changes.body,
        attributes=record.attributes if changes.attributes is UNCHANGED else changes.attributes,
    )


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
