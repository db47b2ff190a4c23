"""Whether both sides tell the same news."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.events import Event, MessageAdded, MessageRemoved, MessageUpdated, SourceRestored
from twilio_compat.records import MessageRecord
from twilio_compat.rollout.comparing.comparison import EXTRA, MISSING, ORDER
from twilio_compat.rollout.comparing.streams import LONGEST, MOST, QUIET, Streams, Told, compare_told
from twilio_compat.rollout.staging.stages import Side

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CONVERSATION = "CH" + "1" * 32


def message(number: int, conversation_sid: str = CONVERSATION) -> MessageRecord:
    return MessageRecord(
        sid=f"IM{number:032}",
        conversation_sid=conversation_sid,
        index=number,
        author="alice",
        body="hello",
        attributes={},
        date_created=NOW,
        date_updated=NOW,
    )


def added(number: int) -> Told:
    return Told("added", f"IM{number}", number)


def updated(number: int) -> Told:
    return Told("updated", f"IM{number}", number)


def removed(number: int) -> Told:
    return Told("removed", f"IM{number}", number)


def found(one: list[Told], other: list[Told]) -> list[tuple[str, str]]:
    return [(each.path, each.kind) for each in compare_told(one, other)]


@given(
    st.lists(st.integers(0, 20), unique=True, max_size=20),
    st.dictionaries(st.integers(0, 20), st.integers(1, 3)),
)
def test_a_mirror_that_is_told_of_outcomes_alone_tells_the_same(
    numbers: list[int], changed: dict[int, int]
) -> None:
    gone = set(numbers[::3])
    one = [*map(added, numbers), *(updated(each) for each, times in changed.items() for _ in range(times))]
    one += [removed(each) for each in numbers if each in gone]
    other = [added(each) for each in numbers if each not in gone]
    other += [updated(each) for each in changed if each not in gone]
    assert [] == found(one, other)


def test_what_was_not_told_is_missing() -> None:
    assert [("added[IM2]", MISSING)] == found([added(1), added(2)], [added(1)])
    assert [("removed[IM2]", MISSING)] == found([removed(2)], [])
    assert [("updated[IM2]", MISSING)] == found([updated(2)], [])


def test_what_was_told_too_often_is_too_much() -> None:
    assert [("added[IM1]", EXTRA)] == found([added(1)], [added(1), added(1)])


def test_another_index_is_another_message() -> None:
    assert [("added[IM1]", MISSING), ("added[IM1]", EXTRA)] == found([added(1)], [Told("added", "IM1", 2)])


@given(st.permutations(range(4)))
def test_another_order_is_a_difference(order: list[int]) -> None:
    expected = [] if order == [0, 1, 2, 3] else [("added", ORDER)]
    assert expected == found([added(each) for each in range(4)], [added(each) for each in order])


def news(number: int = 1) -> MessageAdded:
    return MessageAdded(message=message(number))


def test_a_window_is_taken_once_nothing_comes_any_more() -> None:
    streams = Streams()
    streams.note(Side.TWILIO, "alice", news(), 100.0)
    streams.note(Side.ACS, "alice", news(), 105.0)
    assert [] == streams.take(105.0 + QUIET - 0.1)
    ((key, window),) = streams.take(105.0 + QUIET)
    assert ("alice", CONVERSATION) == key
    assert window.told[Side.TWILIO] == window.told[Side.ACS] == [Told("added", message(1).sid, 1)]
    assert not streams


def test_all_news_of_messages_are_noted_and_no_others() -> None:
    streams = Streams()
    events: list[Any] = [
        MessageUpdated(message=message(1)),
        MessageRemoved(conversation_sid=CONVERSATION, message_sid=message(2).sid, index=2),
        SourceRestored(),
    ]
    assert [True, True, False] == [streams.note(Side.ACS, "", each, 0.0) for each in events]
    ((_, window),) = streams.take(QUIET)
    assert ["updated", "removed"] == [each.what for each in window.told[Side.ACS]]


def test_a_window_that_is_given_back_comes_before_what_came_since() -> None:
    streams = Streams()
    streams.note(Side.TWILIO, "", news(1), 0.0)
    ((key, window),) = streams.take(QUIET)
    streams.note(Side.TWILIO, "", news(2), QUIET)
    streams.give_back(key, window, QUIET)
    ((_, window),) = streams.take(2 * QUIET)
    assert [1, 2] == [each.index for each in window.told[Side.TWILIO]]


def test_listeners_do_not_mix() -> None:
    streams = Streams()
    for each in ("alice", "bob"):
        streams.note(Side.TWILIO, each, news(), 0.0)
    assert 2 == len(streams.take(QUIET))


def test_what_is_kept_is_bounded() -> None:
    streams = Streams()
    events: list[Event] = [MessageAdded(message=message(1, f"CH{each}")) for each in range(MOST + 1)]
    assert [True] * MOST + [False] == [streams.note(Side.ACS, "", each, 0.0) for each in events]
    for _ in range(LONGEST + 5):
        streams.note(Side.ACS, "", events[0], 0.0)
    window = dict(streams.take(QUIET))["", "CH0"]
    assert window.is_long
    assert LONGEST + 1 == len(window.told[Side.ACS])
