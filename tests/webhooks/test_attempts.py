"""A webhook that could not be told is told again, at sensible times, and not for ever."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks.clock import BEGINNING
from twilio_compat.webhooks.attempts import LATE_ATTEMPTS, LONGEST, is_final, next_attempt


@pytest.mark.parametrize(
    ("status", "final"),
    [
        (301, True),
        (400, True),
        (404, True),
        (408, False),
        (410, True),
        (429, False),
        (500, False),
        (503, False),
    ],
)
def test_only_trouble_is_worth_another_attempt(status: int, final: bool) -> None:
    assert final == is_final(status)


def test_pauses_double_from_a_second_to_a_quarter_of_an_hour() -> None:
    pauses = [
        next_attempt(made, since=BEGINNING, now=BEGINNING, chance=0.5) for made in (1, 2, 3, 10, 11, 12)
    ]
    assert [1, 2, 4, 512, 900, 900] == [(each - BEGINNING).total_seconds() for each in pauses if each]


@given(st.floats(0, 1), st.integers(1, 30))
def test_chance_moves_a_pause_by_a_quarter_at_most(chance: float, made: int) -> None:
    exact = next_attempt(made, since=BEGINNING, now=BEGINNING, chance=0.5)
    moved = next_attempt(made, since=BEGINNING, now=BEGINNING, chance=chance)
    assert exact is not None
    assert moved is not None
    assert abs(moved - exact) <= (exact - BEGINNING) / 4 + timedelta(microseconds=1)


def test_it_is_tried_for_four_hours() -> None:
    now, made = BEGINNING, 1
    while (at := next_attempt(made, since=BEGINNING, now=now, chance=0.5)) is not None:
        now, made = at, made + 1
    assert timedelta(hours=3, minutes=45) < now - BEGINNING <= LONGEST
    assert 20 < made < 30


def test_what_waited_too_long_in_its_line_is_tried_a_few_times_only() -> None:
    late = BEGINNING + LONGEST + timedelta(hours=1)
    tried = [
        next_attempt(made, since=BEGINNING, now=late, chance=0.5) is not None
        for made in range(1, LATE_ATTEMPTS + 2)
    ]
    assert [True] * (LATE_ATTEMPTS - 1) + [False, False] == tried
