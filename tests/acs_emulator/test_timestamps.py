"""Times: what is written reads back, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator.timestamps import chat_time, identity_time, link_time, parse_time

moments = st.integers(0, 253402300799999)


@given(moments)
def test_every_form_reads_back_to_its_resolution(moment: int) -> None:
    second = moment // 1000 * 1000
    assert parse_time(chat_time(moment)) == second
    assert parse_time(link_time(moment)) == second
    assert parse_time(identity_time(moment)) == moment


def test_the_forms_are_those_of_the_service() -> None:
    moment = parse_time("2026-03-04T17:05:06.789Z")
    assert chat_time(moment) == "2026-03-04T17:05:06Z"
    assert identity_time(moment) == "2026-03-04T17:05:06.7890000+00:00"
    assert link_time(moment) == "3/4/2026 5:05:06 PM +00:00"
    assert link_time(0) == "1/1/1970 12:00:00 AM +00:00"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01", 1000),
        ("1970-01-01t00:00:01.5z", 1500),
        ("1970-01-01 01:00:01.9999999+01:00", 1999),
        ("1970-01-01T01:00:00+0100", 0),
    ],
)
def test_other_forms_are_read_too(text: str, moment: int) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    "text",
    ["", "soon", "0", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T25:00:00Z", "1969-12-31T23:59:59Z",
     "2026-01-31T00:00:00+25:00", "13/1/2026 1:00:00 AM +00:00", "1/1/2026 13:00:00 AM +00:00", "0000-01-01T00:00:00Z"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)
