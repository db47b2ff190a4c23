"""Telling whether something changed."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.records import JSONValue
from twilio_compat.sameness import same

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner),
)


@given(json_values, json_values)
def test_values_are_the_same_where_their_json_is(one: JSONValue, other: JSONValue) -> None:
    assert (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)) == same(one, other)


def test_true_is_not_1_and_false_is_not_0_at_any_depth() -> None:
    assert [False, False, False] == [
        same(True, 1),
        same({"read": 0}, {"read": False}),
        same([{"read": [1]}], [{"read": [True]}]),
    ]


def test_a_number_is_the_same_however_it_is_written_as_in_javascript() -> None:
    assert same({"width": 1}, {"width": 1.0})
