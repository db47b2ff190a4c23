"""What changed in a conversation between two looks at it: a pure state machine.

Theory of operation
-------------------
A *look* is what was found at one time: the conversation as the user sees it, its members, and its newest messages, which
are complete from an index, the ``floor``, up to the end. A *view* is what is known from all looks so far. `begin` makes
one of the first look, `advance` takes the next one and tells, as events, how to come from the one to the other:

* a message above the highest index that was ever seen is new, and so is one between those that are known, which Twilio
  shows later than its followers at times;
* a known message that the look should have and has not was removed;
* a known one that says something else was changed.

Messages below both floors are history. What comes and goes, or changes twice, between two looks is told once or not at
all. Of the messages the newest `KEPT` are remembered.

Events are in this order: the conversation, who joined or changed, messages by index, who left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from twilio_compat.events import (
    ConversationUpdated,
    Event,
    MessageAdded,
    MessageRemoved,
    MessageUpdated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
)
from twilio_compat.records import ConversationRecord, LastMessage, MessageRecord, ParticipantRecord
from twilio_compat.sameness import same

KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at one time. Messages are in ascending order of index."""

    conversation: ConversationRecord
    participants: tuple[ParticipantRecord, ...]
    messages: tuple[MessageRecord, ...]
    floor: int


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a conversation. ``highest`` is the highest index ever seen, -1 before there is one."""

    conversation: ConversationRecord
    participants: Mapping[str, ParticipantRecord] = field(default_factory=dict)
    messages: Mapping[int, MessageRecord] = field(default_factory=dict)
    floor: int = 0
    highest: int = -1

    def of(self, identity: str) -> ParticipantRecord | None:
        """Return the participant with an identity."""
        return next((each for each in self.participants.values() if each.identity == identity), None)


def begin(look: Look) -> View:
    """Return the view after the first look: all that was found is state."""
    return _seen(View(look.conversation, floor=look.floor), look)


def news_since(look: Look, moment: datetime) -> list[Event]:
    """Return, of a first look, the messages that came since the user was added: those are news to them."""
    return [MessageAdded(message=each) for each in look.messages if each.date_created >= moment]


def advance(view: View, look: Look) -> tuple[View, list[Event]]:
    """Return the view after another look, and what is to be told."""
    events: list[Event] = []
    if _differ(view.conversation, look.conversation):
        events.append(ConversationUpdated(conversation=look.conversation))
    events += _come(view, look)
    events += _messages(view, look)
    events += _gone(view, look)
    return _seen(view, look), events


def _differ(old: ConversationRecord, new: ConversationRecord) -> bool:
    """Say whether there is an update: other events tell of messages, and of what the user has read."""
    shown = replace(new, last_message=old.last_message, last_read_message_index=old.last_read_message_index)
    return old != shown or not same(old.attributes, new.attributes)


def _come(view: View, look: Look) -> Iterator[Event]:
    for each in look.participants:
        old = view.participants.get(each.sid)
        if old is None:
            yield ParticipantJoined(participant=each)
        elif not same_record(old, each):
            yield ParticipantUpdated(participant=each)


def _gone(view: View, look: Look) -> Iterator[Event]:
    present = {each.sid for each in look.participants}
    for sid, each in view.participants.items():
        if sid not in present:
            yield ParticipantLeft(participant=each)


def _messages(view: View, look: Look) -> list[Event]:
    found = {each.index: each for each in look.messages}
    events: dict[int, Event] = {}
    for index, old in view.messages.items():
        if index >= look.floor and index not in found:
            events[index] = MessageRemoved(
                conversation_sid=old.conversation_sid, message_sid=old.sid, index=index
            )
    for index, each in found.items():
        known = view.messages.get(index)
        if known is not None:
            if not same_record(known, each):
                events[index] = MessageUpdated(message=each)
        elif index > view.highest or index >= view.floor:
            events[index] = MessageAdded(message=each)
    return [events[index] for index in sorted(events)]


def _seen(view: View, look: Look) -> View:
    messages = {index: each for index, each in view.messages.items() if index < look.floor}
    messages |= {each.index: each for each in look.messages}
    floor = min(view.floor, look.floor)
    kept: Sequence[int] = sorted(messages)[-KEPT:]
    if len(kept) < len(messages):
        floor = kept[0]
    highest = max([view.highest, *(each.index for each in look.messages)])
    newest = messages[kept[-1]] if kept else None
    last = None if newest is None else LastMessage(index=newest.index, date_created=newest.date_created)
    return View(
        conversation=replace(look.conversation, last_message=last),
        participants={each.sid: each for each in look.participants},
        messages={index: messages[index] for index in kept},
        floor=floor,
        highest=highest,
    )


def same_record(one: MessageRecord | ParticipantRecord, other: MessageRecord | ParticipantRecord) -> bool:
    """Say whether two records are alike, their attributes as JSON is."""
    return one == other and same(one.attributes, other.attributes)
