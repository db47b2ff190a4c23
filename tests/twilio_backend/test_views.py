"""What changed between two looks: whatever happens in between, each thing is told once and in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from twilio_backend.views import KEPT, Look, advance, begin, news_since
from twilio_compat.events import (
    ConversationUpdated,
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

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = ConversationRecord(
    sid="CH1",
    friendly_name="Room",
    unique_name=None,
    attributes={},
    created_by="system",
    date_created=NOW,
    date_updated=NOW,
    state=ConversationState(current="active", date_updated=NOW),
)


def message(index: int, body: str = "Hello", attributes: JSONValue = None) -> MessageRecord:
    return MessageRecord(
        sid=f"IM{index}",
        conversation_sid="CH1",
        index=index,
        author="alice",
        body=body,
        attributes=attributes,
        date_created=NOW + timedelta(seconds=index),
        date_updated=NOW,
    )


def member(sid: str, attributes: JSONValue = None) -> ParticipantRecord:
    return ParticipantRecord(
        sid=sid,
        conversation_sid="CH1",
        identity=f"user {sid}",
        attributes=attributes,
        date_created=NOW,
        date_updated=NOW,
    )


def look(*messages: MessageRecord, floor: int = 0, members: tuple[ParticipantRecord, ...] = ()) -> Look:
    return Look(ROOM, members, messages, floor)


def test_the_first_look_is_state_with_the_newest_message_as_the_last_one() -> None:
    view = begin(look(message(3), message(7), floor=3))
    assert (3, 7) == (view.floor, view.highest)
    assert LastMessage(index=7, date_created=NOW + timedelta(seconds=7)) == view.conversation.last_message


def test_what_came_since_somebody_was_added_is_news_to_them() -> None:
    seen = look(message(0), message(1), message(2))
    assert [MessageAdded(message=message(each)) for each in (1, 2)] == news_since(
        seen, NOW + timedelta(seconds=1)
    )


def test_deeper_looks_tell_no_history() -> None:
    view = begin(look(message(5), message(6), floor=5))
    view, events = advance(view, look(*(message(each) for each in range(7))))
    assert [] == events
    assert 0 == view.floor
    _, events = advance(view, look(*(message(each) for each in (0, 1, 3, 4, 5, 6))))
    assert [MessageRemoved(conversation_sid="CH1", message_sid="IM2", index=2)] == events


def test_what_a_shallow_look_does_not_reach_is_not_taken_for_removed() -> None:
    view = begin(look(message(0), message(1), message(2)))
    view, events = advance(view, look(message(2), message(3), floor=2))
    assert [MessageAdded(message=message(3))] == events
    assert [0, 1, 2, 3] == sorted(view.messages)


def test_one_that_is_shown_late_is_told_late() -> None:
    view = begin(look(message(0), message(2)))
    _, events = advance(view, look(message(0), message(1), message(2)))
    assert [MessageAdded(message=message(1))] == events


def test_what_is_deleted_last_does_not_lower_what_is_new() -> None:
    view = begin(look(message(0), message(1)))
    view, _ = advance(view, look(message(0)))
    assert 1 == view.highest
    _, events = advance(view, look(message(0), message(2)))
    assert [MessageAdded(message=message(2))] == events


def test_true_is_not_one() -> None:
    view = begin(look(message(0, attributes=1), members=(member("MB1", 1),)))
    _, events = advance(view, look(message(0, attributes=True), members=(member("MB1", True),)))
    assert [
        ParticipantUpdated(participant=member("MB1", True)),
        MessageUpdated(message=message(0, attributes=True)),
    ] == events


def test_the_order_is_the_conversation_members_messages_and_who_left() -> None:
    view = begin(look(message(0), members=(member("MB1"),)))
    renamed = replace(ROOM, friendly_name="Ours")
    _, events = advance(view, Look(renamed, (member("MB2"),), (message(0), message(1)), 0))
    assert [
        ConversationUpdated(conversation=renamed),
        ParticipantJoined(participant=member("MB2")),
        MessageAdded(message=message(1)),
        ParticipantLeft(participant=member("MB1")),
    ] == events


@pytest.mark.parametrize(
    "change",
    [{"last_message": LastMessage(index=1, date_created=NOW)}, {"last_read_message_index": 5}],
)
def test_messages_and_horizons_are_told_by_other_events(change: dict[str, object]) -> None:
    view = begin(look())
    _, events = advance(view, Look(replace(ROOM, **change), (), (), 0))  # type: ignore[arg-type]
    assert [] == events


@given(st.integers(min_value=1, max_value=50))
def test_only_the_newest_are_remembered_and_older_ones_not_told_anew(more: int) -> None:
    everything = [message(each) for each in range(KEPT + more)]
    view = begin(look(*everything))
    assert (KEPT, more) == (len(view.messages), view.floor)
    _, events = advance(view, look(*everything))
    assert [] == events


class Following(RuleBasedStateMachine):
    """A conversation changes at will; somebody looks now and then, to a depth of their own; what they are told is kept."""

    @initialize(before=st.integers(min_value=0, max_value=5), depth=st.integers(min_value=1, max_value=6))
    def start(self, before: int, depth: int) -> None:
        self.there = {each: message(each) for each in range(before)}
        self.next = before
        self.members: dict[str, ParticipantRecord] = {}
        self.joined = 0
        self.view = begin(self.look(depth, known=10**9))
        self.told = dict(self.view.messages)
        self.told_members = dict(self.view.participants)
        self.added: list[int] = []

    def look(self, depth: int, known: int) -> Look:
        """Look as the reader does: at least *depth* messages, and down to those that are known."""
        found: list[MessageRecord] = []
        for index in sorted(self.there, reverse=True):
            found.append(self.there[index])
            if len(found) >= depth and index <= known + 1:
                return Look(ROOM, tuple(self.members.values()), tuple(found[::-1]), index)
        return Look(ROOM, tuple(self.members.values()), tuple(found[::-1]), 0)

    @rule(gap=st.integers(min_value=0, max_value=2))
    def write(self, gap: int) -> None:
        self.there[self.next + gap] = message(self.next + gap)
        self.next += gap + 1

    @precondition(lambda self: self.there)
    @rule(data=st.data(), body=st.text(max_size=2))
    def edit(self, data: st.DataObject, body: str) -> None:
        index = data.draw(st.sampled_from(sorted(self.there)))
        self.there[index] = message(index, body)

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        del self.there[data.draw(st.sampled_from(sorted(self.there)))]

    @rule()
    def join(self) -> None:
        self.joined += 1
        self.members[f"MB{self.joined}"] = member(f"MB{self.joined}")

    @precondition(lambda self: self.members)
    @rule(data=st.data(), attributes=st.sampled_from([None, 1, True]))
    def change(self, data: st.DataObject, attributes: JSONValue) -> None:
        sid = data.draw(st.sampled_from(sorted(self.members)))
        self.members[sid] = member(sid, attributes)

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        del self.members[data.draw(st.sampled_from(sorted(self.members)))]

    @rule(depth=st.integers(min_value=1, max_value=12))
    def follow(self, depth: int) -> None:
        taken = self.look(depth, self.view.highest)
        floor = self.view.floor
        self.view, events = advance(self.view, taken)
        for event in events:
            self.tell(event)
        history = {index: each for index, each in self.view.messages.items() if index < floor}
        self.told = history | self.told
        seen = {index: each for index, each in self.there.items() if index >= max(taken.floor, floor)}
        assert seen == {index: each for index, each in self.told.items() if index >= max(taken.floor, floor)}
        assert self.members == self.told_members

    def tell(self, event: object) -> None:
        match event:
            case MessageAdded(message=new):
                assert new.index not in self.told
                self.told[new.index] = new
                self.added.append(new.index)
            case MessageUpdated(message=new):
                assert new != self.told[new.index]
                self.told[new.index] = new
            case MessageRemoved(index=index):
                del self.told[index]
            case ParticipantJoined(participant=new):
                assert new.sid not in self.told_members
                self.told_members[new.sid] = new
            case ParticipantUpdated(participant=new):
                self.told_members[new.sid] = new
            case ParticipantLeft(participant=old):
                del self.told_members[old.sid]
            case _:
                raise AssertionError(event)

    @invariant()
    def messages_are_told_in_order_and_once(self) -> None:
        added = getattr(self, "added", [])
        assert sorted(set(added)) == added


test_whatever_happens_between_two_looks_is_told_once_and_in_order = Following.TestCase
