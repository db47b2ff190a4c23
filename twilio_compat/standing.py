"""What one client knows of one conversation, and the transitions it announces.

::

                 created()                       joined()
    unknown ──────────────────► announced ──────────────────► joined
       │                            │                            │
       │ joined()                   │ left("deleted")            │ left(...)
       └──────────► joined          └──────────► unknown ◄───────┘

Each transition is announced in the order in which Twilio's client was observed to announce it, and asking for one
that has happened does nothing: so a call of the client and the report of the same thing by the event source can
come in either order. ``lastMessage`` follows the messages, not the records: it moves on with each message that is
announced, and back when the last one is deleted.

Two things are the user's own and no other member's: how far they have read, and whether they want to be notified.
They have no time by which newer could be told from older. So once a call of this client has changed one, what the
event source says of it is passed over until it says what the call has set.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from twilio_compat.conversation_types import ConversationUpdateReason
from twilio_compat.errors import ForbiddenError, NotFoundError
from twilio_compat.messages import Messages
from twilio_compat.participants import Participants
from twilio_compat.recency import moment
from twilio_compat.records import (
    UNCHANGED,
    ConversationChanges,
    ConversationRecord,
    LastMessage,
    NotificationLevel,
    ParticipantRecord,
    UserConversationChanges,
)
from twilio_compat.sameness import same

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation
    from twilio_compat.session import Session

__all__ = ["Departure", "Standing"]

Departure: TypeAlias = Literal["left", "deleted"]


class Standing:
    """A conversation as its client knows it."""

    def __init__(
        self,
        session: Session,
        conversation: Conversation,
        record: ConversationRecord,
        held: dict[str, Conversation],
    ) -> None:
        """Begin with *record*; that the user is in the conversation is told later, by `joined`.

        *held* are the conversations the client has announced; this one enters and leaves it.
        """
        self.record = replace(record, joined=False)
        self.messages = Messages(session, conversation, record.last_message)
        self.participants = Participants(session, conversation)
        self._session = session
        self._conversation = conversation
        self._held = held
        self._last_is_gone = False
        self._changing = asyncio.Lock()

    # What this client did

    async def change(self, changes: ConversationChanges) -> None:
        """Change the conversation, and announce it: what is changed at once, one after the other, as it was asked."""
        session = self._session
        async with self._changing:
            self.take(await session.backend.conversations.update(session.actor, self.record.sid, changes))

    async def change_own(self, changes: UserConversationChanges) -> int | None:
        """Change what is the user's own, announce it, and return how many messages are unread."""
        session = self._session
        own = await session.backend.user_conversations.update(session.actor, self.record.sid, changes)
        for field in _OWN:
            value = getattr(own, field)
            if getattr(changes, field) is not UNCHANGED and value != getattr(self.record, field):
                session.echoes.expect(self._subject(field), value)
                self._set_own(field, value)
        return own.unread_messages_count

    def join(self) -> None:
        """Apply that the user joined by a call of this client."""
        if self.joined():
            self._session.echoes.expect(self.record.sid, "joined")

    def leave(self, how: Departure, participant: ParticipantRecord | None = None) -> None:
        """Apply that the user left, or deleted the conversation, by a call of this client."""
        if self.left(how, participant):
            self._session.echoes.expect(self.record.sid, "left")

    # Transitions

    def created(self) -> None:
        """Announce that the user made it: what it has beyond nothing, then that it is there."""
        record = self.record
        said = (record.friendly_name, record.unique_name, record.attributes)
        optional: tuple[ConversationUpdateReason, ...] = ("friendlyName", "uniqueName", "attributes")
        reasons = [name for name, value in zip(optional, said, strict=True) if value not in (None, "", {})]
        self._tell_update([*reasons, "createdBy", "dateCreated", "dateUpdated", "state"])
        self._add()

    def joined(self, record: ConversationRecord | None = None) -> bool:
        """Announce that the user is a member; return False where that was done."""
        if record is not None:
            self.take(record)
        if self.record.joined:
            return False
        self.record = replace(self.record, joined=True)
        if self.record.sid in self._held:
            self._announce_update(["lastReadMessageIndex"])
        else:
            self._add()
        self._session.emit("conversationJoined", self._conversation)
        return True

    def left(self, how: Departure, participant: ParticipantRecord | None = None) -> bool:
        """Announce that the user is no member any more, or that it was deleted; return whether they were one."""
        was_joined = self.record.joined
        if was_joined:
            self.record = replace(self.record, joined=False)
            if how == "left":
                self.participants.left_by_user(participant)
            self._session.emit("conversationLeft", self._conversation)
        if self._held.pop(self.record.sid, None) is not None:
            self._session.emit("conversationRemoved", self._conversation)
            self._conversation.emit("removed", self._conversation)
        return was_joined

    def take(self, record: ConversationRecord) -> None:
        """Become *record*, unless that is older, and announce what changed."""
        before = self.record
        if moment(record) < moment(before):
            return
        self.record = replace(
            record,
            joined=before.joined,
            last_message=self._last_of(record),
            last_read_message_index=self._horizon_of(record),
            notification_level=self._level_of(record),
        )
        if not before.joined and record.last_message is not None:
            self.messages.begin_after(record.last_message.index)
        changed = [
            name
            for name, field in _REASONS.items()
            if not same(getattr(before, field), getattr(self.record, field))
        ]
        if changed:
            self._announce_update(changed)

    def confirmed(self, record: ConversationRecord) -> None:
        """Take the state the event source tells of a join that was applied when its call returned."""
        self.take(record)
        if self.record.joined and record.last_message is not None:
            self.message_added(record.last_message)

    def is_behind(self, newest: LastMessage | None) -> bool:
        """Tell whether something may have been missed in it, where *newest* is its last message."""
        return self.participants.are_known or (newest is not None and newest.index > self.messages.newest)

    async def catch_up(self, newest: LastMessage | None) -> None:
        """Fetch what was missed, up to *newest*. That it is gone meanwhile will be told by the event source."""
        with suppress(NotFoundError, ForbiddenError):
            if newest is not None:
                await self.messages.catch_up(newest.index)
            if self.participants.are_known:
                await self.participants.catch_up()

    # The members, and the user among them

    def participant_updated(self, record: ParticipantRecord) -> None:
        """Announce what changed in a member, and how far they have read; the user's own horizon is told twice."""
        if not self.participants.is_news(record):
            return
        field, index = "last_read_message_index", record.last_read_message_index
        if record.identity == self._session.actor.identity and self._believes(field, index):
            self._set_own(field, index)
        self.participants.updated(record)
        self.messages.read_up_to(record.sid, index)

    def _horizon_of(self, record: ConversationRecord) -> int | None:
        """Choose the read horizon: what a call has set is confirmed by the news of the member, not by *record*."""
        awaited = self._session.echoes.awaits(self._subject("last_read_message_index"))
        return (self.record if awaited else record).last_read_message_index

    def _level_of(self, record: ConversationRecord) -> NotificationLevel:
        believed = self._believes("notification_level", record.notification_level)
        return (record if believed else self.record).notification_level

    def _believes(self, field: str, value: str | int | None) -> bool:
        """Return whether a report of what is the user's own may be newer than what this client did."""
        echoes, subject = self._session.echoes, self._subject(field)
        echoes.take(subject, value)
        return not echoes.awaits(subject)

    def _set_own(self, field: str, value: object) -> None:
        if getattr(self.record, field) != value:
            self.record = _with(self.record, field, value)
            self._announce_update([_OWN[field]])

    def _subject(self, field: str) -> str:
        return f"{self.record.sid}/{field}"

    # The last message

    def message_added(self, last: LastMessage) -> None:
        """Announce that *last* is the last message now, unless a later one is."""
        ours = self.record.last_message
        if ours is None or ours.index < last.index:
            self._last_is_gone = False
            self._set_last_message(last)

    def message_removed(self, index: int) -> None:
        """Announce a deletion, and what is the last message now, if that can be told without asking."""
        last = self.record.last_message
        self.messages.removed(index)
        if last is None or last.index != index:
            return
        before = self.messages.met(index - 1)
        if before is not None:
            self._set_last_message(LastMessage(index=before.index, date_created=before.dateCreated))
        elif index == 0:
            self._set_last_message(None)
        else:
            self._last_is_gone = True

    def _set_last_message(self, last: LastMessage | None) -> None:
        self.record = replace(self.record, last_message=last)
        self._announce_update(["lastMessage"])

    def _last_of(self, record: ConversationRecord) -> LastMessage | None:
        """Choose the last message from ours and that of *record*."""
        ours, theirs = self.record.last_message, record.last_message
        if not self.record.joined:
            return theirs
        went_back = ours is not None and (theirs is None or theirs.index < ours.index)
        if not (went_back and self._last_is_gone):
            return ours
        self._last_is_gone = False
        return theirs

    # Announcing

    def announce(self, event: str, payload: object) -> None:
        """Emit *event* on the conversation and on the client."""
        self._conversation.emit(event, payload)
        self._session.emit(event, payload)

    def _add(self) -> None:
        self._held[self.record.sid] = self._conversation
        self._session.emit("conversationAdded", self._conversation)

    def _announce_update(self, reasons: list[ConversationUpdateReason]) -> None:
        """Announce that properties changed, where the client has announced the conversation."""
        if self.record.sid in self._held:
            self._tell_update(reasons)

    def _tell_update(self, reasons: list[ConversationUpdateReason]) -> None:
        change = {"conversation": self._conversation, "updateReasons": reasons}
        self._conversation.emit("updated", change)
        self._session.emit("conversationUpdated", change)


def _with(record: ConversationRecord, field: str, value: Any) -> ConversationRecord:
    return replace(record, **{field: value})


_OWN: Final[dict[str, ConversationUpdateReason]] = {
    "last_read_message_index": "lastReadMessageIndex",
    "notification_level": "notificationLevel",
}
"""What is the user's own, and Twilio's update reasons for it."""

_REASONS: Final[dict[ConversationUpdateReason, str]] = {
    "friendlyName": "friendly_name",
    "uniqueName": "unique_name",
    "attributes": "attributes",
    "dateUpdated": "date_updated",
    "state": "state",
    "lastMessage": "last_message",
    "lastReadMessageIndex": "last_read_message_index",
    "notificationLevel": "notification_level",
}
"""Twilio's update reasons, in the order in which it tells them, and the fields behind them."""
