"""One stream of two: the pure part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.events import Event, MessageAdded, MessageRemoved, MessageUpdated
from twilio_compat.records import ConversationRecord, ConversationState, MessageRecord
from twilio_compat.rollout.event_merge import Merge, Seen
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


class World:
    """A conversation of which both sides have everything at once, and whose two streams are late."""

    def __init__(self) -> None:
        self.merge = Merge()
        self.merge.meet(SID, Side.TWILIO)
        self.merge.stand(Side.TWILIO, CONVERSATION)
        self.authority = Side.TWILIO
        self.messages: dict[int, MessageRecord] = {}
        self.written = 0
        self.at = NOON
        self.late: dict[Side, list[Event]] = {each: [] for each in Side}
        self.told: list[Event] = []

    def news(self, event: Event) -> None:
        for late in self.late.values():
            late.append(event)

    def write(self) -> None:
        self.at += timedelta(seconds=1)
        index = self.written
        self.written += 1
        message = MessageRecord(
            sid=f"IM{index}",
            conversation_sid=SID,
            index=index,
            author="alice",
            body="new",
            attributes={},
            date_created=self.at,
            date_updated=self.at,
        )
        self.messages[index] = message
        self.news(MessageAdded(message=message))

    def edit(self, which: int) -> None:
        if self.messages:
            self.at += timedelta(seconds=1)
            index = sorted(self.messages)[which % len(self.messages)]
            edited = replace(self.messages[index], body=f"at {self.at}", date_updated=self.at)
            self.messages[index] = edited
            self.news(MessageUpdated(message=edited))

    def delete(self, which: int) -> None:
        if self.messages:
            index = sorted(self.messages)[which % len(self.messages)]
            gone = self.messages.pop(index)
            self.news(MessageRemoved(conversation_sid=SID, message_sid=gone.sid, index=index))

    def deliver(self, side: Side, most: int = 1) -> None:
        for event in self.late[side][:most]:
            self.told += self.merge.tell(side, SID, event)
        del self.late[side][:most]

    def hand_over(self) -> None:
        self.merge.hold(SID)
        self.authority = self.authority.other
        wanted = self.merge.wanted(SID)
        by_sid = {each.sid: each for each in self.messages.values()}
        present = [self.messages[index] for index in sorted(self.messages)]
        others = {each: by_sid.get(each) for each in wanted.messages}
        first = present[0].index if present else 0
        seen = Seen(CONVERSATION, first, present, others)
        self.told += self.merge.resume(SID, self.authority, seen)

    def all_told(self, kind: type[MessageAdded]) -> Sequence[int]:
        return [each.message.index for each in self.told if isinstance(each, kind)]


STEPS = st.lists(
    st.tuples(st.sampled_from("wwwedttaah"), st.integers(0, 20)),
    max_size=60,
)


@given(STEPS)
def test_that_each_message_is_told_once_in_order_and_as_it_ended(steps: list[tuple[str, int]]) -> None:
    world = World()
    for what, number in steps:
        match what:
            case "w":
                world.write()
            case "e":
                world.edit(number)
            case "d":
                world.delete(number)
            case "h":
                world.hand_over()
            case _:
                world.deliver(Side.TWILIO if what == "t" else Side.ACS)
    for side in Side:
        world.deliver(side, 1000)

    added = world.all_told(MessageAdded)
    shown: dict[str, MessageRecord] = {}
    removed = [each.message_sid for each in world.told if isinstance(each, MessageRemoved)]
    for event in world.told:
        match event:
            case MessageAdded(message=message) | MessageUpdated(message=message):
                shown[message.sid] = message
            case MessageRemoved():
                shown.pop(event.message_sid, None)
            case _:
                raise AssertionError(event)
    assert sorted(set(added)) == list(added)
    dates: dict[str, list[datetime]] = {}
    for event in world.told:
        if isinstance(event, (MessageAdded, MessageUpdated)):
            dates.setdefault(event.message.sid, []).append(event.message.date_updated)
    assert all(sorted(set(each)) == each for each in dates.values())
    assert len(set(removed)) == len(removed)
    assert {each.sid: each for each in world.messages.values()} == shown


def test_that_the_side_without_authority_is_not_heard() -> None:
    world = World()
    world.write()
    world.deliver(Side.ACS)
    assert [] == world.told


def test_that_edits_told_before_a_handover_are_not_told_again_by_the_late_stream() -> None:
    world = World()
    world.write()
    world.edit(0)
    world.edit(0)
    world.deliver(Side.TWILIO, 3)
    world.hand_over()
    before = [*world.told]
    world.deliver(Side.ACS, 3)
    assert 3 == len(before)
    assert before == world.told
