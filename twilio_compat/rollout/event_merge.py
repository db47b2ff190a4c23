"""What is told of two event streams of one user, so that nobody notices when a conversation changes sides: pure.

Events come here in public names. Each is told only if its side has the authority over its conversation. Of what the other
side says only *which* messages and members it spoke of is kept, as they are to be looked at when it gets the authority.

From when a handover begins until its end nothing is told of the conversation (`Merge.hold`). Then whoever has the
authority is looked at (`Merge.wanted`), and what had not been told is told in order (`Merge.resume`). What that side's
stream still says of the time before, is told already and recognised: a message by its sid, or because its index is not
above those before the handover; a change because it is older than the one told, or was told. Before its first handover
nothing of a conversation is held against what was told.

Memory is bounded: of each conversation the last `LAST` messages and members told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, TypeVar

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
from twilio_compat.records import ConversationRecord, MessageRecord, ParticipantRecord
from twilio_compat.rollout.staging.stages import Side

LAST: Final = 500
"""Messages, and members, of a conversation that are remembered as told."""
TOUCHED: Final = 50
"""Messages, and members, which the side without authority spoke of last, and that will be looked at."""
VERSIONS: Final = 20
"""Versions of one thing that are remembered as told."""

V = TypeVar("V")


class _Bounded(OrderedDict[str, V], Generic[V]):
    """The newest of what was put in, up to a number."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def put(self, key: str, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > self._most:
            self.popitem(last=False)


@dataclass(slots=True)
class _Told:
    """What was told of one thing, oldest version first. ``index`` is a message's; ``gone``: that it is gone."""

    at: datetime
    versions: list[str]
    index: int = -1
    gone: bool = False

    def is_news(self, version: str, at: datetime) -> bool:
        if self.gone or at < self.at:
            return False
        return version not in self.versions if at == self.at else version != self.versions[-1]

    def note(self, version: str, at: datetime) -> None:
        self.at = at
        self.versions = [*self.versions, version][-VERSIONS:]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at. ``back_to``: messages from the newest back to one with this index, or a lower one."""

    conversation_sid: str
    back_to: int
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was there. ``conversation`` is None where the user is no member; ``others`` are those that were asked for.

    ``messages`` ascend, and all from ``first`` on are among them.
    """

    conversation: ConversationRecord | None
    first: int = 0
    messages: Sequence[MessageRecord] = ()
    others: Mapping[str, MessageRecord | None] = field(default_factory=dict)
    participants: Sequence[ParticipantRecord] = ()


class _Conversation:
    """What is known of one conversation."""

    def __init__(self, authority: Side) -> None:
        self.authority = authority
        self.is_held = False
        self.is_in = False
        self.moved = False
        self.newest = -1
        self.floor = -1
        self.state: _Told | None = None
        self.messages: _Bounded[_Told] = _Bounded(LAST)
        self.members: _Bounded[_Told] = _Bounded(LAST)
        self.touched: _Bounded[int] = _Bounded(TOUCHED)
        self.touched_members: _Bounded[ParticipantRecord] = _Bounded(TOUCHED)

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
        self.newest = max(self.newest, record.last_message.index if record.last_message else -1)
        self.state = _Told(record.changed_at or record.date_updated, [_state(record)])

    def touch(self, event: Event) -> None:
        """Note what the side without authority spoke of."""
        match event:
            case MessageAdded(message=message) | MessageUpdated(message=message):
                self.touched.put(message.sid, message.index)
            case MessageRemoved():
                self.touched.put(event.message_sid, event.index)
            case ParticipantJoined(participant=member) | ParticipantLeft(participant=member):
                self.touched_members.put(member.sid, member)
            case ParticipantUpdated(participant=member):
                self.touched_members.put(member.sid, member)
            case _:
                pass

    def resume(self, seen: Seen) -> Iterator[Event]:
        """Yield what was not told of what is there."""
        self.moved, self.floor = True, self.newest
        if seen.conversation is None:
            yield from self._out()
        elif not self.is_in:
            yield from self.join(seen.conversation)
        else:
            yield from self._conversation(seen.conversation)
            yield from self._members(seen.participants)
            yield from self._messages(seen)
        self.floor = self.newest
        self.touched.clear()
        self.touched_members.clear()

    def _out(self) -> Iterator[Event]:
        if self.is_in and self.state is not None:
            self.is_in = False
            yield ConversationLeft(conversation_sid=self.state.versions[0].split()[0], reason="left")

    def _conversation(self, record: ConversationRecord) -> Iterator[Event]:
        version, at = _state(record), record.changed_at or record.date_updated
        if self.state is None:
            self.state = _Told(at, [version])
        elif self.moved and not self.state.is_news(version, at):
            return
        self.state.note(version, at)
        yield ConversationUpdated(conversation=record)

    # Messages

    def _messages(self, seen: Seen) -> Iterator[Event]:
        there = {each.sid for each in seen.messages}
        for sid, told in [*self.messages.items()]:
            if not told.gone and told.index >= seen.first and sid not in there and told.index >= 0:
                yield from self._gone(sid, told.index)
        for sid, record in seen.others.items():
            if sid in there:
                continue
            if record is not None and record.index <= self.floor:
                yield from self._updated(record)
            elif record is None and sid in self.touched and self.touched[sid] <= self.floor:
                yield from self._gone(sid, self.touched[sid])
        for message in seen.messages:
            if message.sid in self.messages or message.index > self.floor:
                yield from self._added(message)
            elif message.sid in self.touched:
                yield from self._updated(message)

    def _added(self, message: MessageRecord) -> Iterator[Event]:
        if message.sid in self.messages:
            if self.moved:
                yield from self._updated(message)
            return
        if self.moved and message.index <= self.floor:
            return
        self.newest = max(self.newest, message.index)
        self.messages.put(message.sid, _Told(_at(message), [_version(message)], message.index))
        yield MessageAdded(message=message)

    def _updated(self, message: MessageRecord) -> Iterator[Event]:
        told, version, at = self.messages.get(message.sid), _version(message), _at(message)
        if told is None and self.moved and message.index > self.floor:
            yield from self._added(message)
            return
        if told is None:
            self.messages.put(message.sid, _Told(at, [version], message.index))
        elif self.moved and not told.is_news(version, at):
            return
        else:
            told.note(version, at)
        yield MessageUpdated(message=message)

    def _removed(self, event: MessageRemoved) -> Iterator[Event]:
        told = self.messages.get(event.message_sid)
        if told is None and self.moved and event.index > self.floor:
            return
        if told is None or not told.gone:
            yield from self._gone(event.message_sid, event.index, event.conversation_sid)

    def _gone(self, sid: str, index: int, conversation_sid: str | None = None) -> Iterator[Event]:
        told = self.messages.get(sid)
        if told is not None and told.gone:
            return
        of = conversation_sid or (self.state.versions[0].split()[0] if self.state else "")
        self.messages.put(sid, _Told(told.at if told else datetime.min, [""], index, gone=True))
        yield MessageRemoved(conversation_sid=of, message_sid=sid, index=index)

    # Members

    def _members(self, present: Sequence[ParticipantRecord]) -> Iterator[Event]:
        there = {each.sid: each for each in present}
        for sid, last in [*self.touched_members.items()]:
            told = self.members.get(sid)
            if sid not in there and (told is None or not told.gone):
                yield from self._member_left(last)
        for sid, member in there.items():
            if sid in self.members:
                yield from self._member_updated(member)
            elif sid in self.touched_members:
                yield from self._member_joined(member)

    def _member_joined(self, member: ParticipantRecord) -> Iterator[Event]:
        told = self.members.get(member.sid)
        if told is not None and self.moved:
            yield from self._member_updated(member)
            return
        self.members.put(member.sid, _Told(_member_at(member), [_member(member)]))
        yield ParticipantJoined(participant=member)

    def _member_updated(self, member: ParticipantRecord) -> Iterator[Event]:
        told, version, at = self.members.get(member.sid), _member(member), _member_at(member)
        if told is None:
            self.members.put(member.sid, _Told(at, [version]))
        elif self.moved and not told.is_news(version, at):
            return
        else:
            told.note(version, at)
        yield ParticipantUpdated(participant=member)

    def _member_left(self, member: ParticipantRecord) -> Iterator[Event]:
        told = self.members.get(member.sid)
        if told is None or not told.gone:
            self.members.put(member.sid, _Told(_member_at(member), [""], gone=True))
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
        self._known.setdefault(sid, _Conversation(authority))

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
        return Wanted(sid, known.newest, tuple(known.touched))

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


def _state(of: ConversationRecord) -> str:
    own = (of.last_read_message_index, of.notification_level)
    return f"{of.sid} {(of.friendly_name, of.unique_name, of.attributes, of.state.current, of.timers, own)!r}"


def _version(of: MessageRecord) -> str:
    return repr((of.body, of.attributes, of.author, of.subject))


def _at(of: MessageRecord) -> datetime:
    return of.changed_at or of.date_updated


def _member(of: ParticipantRecord) -> str:
    return repr((of.attributes, of.last_read_message_index))


def _member_at(of: ParticipantRecord) -> datetime:
    return of.changed_at or of.date_updated
