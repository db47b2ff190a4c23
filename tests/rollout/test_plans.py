"""How long a copy takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.rollout.moving.plans import WINDOWS, Plan, seconds_for, seconds_left
from twilio_compat.rollout.staging.stages import Side, Stage


@pytest.mark.parametrize(
    ("writes", "seconds"),
    [(0, 0.0), (1, 0.1), (10, 1.0), (11, 10.0), (30, 20.0), (31, 60.0), (61, 120.0), (1000, 33 * 60.0)],
)
def test_acs_takes_ten_writes_in_ten_seconds_and_thirty_in_a_minute(writes: int, seconds: float) -> None:
    assert seconds == pytest.approx(seconds_for(Side.ACS, writes))


def test_twilio_takes_thirty_in_a_second() -> None:
    assert 100.0 == pytest.approx(seconds_for(Side.TWILIO, 1000))


@given(st.sampled_from(Side), st.integers(0, 500))
def test_more_writes_never_take_less(side: Side, writes: int) -> None:
    assert seconds_for(side, writes) <= seconds_for(side, writes + 1)


@given(st.sampled_from(Side), st.integers(0, 500))
def test_no_window_is_overfull(side: Side, writes: int) -> None:
    """The time that writes take is enough for windows of the given size to take them one after the other."""
    for count, length in WINDOWS[side]:
        assert (max(0, writes - 1) // count) * length <= seconds_for(side, writes)


def test_the_rate_that_was_measured_counts_once_there_is_one() -> None:
    assert seconds_for(Side.ACS, 50) == seconds_left(Side.ACS, 50, written=9, seconds=1.0)
    assert 5.0 == seconds_left(Side.ACS, 50, written=100, seconds=10.0)
    assert 0.0 == seconds_left(Side.ACS, 0, written=100, seconds=10.0)


def test_a_plan_takes_at_least_as_long_as_writes_may_be_under_way() -> None:
    plan = Plan(conversation_sid="CH1", stage=Stage.SHADOW, now=Stage.OFF, side=Side.ACS, wait=62.0)
    assert 62.0 == plan.seconds
    assert {
        "from": "off",
        "to": "shadow",
        "copied_to": "acs",
        "seconds": 62.0,
    }.items() <= plan.as_json().items()
