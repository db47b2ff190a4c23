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
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from twilio_compat.messages import Messages
from twilio_compat.participants import Participants
from twilio_compat.records import ConversationRecord, LastMessage, ParticipantRecord

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

    # What this client did

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
        optional = zip(("friendlyName", "uniqueName", "attributes"), said, strict=True)
        reasons = [name for name, value in optional if value not in (None, "", {})]
        self._announce_update([*reasons, "createdBy", "dateCreated", "dateUpdated", "state"])
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
            self._conversation.emit("removed", self._conversation)
            self._session.emit("conversationRemoved", self._conversation)
        return was_joined

    def take(self, record: ConversationRecord) -> None:
        """Become *record*, unless that is older, and announce what changed."""
        before = self.record
        if record.date_updated < before.date_updated:
            return
        self.record = replace(record, joined=before.joined, last_message=self._last_of(record))
        if not before.joined and record.last_message is not None:
            self.messages.begin_after(record.last_message.index)
        changed = [
            name for name, field in _REASONS.items() if getattr(before, field) != getattr(self.record, field)
        ]
        if changed and record.sid in self._held:
            self._announce_update(changed)

    def confirmed(self, record: ConversationRecord) -> None:
        """Take the state the event source tells of a join that was applied when its call returned."""
        self.take(record)
        if self.record.joined and record.last_message is not None:
            self.message_added(record.last_message)

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

    def _announce_update(self, reasons: list[str]) -> None:
        change = {"conversation": self._conversation, "updateReasons": reasons}
        self._conversation.emit("updated", change)
        self._session.emit("conversationUpdated", change)


_REASONS: Final = {
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
