"""What is told of two event streams of one user, so that nobody notices when a conversation changes sides: pure.

Events come here in public names. Each is told only if its side has the authority over its conversation. Of what the other
side says only *which* messages and members it spoke of is kept, as they are to be looked at when it gets the authority.

From when a handover begins until its end nothing is told of the conversation (`Merge.hold`). Then whoever has the
authority is looked at (`Merge.wanted`), and what had not been told is told in order (`Merge.resume`); so it is, too, where
the handover was given up. What that side's stream still says of the time before, is recognised: a message by its sid, a
change because it is older than the one told, or was told. A message whose sid was not told is told, whatever its index,
unless it was there before the user was first told of the conversation, or so many came after it that it is forgotten.
Whatever came and went before a look may so still be told by the stream: a message out of order, and at once that it is
gone; that a member left of whom it was not said that they joined. Before its first handover nothing of a conversation is
held against what was told.

Memory is bounded (`twilio_compat.rollout.event_memory`). A conversation that the user is not in is forgotten after `IDLE`
looks (`Merge.looked`) in which neither side spoke of it. How far is looked back has no limit: all of it is to be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from twilio_compat.events import (
    ConversationJoined,
    ConversationLeft,
    ConversationUpdated,
    Event,
    MessageAdded,
    MessageRemoved,
    MessageUpdated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    TypingStarted,
)
from twilio_compat.records import ConversationRecord, LastMessage, MessageRecord, ParticipantRecord
from twilio_compat.rollout.event_memory import (
    LAST,
    TOUCHED,
    Bounded,
    Seen,
    Told,
    Wanted,
    at_of,
    member_at,
    member_version,
    state_of,
    version_of,
)
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.times import is_same_time

IDLE: Final = 600
"""Looks after which a conversation is forgotten that the user is not in, and of which nobody speaks."""


_Touched: TypeAlias = tuple[ParticipantRecord, bool]
"""A member, and whether it was said that they joined or left."""


class _Conversation:
    """What is known of one conversation."""

    def __init__(self, sid: str, authority: Side) -> None:
        self.sid = sid
        self.authority = authority
        self.idle = 0
        self.is_held = False
        self.is_in = False
        self.moved = False
        self.is_looked_at = False
        self.turn = 0
        """How often it was gone on with."""
        self.newest = -1
        self.first: LastMessage | None = None
        """The newest message when the user was told of the conversation."""
        self.forgotten = -1
        """The highest index of a message that was told and is not remembered."""
        self.state: Told | None = None
        self.messages: Bounded[Told] = Bounded(LAST)
        self.members: Bounded[Told] = Bounded(LAST)
        self.touched: Bounded[int] = Bounded(TOUCHED)
        self.touched_members: Bounded[_Touched] = Bounded(TOUCHED)

    # Telling

    def tell(self, event: Event) -> Iterator[Event]:
        """Yield an event of the side that has the authority, unless it is no news."""
        match event:
            case ConversationJoined(conversation=record):
                yield from self.join(record)
            case ConversationLeft():
                if self.is_in:
                    self.is_in = False
                    yield event
            case ConversationUpdated(conversation=record):
                yield from self._conversation(record)
            case MessageAdded(message=message):
                yield from self._added(message)
            case MessageUpdated(message=message):
                yield from self._updated(message)
            case MessageRemoved():
                yield from self._removed(event)
            case ParticipantJoined(participant=member):
                yield from self._member_joined(member)
            case ParticipantUpdated(participant=member):
                yield from self._member_updated(member)
            case ParticipantLeft(participant=member):
                yield from self._member_left(member)
            case _:
                yield event

    def join(self, record: ConversationRecord) -> Iterator[Event]:
        """Yield that the user is a member, unless they were told."""
        if not self.is_in:
            self.stand(record)
            yield ConversationJoined(conversation=record)

    def stand(self, record: ConversationRecord) -> None:
        """Note that the user was told of a conversation as it stands."""
        self.is_in = True
        last = record.last_message
        if last is not None and last.index > self.newest:
            self.newest, self.first = last.index, last
        self.state = Told(record.changed_at or record.date_updated, [state_of(record)])

    def touch(self, event: Event) -> None:
        """Note what the side without authority spoke of."""
        match event:
            case MessageAdded(message=message) | MessageUpdated(message=message):
                self.touched.put(message.sid, message.index)
            case MessageRemoved():
                self.touched.put(event.message_sid, event.index)
            case ParticipantJoined(participant=member) | ParticipantLeft(participant=member):
                self.touched_members.put(member.sid, (member, True))
            case ParticipantUpdated(participant=member):
                _, has_changed = self.touched_members.get(member.sid, (member, False))
                self.touched_members.put(member.sid, (member, has_changed))
            case _:
                pass

    def resume(self, seen: Seen) -> Iterator[Event]:
        """Yield what was not told of what is there."""
        self.moved = self.is_looked_at = True
        self._rename(seen.names)
        if seen.conversation is None:
            yield from self._out(seen)
        elif not self.is_in:
            yield from self.join(seen.conversation)
        else:
            yield from self._conversation(seen.conversation)
            yield from self._members(seen.participants)
            yield from self._messages(seen)
        self.touched.clear()
        self.touched_members.clear()
        self.is_looked_at = False
        self.turn += 1

    def _rename(self, names: Mapping[str, str]) -> None:
        for old, new in names.items():
            if (index := self.touched.pop(old, None)) is not None:
                self.touched.put(new, index)
            if (touched := self.touched_members.pop(old, None)) is not None:
                self.touched_members.put(new, (replace(touched[0], sid=new), touched[1]))

    def _is_news(self, told: Told, version: str, at: datetime) -> bool:
        """Say whether to tell a version. What is looked at is the newest there is, whatever its date."""
        if not self.moved:
            return True
        return told.differs(version) if self.is_looked_at else told.is_news(version, at)

    def _out(self, seen: Seen) -> Iterator[Event]:
        if self.is_in:
            self.is_in = False
            yield ConversationLeft(conversation_sid=self.sid, reason="deleted" if seen.is_gone else "left")

    def _conversation(self, record: ConversationRecord) -> Iterator[Event]:
        version, at = state_of(record), record.changed_at or record.date_updated
        if self.state is None:
            self.state = Told(at, [version])
        elif not self._is_news(self.state, version, at):
            return
        self.state.note(version, at)
        yield ConversationUpdated(conversation=record)

    # Messages

    def _messages(self, seen: Seen) -> Iterator[Event]:
        there = {each.sid for each in seen.messages}
        gone = [sid for sid, each in seen.others.items() if each is None]
        gone += [sid for sid, each in self.messages.items() if each.index >= seen.first and sid not in there]
        for sid in gone:
            told = self.messages.get(sid)
            yield from self._gone(sid, self.touched[sid] if told is None else told.index)
        for record in seen.others.values():
            if record is not None and record.sid not in there:
                yield from self._updated(record)
        for message in seen.messages:
            if message.sid in self.messages or not self._is_old(message):
                yield from self._added(message)
            elif message.sid in self.touched:
                yield from self._updated(message)

    def _is_old(self, of: MessageRecord | MessageRemoved) -> bool:
        """Say whether a message that is not remembered was there before the user was told, or was told and is forgotten."""
        if of.index <= self.forgotten or self.first is None or of.index != self.first.index:
            return of.index <= max(self.forgotten, -1 if self.first is None else self.first.index)
        return isinstance(of, MessageRemoved) or is_same_time(of.date_created, self.first.date_created)

    def _remember(self, sid: str, told: Told) -> None:
        for each in self.messages.put(sid, told):
            self.forgotten = max(self.forgotten, each.index)

    def _added(self, message: MessageRecord) -> Iterator[Event]:
        if message.sid in self.messages:
            if self.moved:
                yield from self._updated(message)
            return
        if self.moved and self._is_old(message):
            return
        self.newest = max(self.newest, message.index)
        self._remember(message.sid, Told(at_of(message), [version_of(message)], message.index))
        yield MessageAdded(message=message)

    def _updated(self, message: MessageRecord) -> Iterator[Event]:
        told, version, at = self.messages.get(message.sid), version_of(message), at_of(message)
        if told is None and self.moved and not self._is_old(message):
            yield from self._added(message)
            return
        if told is None:
            self._remember(message.sid, Told(at, [version], message.index))
        elif not self._is_news(told, version, at):
            return
        else:
            told.note(version, at)
        yield MessageUpdated(message=message)

    def _removed(self, event: MessageRemoved) -> Iterator[Event]:
        yield from self._gone(event.message_sid, event.index)

    def _gone(self, sid: str, index: int) -> Iterator[Event]:
        """Yield that a message is gone, unless that was told, or the user was never told that it is there."""
        told = self.messages.get(sid)
        if told is not None and told.gone:
            return
        event = MessageRemoved(conversation_sid=self.sid, message_sid=sid, index=index)
        is_known = told is not None or not self.moved or self._is_old(event)
        self._remember(sid, Told(told.at if told else datetime.min, [""], index, gone=True))
        if is_known:
            yield event

    # Members

    def _members(self, present: Sequence[ParticipantRecord]) -> Iterator[Event]:
        there = {each.sid: each for each in present}
        known = [each.member for each in self.members.values() if each.member is not None]
        for last in [*known, *(each for each, _ in self.touched_members.values())]:
            if last.sid not in there:
                yield from self._member_left(last)
        for sid, member in there.items():
            _, has_changed = self.touched_members.get(sid, (member, False))
            if sid in self.members or has_changed:
                yield from self._member_joined(member)
            elif sid in self.touched_members:
                yield from self._member_updated(member)

    def _member_joined(self, member: ParticipantRecord) -> Iterator[Event]:
        told = self.members.get(member.sid)
        if told is not None and self.moved and not told.is_again(member.date_created, self.turn):
            yield from self._member_updated(member)
            return
        self.members.put(member.sid, _member(member))
        yield ParticipantJoined(participant=member)

    def _member_updated(self, member: ParticipantRecord) -> Iterator[Event]:
        told, version, at = self.members.get(member.sid), member_version(member), member_at(member)
        if told is None:
            self.members.put(member.sid, _member(member))
        elif not self._is_news(told, version, at):
            return
        else:
            told.note(version, at)
        yield ParticipantUpdated(participant=member)

    def _member_left(self, member: ParticipantRecord) -> Iterator[Event]:
        told = self.members.get(member.sid)
        if told is None or not told.gone:
            known = member if told is None or told.member is None else told.member
            gone = Told(member_at(member), [""], gone=True, member=known, turn=self.turn)
            self.members.put(member.sid, gone)
            yield ParticipantLeft(participant=member)


class Merge:
    """One stream of two, but for `Synchronized` and what is said of a whole side."""

    def __init__(self) -> None:
        """Know of no conversation yet."""
        self._known: dict[str, _Conversation] = {}

    @property
    def known(self) -> Sequence[str]:
        """The conversations that either side spoke of."""
        return [*self._known]

    def has_any(self, side: Side) -> bool:
        """Say whether a side has the authority over any conversation the user is in."""
        return any(each.is_in and each.authority is side for each in self._known.values())

    def meet(self, sid: str, authority: Side) -> None:
        """Note a conversation, and who has the authority, unless it is known."""
        if sid not in self._known:
            self._known[sid] = _Conversation(sid, authority)
        self._known[sid].idle = 0

    def looked(self) -> None:
        """Forget the conversations that the user is not in, and of which nobody spoke in the last `IDLE` looks."""
        for each in [*self._known.values()]:
            each.idle = 0 if each.is_in or each.is_held else each.idle + 1
            if each.idle > IDLE:
                del self._known[each.sid]

    def stand(self, side: Side, record: ConversationRecord) -> bool:
        """Note that a side has a conversation to begin with; say whether that is what the user is to be told."""
        known = self._known[record.sid]
        if known.authority is not side or known.is_held or known.is_in:
            return False
        known.stand(record)
        return True

    def tell(self, side: Side, sid: str, event: Event) -> Sequence[Event]:
        """Return what to tell of an event of a conversation that was met."""
        known = self._known[sid]
        if known.is_held or known.authority is not side:
            known.touch(event)
            return ()
        return [*known.tell(event)]

    def is_settled(self, sid: str, authority: Side) -> bool:
        """Say whether nothing is to be done where this side has the authority."""
        known = self._known[sid]
        return not known.is_held and known.authority is authority

    def hold(self, sid: str) -> None:
        """Tell nothing of a conversation until `resume`."""
        self._known[sid].is_held = True

    def wanted(self, sid: str) -> Wanted:
        """Return what to look at before a conversation is gone on with."""
        known = self._known[sid]
        return Wanted(sid, known.newest, tuple(known.touched), tuple(known.touched_members))

    def resume(self, sid: str, authority: Side, seen: Seen) -> Sequence[Event]:
        """Go on with a conversation where *authority* has it, which was *seen* there; return what to tell."""
        known = self._known[sid]
        known.authority, known.is_held = authority, False
        return [*known.resume(seen)]


def conversation_of(event: Event) -> str | None:
    """Return the conversation an event is of; None: of none."""
    match event:
        case ConversationJoined(conversation=record) | ConversationUpdated(conversation=record):
            return record.sid
        case ConversationLeft() | MessageRemoved():
            return event.conversation_sid
        case MessageAdded(message=message) | MessageUpdated(message=message):
            return message.conversation_sid
        case ParticipantJoined(participant=of) | ParticipantLeft(participant=of):
            return of.conversation_sid
        case ParticipantUpdated(participant=of) | TypingStarted(participant=of):
            return of.conversation_sid
        case _:
            return None


def _member(of: ParticipantRecord) -> Told:
    return Told(member_at(of), [member_version(of)], member=of)
