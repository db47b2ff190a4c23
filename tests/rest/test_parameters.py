"""What was sent becomes what a resource gets, or a refusal with Twilio's code."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.errors import LimitError
from twilio_compat.rest.call import Json, Value
from twilio_compat.rest.operation_table import OPERATIONS
from twilio_compat.rest.operations import Kind
from twilio_compat.rest.parameters import Paging, bounds, read_paging, read_values, seconds_of


def read(key: str, *pairs: tuple[str, str]) -> dict[str, Value]:
    return read_values(OPERATIONS[key], pairs)


def refused(key: str, *pairs: tuple[str, str]) -> tuple[int | None, str]:
    with pytest.raises(LimitError) as caught:
        read_values(OPERATIONS[key], pairs)
    return caught.value.code, caught.value.detail


def test_each_kind_is_read_as_what_it_stands_for() -> None:
    values = read(
        "conversations.create",
        ("FriendlyName", "Room"),
        ("Attributes", '{"a": [1, null]}'),
        ("DateCreated", "2020-05-17T12:00:00Z"),
        ("State", "inactive"),
        ("Timers.Inactive", "PT1H"),
        ("MessagingServiceSid", "MG" + "0" * 32),
    )
    assert {
        "FriendlyName": "Room",
        "Attributes": Json({"a": [1, None]}),
        "DateCreated": datetime(2020, 5, 17, 12, tzinfo=UTC),
        "State": "inactive",
        "Timers.Inactive": "PT1H",
        "MessagingServiceSid": "MG" + "0" * 32,
    } == values
    replay = ("Configuration.ReplayAfter", "7")
    assert {"Target": "webhook", "Configuration.ReplayAfter": 7} == read(
        "webhooks.create", ("Target", "webhook"), replay
    )


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_true_is_true_however_it_is_written(text: str) -> None:
    assert {"ReachabilityEnabled": True} == read(
        "services.configuration.update", ("ReachabilityEnabled", text)
    )


def test_a_name_that_is_given_several_times_is_a_list_and_one_text_is_a_list_of_one() -> None:
    several = read(
        "configuration.webhooks.update", ("Filters", "onMessageAdd"), ("Filters", "onMessageAdded")
    )
    assert {"Filters": ("onMessageAdd", "onMessageAdded")} == several
    assert {"Filters": ("onMessageAdd",)} == read(
        "configuration.webhooks.update", ("Filters", "onMessageAdd")
    )


def test_a_list_of_nothing_but_an_empty_text_is_empty() -> None:
    assert {"Filters": ()} == read("configuration.webhooks.update", ("Filters", ""))


def test_an_empty_text_is_kept_since_it_takes_a_name_away() -> None:
    assert {"FriendlyName": "", "Timers.Closed": "", "MessagingServiceSid": ""} == read(
        "conversations.update", ("FriendlyName", ""), ("Timers.Closed", ""), ("MessagingServiceSid", "")
    )


def test_of_several_values_of_what_is_no_list_the_last_counts() -> None:
    assert {"Body": "b"} == read("messages.create", ("Body", "a"), ("Body", "b"))


def test_the_method_of_a_webhook_stays_as_it_was_written_and_other_words_become_twilios() -> None:
    values = read("webhooks.update", ("Configuration.Method", "POST"))
    assert {"Configuration.Method": "POST"} == values
    assert {"State": "closed"} == read("conversations.update", ("State", "CLOSED"))


@pytest.mark.parametrize(
    ("key", "name", "text", "code", "begins"),
    [
        ("conversations.create", "Nonsense", "1", 20001, "Unknown parameters: Nonsense"),
        ("conversations.create", "Attributes", "{", 50304, "Attributes not valid JSON"),
        ("conversations.create", "Attributes", "", 50304, "Attributes not valid JSON"),
        ("conversations.create", "Attributes", "NaN", 50304, "Attributes not valid JSON"),
        ("conversations.create", "Attributes", "[-Infinity]", 50304, "Attributes not valid JSON"),
        ("conversations.create", "Attributes", "[1e999]", 50304, "Attributes not valid JSON"),
        ("conversations.create", "Attributes", "[" * 100_000, 50304, "Attributes not valid JSON"),
        ("conversations.create", "Attributes", "1" * 5000, 50304, "Attributes not valid JSON"),
        ("conversations.create", "DateCreated", "yesterday", 50308, "Invalid Date Created parameter"),
        ("conversations.create", "DateUpdated", "2020-13-01", 50309, "Invalid Date Updated parameter"),
        ("conversations.create", "DateCreated", "0001-01-01T00:00:00+14:00", 50308, "Invalid Date Created"),
        ("conversations.create", "State", "asleep", 50378, "'State' parameter value is invalid"),
        ("conversations.create", "Timers.Inactive", "1 hour", 50379, "TimeToInactive format is invalid"),
        (
            "conversations.create",
            "Timers.Inactive",
            "PT59S",
            50375,
            "TimeToInactive should be greater or equal",
        ),
        ("conversations.create", "Timers.Closed", "PT9M", 50376, "TimeToClosed should be greater or equal"),
        ("conversations.create", "FriendlyName", "x" * 257, 50003, "Friendly name too long"),
        ("conversations.create", "UniqueName", "x" * 257, 50004, "Unique Name too long"),
        ("conversations.create", "MessagingServiceSid", "MG1", 50341, "Invalid messaging service SID"),
        ("conversations.create", "FriendlyName", "a\0b", 20422, "Invalid Parameter: FriendlyName"),
        ("conversations.create", "FriendlyName", "a\ud800b", 20422, "Invalid Parameter: FriendlyName"),
        ("conversations.list", "StartDate", "soon", 20422, "Invalid Parameter: StartDate"),
        ("messages.list", "Order", "random", 20422, "Invalid Parameter: Order: must be one of asc, desc"),
        ("messages.create", "MediaSid", "IM" + "0" * 32, 50510, "Invalid message media SID"),
        ("messages.create", "ContentSid", "HX", 50526, "Invalid content SID"),
        ("messages.create", "ContentVariables", "a", 50527, "Invalid content variables format"),
        ("messages.create", "Author", "x" * 257, 50310, "Author parameter is too long"),
        ("user_conversations.update", "LastReadTimestamp", "1", 50405, "Invalid last consumption timestamp"),
        ("user_conversations.update", "NotificationLevel", "loud", 50210, "Invalid notification level"),
        ("users.create", "Identity", "x" * 257, 50207, "Identity too long"),
        ("services.configuration.update", "ReachabilityEnabled", "yes", 20422, "Invalid Parameter: Reachab"),
    ],
)
def test_what_cannot_be_is_refused_with_a_code_that_says_what(
    key: str, name: str, text: str, code: int, begins: str
) -> None:
    found, detail = refused(key, (name, text))
    assert code == found
    assert detail.startswith(begins)


@pytest.mark.parametrize("text", ["-1", "1.0", "٣", "1_000", " 1", "99999999999999999999"])
def test_an_index_is_digits_and_nothing_else(text: str) -> None:
    code, _ = refused("webhooks.create", ("Target", "webhook"), ("Configuration.ReplayAfter", text))
    assert 50516 == code


@pytest.mark.parametrize("given", [[], [("Identity", "")]])
def test_a_user_without_an_identity_is_refused_as_twilio_refuses_them(given: list[tuple[str, str]]) -> None:
    assert (50204, "Identity not provided") == refused("users.create", *given)


def test_what_is_missing_is_named() -> None:
    assert (20001, "Missing required parameter Address in the post body") == refused(
        "configuration.addresses.create", ("Type", "sms")
    )
    assert (50000, "FriendlyName not provided") == refused("services.create")
    role = (("FriendlyName", "reader"), ("Type", "conversation"))
    assert (50104, "Permission not found") == refused("roles.create", *role)


def test_a_whole_day_and_a_whole_second_are_named_by_their_texts() -> None:
    assert (datetime(2022, 1, 2, tzinfo=UTC), datetime(2022, 1, 2, 23, 59, 59, 999999, UTC)) == bounds(
        "2022-01-02"
    )
    assert datetime(2022, 1, 2, 3, 4, 5, 999999, UTC) == bounds("2022-01-02T03:04:05Z")[1]
    assert datetime(2022, 1, 2, 3, 4, 5, tzinfo=UTC) == bounds("2022-01-02T05:04:05+02:00")[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT1H", 3600), ("P3D", 259200), ("PT90S", 90), ("P1DT2H3M4.5S", 93784.5), ("pt1m", 60)],
)
def test_a_duration_is_counted_in_seconds(text: str, seconds: float) -> None:
    assert seconds == seconds_of(text)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1H", "P1M", "P1Y", "P1W", "PT-1H", "PT1H ", "PT١H"])
def test_other_durations_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds_of(text)


# Pages


def paging(key: str, **given: str) -> Paging:
    return read_paging(OPERATIONS[key], list(given.items()))


def test_pages_have_fifty_records_unless_told_and_those_of_webhooks_five() -> None:
    assert [50, 5] == [paging(each).size for each in ("messages.list", "webhooks.list")]
    assert Paging(2, 3, "PAx") == paging("messages.list", PageSize="2", Page="3", PageToken="PAx")


def test_what_is_more_than_a_page_has_is_given_as_much_as_there_can_be() -> None:
    asked = {
        each: paging(each, PageSize="5000").size for each in ("messages.list", "users.list", "webhooks.list")
    }
    assert {"messages.list": 100, "users.list": 50, "webhooks.list": 5} == asked


@pytest.mark.parametrize(
    ("name", "text"), [("PageSize", "0"), ("PageSize", "-1"), ("PageSize", "x"), ("Page", "-1")]
)
def test_a_page_that_cannot_be_is_refused(name: str, text: str) -> None:
    with pytest.raises(LimitError) as caught:
        paging("messages.list", **{name: text})
    assert (400, 20422) == (caught.value.status, caught.value.code)


def test_what_has_no_pages_does_not_know_their_parameters() -> None:
    assert (20001, "Unknown parameters: PageSize") == refused("conversations.fetch", ("PageSize", "5"))


# Anything at all


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(JSON)
def test_whatever_python_writes_as_json_is_taken_and_written_again_as_it_was(value: object) -> None:
    text = json.dumps(value)
    found = read("users.update", ("Attributes", text))["Attributes"]
    assert isinstance(found, Json)
    assert text == json.dumps(found.value)


@given(st.sampled_from(sorted(OPERATIONS)), st.text(), st.data())
def test_whatever_is_sent_is_taken_or_refused(key: str, text: str, data: st.DataObject) -> None:
    operation = OPERATIONS[key]
    name = data.draw(st.sampled_from([*sorted(operation.parameters), "PageSize", "Page", "Other"]))
    values: dict[str, Value] = {}
    with suppress(LimitError):
        values = read_values(operation, [(name, text)])
        read_paging(operation, [(name, text)])
    if values:
        kinds = {
            Kind.BOOLEAN: bool,
            Kind.INTEGER: int,
            Kind.LIST: tuple,
            Kind.JSON: Json,
            Kind.DATE: datetime,
        }
        for each, value in values.items():
            assert kinds.get(operation.parameters[each].kind, str) is type(value)
