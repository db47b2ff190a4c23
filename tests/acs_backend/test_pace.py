"""When a subscription looks for news, by a clock that stands still."""

from __future__ import annotations

import pytest

from acs_backend.event_sources.pace import FULL_PURSE, SHORTEST_REST, Pace

INTERVAL = 1.0


class Clock:
    """Seconds, as the test has them pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(INTERVAL, clock)


def tick(pace: Pace, clock: Clock) -> float:
    """Wait for the next tick and make it; return how long that was to wait."""
    waited = max(0.0, pace.until_tick())
    clock.now += waited
    pace.begin()
    pace.rest()
    return pytest.approx(waited)


def nudged_ticks(pace: Pace, clock: Clock, number: int) -> list[float]:
    waits = []
    for _ in range(number):
        pace.nudge()
        waits.append(tick(pace, clock))
    return waits


def test_the_first_tick_begins_at_once_and_the_next_after_the_interval(pace: Pace, clock: Clock) -> None:
    assert [0.0, INTERVAL, INTERVAL] == [tick(pace, clock) for _ in range(3)]


def test_a_nudge_shortens_the_rest_once(pace: Pace, clock: Clock) -> None:
    tick(pace, clock)
    assert [SHORTEST_REST] == nudged_ticks(pace, clock, 1)
    assert INTERVAL == tick(pace, clock)


def test_early_ticks_use_up_a_purse_which_four_rests_fill_for_one(pace: Pace, clock: Clock) -> None:
    tick(pace, clock)
    shorts = int(FULL_PURSE)
    assert [SHORTEST_REST] * shorts + [INTERVAL] * 4 == nudged_ticks(pace, clock, shorts + 4)
    assert SHORTEST_REST == nudged_ticks(pace, clock, 1)[0]


def test_the_pauses_after_failures_grow_up_to_half_a_minute(pace: Pace) -> None:
    pauses = []
    for _ in range(8):
        pace.pause()
        pauses.append(pytest.approx(pace.until_tick()))
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] == pauses


def test_a_nudge_ends_a_long_pause_but_not_the_first_half_second(pace: Pace) -> None:
    for _ in range(5):
        pace.pause()
    pace.nudge()
    assert pytest.approx(0.5) == pace.until_tick()
