"""Turns in a line: as early as ACS's windows allow, first come, first served. Time here is a number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from acs_backend.limits import Line, Place, Window
from acs_backend.quotas import QUOTAS, Limit

WRITES = QUOTAS["SendChatMessage"]
LISTINGS = QUOTAS["ListChatMessages"]
RECEIPTS = QUOTAS["ListChatReadReceipts"]


class Queue:
    """A line, a clock, and who was told that their turn moved."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.now = 0.0
        self.told: list[Place] = []

    def join(self, user: str = "ann", *, background: bool = False) -> Place:
        place = Place(
            user=user, until=math.inf, is_background=background, moved=lambda: self.told.append(place)
        )
        self.line.join(place, self.now)
        return place

    def send(self, place: Place, answered: float = 0.0) -> None:
        """Go to the turn of *place*, send, and be answered some seconds later."""
        self.now = max(self.now, place.turn)
        assert self.line.start(place, self.now)
        self.now += answered
        self.line.finish(place, self.now)


def test_the_first_ten_go_at_once_and_the_next_ones_when_the_windows_allow() -> None:
    queue = Queue(Line(WRITES))
    turns = [queue.join().turn for _ in range(45)]
    assert [0.0] * 10 + [10.0] * 10 + [20.0] * 10 + [60.0] * 10 + [70.0] * 5 == turns


def test_a_window_begins_with_the_answer_which_may_be_late() -> None:
    queue = Queue(Line(WRITES))
    first = [queue.join() for _ in range(10)]
    waiting = queue.join()
    for each in first:
        assert queue.line.start(each, queue.now)
    queue.now = 3.0
    for each in first:
        queue.line.finish(each, queue.now)
    assert (13.0, [waiting]) == (waiting.turn, queue.told[:1])


def test_a_request_that_takes_longer_than_a_window_counts_until_it_is_answered() -> None:
    queue = Queue(Line(WRITES))
    slow = [queue.join() for _ in range(10)]
    waiting = queue.join()
    for each in slow:
        assert queue.line.start(each, queue.now)
    queue.now = 10.0
    assert (10.0, False) == (waiting.turn, queue.line.start(waiting, queue.now))
    assert 20.0 == waiting.turn
    queue.now = 11.0
    for each in slow:
        queue.line.finish(each, queue.now)
    assert 21.0 == waiting.turn


def test_who_leaves_makes_room_for_all_behind_and_they_are_told() -> None:
    queue = Queue(Line(WRITES))
    places = [queue.join() for _ in range(21)]
    queue.line.leave(places[15], queue.now)
    assert ([places[20]], 10.0) == (queue.told, places[20].turn)


def test_what_a_place_waits_for_is_named() -> None:
    queue = Queue(Line(WRITES))
    places = [queue.join() for _ in range(31)]
    assert [None, Limit("thread", 10, 10), Limit("thread", 30, 60)] == [
        places[each].limit for each in (0, 10, 30)
    ]


def test_a_user_whose_own_window_is_full_holds_nobody_else_up() -> None:
    queue = Queue(Line(LISTINGS))
    anns = [queue.join("ann").turn for _ in range(70)]
    assert ([10.0] * 20, 0.0) == (anns[50:], queue.join("bob").turn)


def test_users_with_windows_of_their_own_still_share_that_of_the_thread() -> None:
    queue = Queue(Line(RECEIPTS))
    turns = [queue.join(f"user {number % 25}").turn for number in range(125)]
    assert [0.0] * 100 + [10.0] * 25 == turns


def test_background_requests_leave_half_of_each_window_to_the_others() -> None:
    queue = Queue(Line(WRITES))
    polled = [queue.join(background=True).turn for _ in range(7)]
    assert ([0.0] * 5 + [10.0] * 2, [0.0] * 5) == (polled, [queue.join().turn for _ in range(5)])


def test_background_requests_let_those_who_come_later_go_before_them() -> None:
    queue = Queue(Line(WRITES))
    for _ in range(10):
        queue.send(queue.join())
    polled = queue.join(background=True)
    assert 10.0 == polled.turn
    waiting = [queue.join() for _ in range(5)]
    assert ([10.0] * 5, 60.0) == ([each.turn for each in waiting], polled.turn)


def test_a_refusal_with_a_time_is_kept_and_the_place_too() -> None:
    queue = Queue(Line(WRITES))
    refused, behind = queue.join(), queue.join()
    assert queue.line.start(refused, queue.now)
    queue.line.refuse(refused, queue.now, 7.0)
    assert 7.0 == refused.turn <= behind.turn


def test_after_a_refusal_requests_go_at_the_pace_at_which_those_of_others_leave_the_window() -> None:
    queue = Queue(Line(WRITES))
    refused = queue.join()
    behind = [queue.join() for _ in range(9)]
    assert queue.line.start(refused, queue.now)
    queue.line.refuse(refused, queue.now, None)
    turns = [each.turn for each in (refused, *behind)]
    assert [float(each) for each in range(1, 11)] == [round(each, 6) for each in turns]


def test_refusals_in_a_row_without_a_time_mean_the_longer_window() -> None:
    queue = Queue(Line(WRITES))
    place, pauses = queue.join(), []
    for _ in range(3):
        queue.now = place.turn
        assert queue.line.start(place, queue.now)
        queue.line.refuse(place, queue.now, None)
        pauses.append(round(place.turn - queue.now, 6))
    assert [1.0, 2.0, 2.0] == pauses


def test_requests_sent_together_and_refused_together_teach_once() -> None:
    queue = Queue(Line(WRITES))
    places = [queue.join() for _ in range(10)]
    for each in places:
        assert queue.line.start(each, queue.now)
    queue.now = 0.1
    for each in places:
        queue.line.refuse(each, queue.now, None)
    assert [1.1, 2.1, 10.1] == [round(places[each].turn, 6) for each in (0, 1, 9)]


def test_a_refusal_of_one_user_closes_the_line_to_no_other() -> None:
    queue = Queue(Line(LISTINGS))
    refused = queue.join("ann")
    assert queue.line.start(refused, queue.now)
    queue.line.refuse(refused, queue.now, 5.0)
    assert (5.0, 0.0) == (refused.turn, queue.join("bob").turn)


def test_a_time_longer_than_any_window_is_kept() -> None:
    queue = Queue(Line(WRITES))
    refused = queue.join()
    assert queue.line.start(refused, queue.now)
    queue.line.refuse(refused, queue.now, 3600.0)
    assert (3600.0, False) == (refused.turn, queue.line.is_idle(100.0))


def test_a_line_is_idle_when_nothing_counts_any_more() -> None:
    queue = Queue(Line(WRITES))
    queue.send(queue.join())
    assert (False, True) == (queue.line.is_idle(59.9), queue.line.is_idle(60.0))


def test_a_line_that_is_never_idle_keeps_no_more_times_than_count() -> None:
    queue = Queue(Line(WRITES))
    for _ in range(200):
        queue.send(queue.join())
    assert max(len(each._times) for each in queue.line._windows.values()) <= 31


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "poll", "send", "leave", "refuse", "wait"]),
        st.integers(0, 30),
        st.floats(0, 9),
    ),
    max_size=120,
)


@given(STEPS)
def test_whatever_happens_no_window_is_overfull_and_nobody_overtakes(
    steps: Sequence[tuple[str, int, float]],
) -> None:
    queue = Queue(Line(WRITES))
    waiting: list[Place] = []
    sent: list[float] = []
    for step, choice, seconds in steps:
        if step in ("join", "poll"):
            waiting.append(queue.join(f"user {choice % 3}", background=step == "poll"))
        elif step == "wait":
            queue.now += seconds
        elif waiting:
            waiting.sort(key=lambda each: (each.is_background, each.number))
            place = waiting[choice % len(waiting)] if step == "leave" else waiting[0]
            if step == "leave":
                queue.line.leave(place, queue.now)
            else:
                queue.now = max(queue.now, place.turn)
                assert queue.line.start(place, queue.now)
            if step == "refuse":
                queue.line.refuse(place, queue.now, seconds if choice % 2 else None)
                continue
            waiting.remove(place)
            if step == "send":
                assert all(place.turn <= each.turn for each in waiting if not each.is_background)
                queue.line.finish(place, queue.now)
                sent.append(queue.now)
    for count, length in ((10, 10), (30, 60)):
        assert all(
            later - earlier >= length * (1 - 1e-9) for earlier, later in zip(sent, sent[count:], strict=False)
        )


@given(st.lists(st.floats(0, 100), max_size=60), st.floats(0, 100), st.sampled_from([1.0, 0.5]))
def test_a_free_moment_is_free_and_there_is_none_before_it(
    times: list[float], moment: float, share: float
) -> None:
    limit = Limit("thread", 10, 10)
    window = Window(limit)
    for each in times:
        window.add(each)
    free = window.free_at(moment, share=share)

    def inside(at: float) -> int:
        return sum(at < each + limit.seconds and each < at + limit.seconds for each in times)

    assert inside(free) < limit.count * share
    earlier = [moment, *(each + limit.seconds for each in times)]
    assert all(inside(each) >= limit.count * share for each in earlier if moment <= each < free)
