from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_backend import timers
from acs_backend.store.conversations import Conversation, adopted
from acs_backend.timers import Move, check_timers, milliseconds
from twilio_compat.errors import LimitError
from twilio_compat.records import Timers

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_800_000_000_000


def conversation(**fields: object) -> Conversation:
    row = adopted("t", topic="Room", created_by="bob", created_at=NOW)
    return replace(row, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("PT1H", HOUR),
        ("P3D", 3 * DAY),
        ("P1DT2H", DAY + 2 * HOUR),
        ("PT90S", 90_000),
        ("PT1M30S", 90_000),
        ("P2W", 14 * DAY),
        ("PT0.5H", HOUR // 2),
        ("PT1,5S", 1500),
        ("pt1m", MINUTE),
        ("PT0S", 0),
    ],
)
def test_a_duration_is_read(duration: str, expected: int) -> None:
    assert expected == milliseconds(duration)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "T1H",
        "1H",
        "PT1",
        "P1H",
        "P1M",
        "P1Y",
        "-PT1H",
        "PT-1H",
        "PT1M1H",
        "PT1H ",
        "PT١H",
        "PT1H\n",
        "P9999999D",
        "P" + "9" * 400 + "D",
        "one hour",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert None is milliseconds(text)


@given(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected = days * DAY + hours * HOUR + minutes * MINUTE + seconds * 1000
    assert expected == milliseconds(f"P{days}DT{hours}H{minutes}M{seconds}S")


@given(st.text(alphabet="PTWDHMS0123456789.,", max_size=12))
def test_whatever_the_text_it_is_a_length_or_none(text: str) -> None:
    found = milliseconds(text)
    assert found is None or 0 <= found <= timers.LONGEST


@pytest.mark.parametrize(
    ("given_", "code", "text"),
    [
        (Timers(inactive="PT59S"), 50375, "TimeToInactive should be greater or equal to 1 minute"),
        (Timers(closed="PT9M59S"), 50376, "TimeToClosed should be greater or equal to 10 minutes"),
        (Timers(inactive="soon"), 50379, "TimeToInactive format is invalid"),
        (Timers(closed="P1M"), 50380, "TimeToClosed format is invalid"),
    ],
)
def test_timers_that_twilio_does_not_take_are_refused_in_its_words(
    given_: Timers, code: int, text: str
) -> None:
    with pytest.raises(LimitError) as caught:
        check_timers(given_)
    assert (400, code, text) == (caught.value.status, caught.value.code, caught.value.detail)


def test_the_shortest_timers_are_taken_and_so_are_none() -> None:
    check_timers(Timers(inactive="PT1M", closed="PT10M"))
    check_timers(Timers())


def test_both_timers_run_from_the_last_message() -> None:
    row = conversation(inactive_after="PT1H", closed_after="P1D")
    newest = NOW + 5 * MINUTE
    assert [Move("inactive", newest + HOUR), Move("closed", newest + DAY)] == timers.moves_ahead(row, newest)


def test_they_run_from_when_it_became_active_where_that_is_later() -> None:
    row = conversation(inactive_after="PT1H", active_at=NOW + 5 * MINUTE)
    assert NOW + 5 * MINUTE + HOUR == timers.due_at(row, newest=NOW)


def test_an_inactive_one_is_only_closed_counted_from_the_same_activity() -> None:
    since, quiet = NOW, NOW + HOUR
    row = conversation(
        inactive_after="PT1H", closed_after="P1D", state="inactive", state_updated_at=quiet, active_at=since
    )
    assert [Move("closed", since + DAY)] == timers.moves_ahead(row, 0)


def test_a_closed_one_stays_so() -> None:
    row = conversation(inactive_after="PT1H", closed_after="P1D", state="closed")
    assert [] == timers.moves_due(row, 0, NOW + 9 * DAY)
    assert None is timers.due_at(row)
    assert not timers.has_timers(row)


def test_what_came_due_while_nobody_looked_happens_in_its_order() -> None:
    row = conversation(inactive_after="PT1H", closed_after="P1D")
    assert [] == timers.moves_due(row, 0, NOW + HOUR - 1)
    assert ["inactive"] == [each.to for each in timers.moves_due(row, 0, NOW + HOUR)]
    assert ["inactive", "closed"] == [each.to for each in timers.moves_due(row, 0, NOW + 9 * DAY)]


def test_one_that_is_closed_before_it_would_be_inactive_is_never_inactive() -> None:
    row = conversation(inactive_after="P1D", closed_after="PT10M")
    assert ["closed"] == [each.to for each in timers.moves_due(row, 0, NOW + 9 * DAY)]


def test_where_both_come_due_at_once_it_is_inactive_first() -> None:
    row = conversation(inactive_after="PT10M", closed_after="PT10M")
    assert ["inactive", "closed"] == [each.to for each in timers.moves_due(row, 0, NOW + 10 * MINUTE)]


def test_without_timers_nothing_is_due() -> None:
    assert None is timers.due_at(conversation())
    assert not timers.has_timers(conversation())
    assert timers.has_timers(conversation(inactive_after="PT1H"))
