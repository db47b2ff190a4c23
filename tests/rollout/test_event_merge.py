"""One stream of two: the pure part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
)
from twilio_compat.records import (
    ConversationRecord,
    ConversationState,
    JSONValue,
    LastMessage,
    MessageRecord,
    ParticipantRecord,
)
from twilio_compat.rollout.event_memory import LAST, Seen
from twilio_compat.rollout.event_merge import IDLE, Merge
from twilio_compat.rollout.staging.stages import Side

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SID = "CH" + "1" * 32
CONVERSATION = ConversationRecord(
    sid=SID,
    friendly_name=None,
    unique_name=None,
    attributes={},
    created_by="system",
    date_created=NOON,
    date_updated=NOON,
    state=ConversationState(current="active", date_updated=NOON),
    joined=True,
)


BEFORE = 3
"""Messages, and members, that were there before the user subscribed."""


class World:
    """A conversation of which both sides have everything at once, and whose two streams are late."""

    def __init__(self) -> None:
        self.merge = Merge()
        self.merge.meet(SID, Side.TWILIO)
        self.conversation = CONVERSATION
        self.authority = Side.TWILIO
        self.messages: dict[int, MessageRecord] = {}
        self.members: dict[str, ParticipantRecord] = {}
        self.written = 0
        self.at = NOON
        self.late: dict[Side, list[Event]] = {each: [] for each in Side}
        self.told: list[Event] = []

    def begin(self) -> None:
        """Begin with what is there: the side with the authority says no more of it, but the other one may."""
        for number in range(BEFORE):
            self.write()
            self.join(number)
        last = self.messages[BEFORE - 1]
        self.late[Side.TWILIO].clear()
        newest = LastMessage(index=last.index, date_created=last.date_created)
        self.conversation = replace(self.conversation, last_message=newest)
        self.merge.stand(Side.TWILIO, self.conversation)

    def news(self, event: Event) -> None:
        for late in self.late.values():
            late.append(event)

    def pass_time(self) -> None:
        self.at += timedelta(seconds=2)

    def write(self) -> None:
        self.pass_time()
        index = self.written
        self.written += 1
        message = _message(index, self.at)
        self.messages[index] = message
        self.news(MessageAdded(message=message))

    def edit(self, which: int) -> None:
        if self.messages:
            self.pass_time()
            index = sorted(self.messages)[which % len(self.messages)]
            edited = replace(self.messages[index], body=f"at {self.at}", date_updated=self.at)
            self.messages[index] = edited
            self.news(MessageUpdated(message=edited))

    def delete(self, which: int) -> None:
        if self.messages:
            index = sorted(self.messages)[which % len(self.messages)]
            gone = self.messages.pop(index)
            self.news(MessageRemoved(conversation_sid=SID, message_sid=gone.sid, index=index))

    def rename(self, _: int) -> None:
        self.pass_time()
        name = f"at {self.at}"
        self.conversation = replace(self.conversation, friendly_name=name, date_updated=self.at)
        self.news(ConversationUpdated(conversation=self.conversation))

    def join(self, which: int) -> None:
        """Have a member join who is none, and one change who is."""
        self.pass_time()
        sid = f"MB{which % 5}"
        if sid in self.members:
            changed = replace(self.members[sid], attributes=f"at {self.at}", date_updated=self.at)
            self.members[sid] = changed
            self.news(ParticipantUpdated(participant=changed))
            return
        self.members[sid] = ParticipantRecord(
            sid=sid,
            conversation_sid=SID,
            identity=sid,
            attributes={},
            date_created=self.at,
            date_updated=self.at,
        )
        self.news(ParticipantJoined(participant=self.members[sid]))

    def leave(self, which: int) -> None:
        if self.members:
            self.pass_time()
            sid = sorted(self.members)[which % len(self.members)]
            gone = replace(self.members.pop(sid), date_created=NOON)
            self.news(ParticipantLeft(participant=gone))

    def deliver(self, side: Side, most: int = 1) -> None:
        for event in self.late[side][:most]:
            self.told += self.merge.tell(side, SID, event)
        del self.late[side][:most]

    def hold(self) -> None:
        self.merge.hold(SID)

    def go_on(self, authority: Side) -> None:
        """End a handover; the same authority: it was given up."""
        self.merge.hold(SID)
        self.authority = authority
        wanted = self.merge.wanted(SID)
        by_sid = {each.sid: each for each in self.messages.values()}
        first = max((each for each in self.messages if each <= wanted.back_to), default=0)
        present = [self.messages[index] for index in sorted(self.messages) if index >= first]
        there = {each.sid for each in present}
        others = {each: by_sid.get(each) for each in wanted.messages if each not in there}
        seen = Seen(self.conversation, first, present, others, [*self.members.values()])
        self.told += self.merge.resume(SID, self.authority, seen)

    def hand_over(self) -> None:
        self.go_on(self.authority.other)

    def all_told(self, kind: type[MessageAdded]) -> Sequence[int]:
        return [each.message.index for each in self.told if isinstance(each, kind)]


def _message(index: int, at: datetime, sid: str | None = None) -> MessageRecord:
    return MessageRecord(
        sid=sid or f"IM{index}",
        conversation_sid=SID,
        index=index,
        author="alice",
        body="new",
        attributes={},
        date_created=at,
        date_updated=at,
    )


STEPS = st.lists(
    st.tuples(st.sampled_from("wwwedttaahHgrjjl"), st.integers(0, 20)),
    max_size=60,
)


def _subscribed() -> World:
    world = World()
    world.merge.stand(Side.TWILIO, CONVERSATION)
    return world


def _played(steps: Sequence[tuple[str, int]]) -> World:
    """Return a world after these steps, once both sides have told everything."""
    world = World()
    world.begin()
    acts = {"e": world.edit, "d": world.delete, "r": world.rename, "j": world.join, "l": world.leave}
    for what, number in steps:
        match what:
            case "w":
                world.write()
            case "h":
                world.hand_over()
            case "H":
                world.hold()
            case "g":
                world.go_on(world.authority)
            case "t" | "a":
                world.deliver(Side.TWILIO if what == "t" else Side.ACS)
            case _:
                acts[what](number)
    world.go_on(world.authority)
    for side in Side:
        world.deliver(side, 1000)
    return world


@given(STEPS)
def test_that_each_message_is_told_once_in_order_and_as_it_ended(steps: list[tuple[str, int]]) -> None:
    world = _played(steps)
    shown = {f"IM{index}": _message(index, NOON) for index in range(BEFORE)}
    added, removed = world.all_told(MessageAdded), []
    dates: dict[str, list[datetime]] = {}
    for event in world.told:
        match event:
            case MessageAdded(message=message) | MessageUpdated(message=message):
                shown[message.sid] = message
                dates.setdefault(message.sid, []).append(message.date_updated)
            case MessageRemoved():
                removed.append(event.message_sid)
                del shown[event.message_sid]
            case _:
                pass
    stayed = [each for each in added if each in world.messages]
    assert sorted(stayed) == stayed
    assert len(set(added)) == len(added)
    assert [] == [each for each in added if each < BEFORE]
    assert all(sorted(set(each)) == each for each in dates.values())
    assert len(set(removed)) == len(removed)
    there = {each.sid: each.body for each in world.messages.values()}
    assert there == {sid: each.body for sid, each in shown.items()}


@given(STEPS)
def test_that_the_conversation_and_its_members_are_told_as_they_ended(steps: list[tuple[str, int]]) -> None:
    world = _played(steps)
    shown: dict[str, JSONValue] = {f"MB{number}": {} for number in range(BEFORE)}
    name: str | None = None
    names: list[datetime] = []
    for event in world.told:
        match event:
            case ParticipantJoined(participant=member):
                shown[member.sid] = member.attributes
            case ParticipantUpdated(participant=member):
                shown[member.sid] = member.attributes
            case ParticipantLeft(participant=member):
                shown.pop(member.sid, None)
            case ConversationUpdated(conversation=record):
                name = record.friendly_name
                names.append(record.date_updated)
            case _:
                pass
    assert {each.sid: each.attributes for each in world.members.values()} == shown
    assert world.conversation.friendly_name == name
    assert sorted(set(names)) == names


def test_that_the_side_without_authority_is_not_heard() -> None:
    world = _subscribed()
    world.write()
    world.deliver(Side.ACS)
    assert [] == world.told


def test_that_edits_told_before_a_handover_are_not_told_again_by_the_late_stream() -> None:
    world = _subscribed()
    world.write()
    world.edit(0)
    world.edit(0)
    world.deliver(Side.TWILIO, 3)
    world.hand_over()
    before = [*world.told]
    world.deliver(Side.ACS, 3)
    assert 3 == len(before)
    assert before == world.told


def test_that_a_message_with_the_newest_index_of_another_one_is_told() -> None:
    world = World()
    world.begin()
    world.late[Side.ACS].clear()
    world.hand_over()
    other = _message(BEFORE - 1, world.at + timedelta(seconds=5), "IMother")
    world.late[Side.ACS] += [MessageAdded(message=other), MessageAdded(message=other)]
    world.deliver(Side.ACS, 2)
    assert [MessageAdded(message=other)] == world.told


def test_that_a_message_that_comes_after_a_switch_with_a_lower_index_is_told_once() -> None:
    world = _subscribed()
    for _ in range(4):
        world.write()
    left_out = world.late[Side.TWILIO].pop(2)
    world.deliver(Side.TWILIO, 3)
    late = world.messages.pop(2)
    world.hand_over()
    world.messages[2] = late
    assert [0, 1, 3] == world.all_told(MessageAdded)
    world.deliver(Side.ACS, 4)
    world.late[Side.ACS].append(left_out)
    world.deliver(Side.ACS)
    assert [0, 1, 3, 2] == world.all_told(MessageAdded)


def test_that_messages_are_not_told_again_when_so_many_came_since_that_they_are_forgotten() -> None:
    world = _subscribed()
    for _ in range(LAST + 20):
        world.write()
    world.deliver(Side.TWILIO, LAST + 20)
    world.hand_over()
    world.deliver(Side.ACS, LAST + 20)
    assert [*range(LAST + 20)] == world.all_told(MessageAdded)


@pytest.mark.parametrize(("is_gone", "reason"), [(True, "deleted"), (False, "left")])
def test_that_a_look_says_why_the_user_is_no_member(is_gone: bool, reason: str) -> None:
    world = _subscribed()
    world.merge.hold(SID)
    told = world.merge.resume(SID, Side.ACS, Seen(None, is_gone=is_gone))
    assert [(SID, reason)] == [
        (each.conversation_sid, each.reason) for each in told if isinstance(each, ConversationLeft)
    ]


def test_that_only_conversations_that_the_user_left_and_nobody_speaks_of_are_forgotten() -> None:
    merge = Merge()
    sids = [f"CH{number}" for number in range(4)]
    for each in sids:
        merge.meet(each, Side.TWILIO)
        merge.stand(Side.TWILIO, replace(CONVERSATION, sid=each))
    for each in sids[1:]:
        merge.tell(Side.TWILIO, each, ConversationLeft(conversation_sid=each, reason="left"))
    merge.hold(sids[2])
    for _ in range(IDLE + 1):
        merge.meet(sids[3], Side.TWILIO)
        merge.looked()
    assert [sids[0], sids[2], sids[3]] == merge.known
    merge.meet(sids[1], Side.TWILIO)
    again = ConversationJoined(conversation=replace(CONVERSATION, sid=sids[1]))
    assert [again] == merge.tell(Side.TWILIO, sids[1], again)


def test_that_an_edit_in_the_second_of_the_message_is_told_by_a_look_at_a_side_with_whole_seconds() -> None:
    world = _subscribed()
    message = _message(0, NOON + timedelta(milliseconds=500))
    world.merge.tell(Side.TWILIO, SID, MessageAdded(message=message))
    edited = replace(message, body="edited", date_updated=NOON)
    world.merge.hold(SID)
    told = world.merge.resume(SID, Side.ACS, Seen(CONVERSATION, 0, [edited]))
    assert [MessageUpdated(message=edited)] == told


def test_that_a_member_who_was_told_and_is_not_there_has_left_also_if_the_other_side_never_had_them() -> None:
    world = _subscribed()
    world.join(1)
    world.deliver(Side.TWILIO)
    world.leave(0)
    world.late[Side.ACS].clear()
    world.hand_over()
    assert [ParticipantJoined, ParticipantLeft] == [type(each) for each in world.told]


def test_that_a_member_who_came_and_went_is_not_told_again_by_the_late_stream() -> None:
    world = _subscribed()
    world.join(1)
    world.leave(0)
    world.deliver(Side.TWILIO, 2)
    world.hand_over()
    world.deliver(Side.ACS, 2)
    assert [ParticipantJoined, ParticipantLeft] == [type(each) for each in world.told]


def test_that_a_member_who_joins_once_more_is_told_also_where_they_keep_their_sid() -> None:
    world = _subscribed()
    world.join(1)
    world.leave(0)
    world.deliver(Side.TWILIO, 2)
    world.hand_over()
    world.join(1)
    world.deliver(Side.ACS, 3)
    assert [ParticipantJoined, ParticipantLeft, ParticipantJoined] == [type(each) for each in world.told]


def test_that_what_was_spoken_of_before_its_public_name_was_known_is_recognised() -> None:
    world = _subscribed()
    world.write()
    world.join(1)
    [added, joined] = world.late[Side.TWILIO]
    assert isinstance(joined, ParticipantJoined)
    world.deliver(Side.TWILIO, 2)
    world.merge.tell(Side.ACS, SID, ParticipantJoined(participant=replace(joined.participant, sid="MBthere")))
    world.merge.tell(Side.ACS, SID, MessageAdded(message=replace(world.messages[0], sid="IMthere")))
    wanted = world.merge.wanted(SID)
    names = {"IMthere": "IM0", "MBthere": joined.participant.sid}
    members = [*world.members.values()]
    assert ((*names,)) == (*wanted.messages, *wanted.members)
    world.merge.hold(SID)
    seen = Seen(CONVERSATION, 0, [world.messages[0]], {}, members, names=names)
    assert [] == world.merge.resume(SID, Side.ACS, seen)
    assert [added, joined] == world.told
