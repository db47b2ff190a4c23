"""Templates of Twilio's Content API: read, written back, filled in, and what is wrong with one said plainly."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.errors import ArgumentError
from twilio_compat.records import ContentTemplateRecord, JSONValue
from twilio_compat.templates import as_json, fill_in, read_templates, text_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SID = "HX" + "a1" * 16


def texts(longest: int) -> st.SearchStrategy[str]:
    """Return texts that every database and terminal takes."""
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=longest)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts(10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(5), inner, max_size=3),
    max_leaves=8,
)
records = st.builds(
    ContentTemplateRecord,
    sid=st.integers(0, 16**32 - 1).map(lambda number: f"HX{number:032x}"),
    friendly_name=texts(20),
    variables=st.dictionaries(texts(5), texts(10), max_size=3),
    types=st.dictionaries(
        texts(10),
        st.dictionaries(texts(5), json_values, max_size=3),
        min_size=1,
        max_size=3,
    ),
    date_created=st.datetimes(timezones=st.just(UTC)),
    date_updated=st.datetimes(timezones=st.just(UTC)),
)


def template(**changes: JSONValue) -> dict[str, JSONValue]:
    """Return a template as Twilio's Content API shows one."""
    return {
        "account_sid": "AC" + "0" * 32,
        "sid": SID,
        "friendly_name": "order_shipped",
        "language": "en",
        "variables": {"1": "toy"},
        "types": {"twilio/text": {"body": "Your {{1}} is on its way"}},
        "date_created": "2022-08-29T10:43:20Z",
        "date_updated": "2022-08-30T10:43:20Z",
        "url": "https://content.twilio.com/v1/Content/" + SID,
        "links": {},
    } | changes


def read(value: JSONValue) -> list[ContentTemplateRecord]:
    return read_templates(json.dumps(value), now=NOW)


@given(st.lists(records, max_size=3))
def test_what_is_written_is_read_back(given_records: list[ContentTemplateRecord]) -> None:
    assert given_records == read([as_json(each) for each in given_records])


@pytest.mark.parametrize(
    "form", [template(), [template()], {"meta": {"page": 0}, "contents": [template()]}], ids=str
)
def test_one_an_array_and_a_page_of_twilios_list_are_understood(form: JSONValue) -> None:
    expected = ContentTemplateRecord(
        sid=SID,
        friendly_name="order_shipped",
        variables={"1": "toy"},
        types={"twilio/text": {"body": "Your {{1}} is on its way"}},
        date_created=datetime(2022, 8, 29, 10, 43, 20, tzinfo=UTC),
        date_updated=datetime(2022, 8, 30, 10, 43, 20, tzinfo=UTC),
    )
    assert [expected] == read(form)


def test_a_template_written_by_hand_needs_no_dates_name_or_variables() -> None:
    [only] = read({"sid": SID, "types": {"twilio/text": {"body": "Hello"}}})
    assert ("", {}, NOW, NOW) == (only.friendly_name, only.variables, only.date_created, only.date_updated)


def test_a_date_without_a_zone_is_in_utc() -> None:
    [only] = read(template(date_created="2022-08-29T10:43:20"))
    assert datetime(2022, 8, 29, 10, 43, 20, tzinfo=UTC) == only.date_created


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "This is no JSON"),
        ("[" * 100_000, "This is no JSON"),
        ('{"x": NaN}', "This is no JSON: NaN is no number"),
        ("[1]", "Template 1 is no JSON object"),
        (json.dumps(template(friendly_name="\0")), "Template 1 has .* a NUL in it"),
        (json.dumps(template(types={"twilio/text": {"body": ["\ud800"]}})), "has half of a surrogate pair"),
        (json.dumps(template(types={"\udfff": {}})), "has half of a surrogate pair"),
        (json.dumps([template(), template(sid="HX1")]), "Template 2 has the sid 'HX1'"),
        (json.dumps(template(sid=None)), "must be HX and 32 lower-case hex digits"),
        (json.dumps(template(friendly_name=5)), "friendly_name is 5"),
        (json.dumps(template(variables=["toy"])), "variables must be an object"),
        (json.dumps(template(variables={"1": 5})), "the variable '1' is 5"),
        (json.dumps(template(types={})), "types must be an object"),
        (json.dumps(template(types={"twilio/text": "Hello"})), "the type twilio/text must be an object"),
        (json.dumps(template(date_created="yesterday")), "date_created is 'yesterday'"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(text: str, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        read_templates(text, now=NOW)


def test_placeholders_are_filled_in_wherever_they_stand() -> None:
    types: dict[str, JSONValue] = {
        "twilio/card": {
            "title": "Hello {{name}}",
            "media": ["https://e/{{1}}.png"],
            "actions": [{"type": "URL", "title": "{{ 1 }}", "index": 1}],
            "{{1}}": None,
        }
    }
    assert {
        "twilio/card": {
            "title": "Hello Ann",
            "media": ["https://e/a.png"],
            "actions": [{"type": "URL", "title": "a", "index": 1}],
            "{{1}}": None,
        }
    } == fill_in(types, {"name": "Ann", "1": "a"})


def test_a_placeholder_without_a_value_stays() -> None:
    assert {"twilio/text": {"body": "{{1}} a"}} == fill_in(
        {"twilio/text": {"body": "{{1}} {{2}}"}}, {"2": "a"}
    )


def test_a_value_is_not_filled_in_once_more() -> None:
    assert {"x": "{{2}}"} == fill_in({"x": "{{1}}"}, {"1": "{{2}}", "2": "no"})


@pytest.mark.parametrize(
    ("types", "text"),
    [
        ({"twilio/card": {"title": "Card"}, "twilio/text": {"body": "Text"}}, "Text"),
        ({"twilio/card": {"title": "Card", "media": ["https://e/1"]}}, "Card"),
        ({"twilio/location": {"label": "Home", "latitude": 1, "longitude": 2}}, "Home"),
        ({"twilio/media": {"media": ["https://e/1", "https://e/2"]}}, "https://e/1\nhttps://e/2"),
        ({"x/y": {"z": 1}}, None),
        ({}, None),
    ],
)
def test_there_is_a_text_for_those_who_see_no_more(types: dict[str, JSONValue], text: str | None) -> None:
    assert text == text_of(types)
