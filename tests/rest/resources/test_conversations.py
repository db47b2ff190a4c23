"""Conversations over REST: what they show, how they change, and how they are found."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.rest.outside import ACCOUNT
from tests.rest.resources.asking import HOST, Twilio, assert_not_found, at_once, refusal

SERVICE = "MG" + "1" * 32
DAY = datetime(2020, 5, 17, 12, 30, tzinfo=UTC)


def body_of(twilio: Twilio, sid: str) -> Any:
    return twilio.body("GET", f"/Conversations/{sid}")


# What they show


def test_one_that_was_given_nothing_shows_what_twilios_shows(twilio: Twilio) -> None:
    body = twilio.body("POST", "/Conversations")
    url = f"{HOST}/v1/Conversations/{body['sid']}"
    assert {
        "sid": body["sid"],
        "account_sid": ACCOUNT,
        "chat_service_sid": body["chat_service_sid"],
        "messaging_service_sid": None,
        "friendly_name": None,
        "unique_name": None,
        "attributes": "{}",
        "state": "active",
        "timers": {},
        "bindings": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "url": url,
        "links": {
            "participants": f"{url}/Participants",
            "messages": f"{url}/Messages",
            "webhooks": f"{url}/Webhooks",
        },
    } == body
    assert body == body_of(twilio, body["sid"])


def test_dates_are_dates_to_twilio_python(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create()
    assert isinstance(made.date_created, datetime)
    assert isinstance(made.date_updated, datetime)


def test_everything_that_is_given_is_shown_again(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(
        friendly_name="Room",
        unique_name="room",
        attributes=json.dumps({"topic": "größe", "n": [1, 2.5, None]}),
        messaging_service_sid=SERVICE,
        date_created=DAY,
        date_updated=DAY,
        timers_inactive="PT1H",
        timers_closed="P3D",
    )
    assert ("Room", "room", SERVICE) == (made.friendly_name, made.unique_name, made.messaging_service_sid)
    assert json.dumps({"topic": "größe", "n": [1, 2.5, None]}) == made.attributes
    assert (DAY, DAY) == (made.date_created, made.date_updated)
    assert {"date_inactive", "date_closed"} == set(made.timers)


def test_attributes_come_back_as_they_were_posted(twilio: Twilio) -> None:
    for attributes in ('{"a": {"b": []}}', '"a text"', "null", "7", '{"\\u00fc": 1e-07}'):
        made = twilio.v1.conversations.create(attributes=attributes)
        assert attributes == twilio.v1.conversations(made.sid).fetch().attributes


# Finding one


def test_one_is_found_by_its_sid_and_by_its_unique_name(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(unique_name="room 1/2")
    for name in (made.sid, "room%201%2F2"):
        assert made.sid == twilio.v1.conversations(name).fetch().sid


def test_a_unique_name_may_be_a_number_or_a_uuid(twilio: Twilio) -> None:
    for name in (12345, uuid.UUID(int=7)):
        made = twilio.v1.conversations.create(unique_name=name)
        assert str(name) == made.unique_name
        assert made.sid == twilio.v1.conversations(name).fetch().sid


@pytest.mark.parametrize("name", ["CH" + "0" * 32, "nobody", "CH1", "None"])
def test_one_that_is_not_there_is_named_by_its_path(twilio: Twilio, name: str) -> None:
    context = twilio.v1.conversations(name)
    assert_not_found(f"/Conversations/{name}", context.fetch)
    assert_not_found(f"/Conversations/{name}", context.update, friendly_name="New")
    assert_not_found(f"/Conversations/{name}", context.update)
    assert_not_found(f"/Conversations/{name}", context.update, timers_inactive="PT1H")
    assert_not_found(f"/Conversations/{name}", context.delete)
    assert_not_found(f"/Conversations/{name}/Messages", context.messages.list)
    assert_not_found(f"/Conversations/{name}/Messages", context.messages.create, body="Hello")


# Names


def test_a_unique_name_is_given_once(twilio: Twilio) -> None:
    twilio.v1.conversations.create(unique_name="room")
    found = refusal(twilio.v1.conversations.create, unique_name="room")
    assert (409, 50353) == (found.status, found.code)
    assert "Unable to create record: Conversation with provided unique name already exists" == found.text
    other = twilio.v1.conversations.create()
    assert 50353 == refusal(other.update, unique_name="room").code


def test_of_several_who_want_a_unique_name_at_once_one_gets_it(twilio: Twilio) -> None:
    results = at_once(*[lambda: twilio.v1.conversations.create(unique_name="room").sid] * 4)
    assert 1 == len([each for each in results if isinstance(each, str)])
    assert {50353} == {each.code for each in results if not isinstance(each, str)}  # type: ignore[attr-defined]


def test_an_empty_name_is_none(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(friendly_name="", unique_name="")
    assert (None, None) == (made.friendly_name, made.unique_name)
    named = twilio.v1.conversations.create(friendly_name="Room", unique_name="room")
    changed = named.update(friendly_name="", unique_name="")
    assert (None, None) == (changed.friendly_name, changed.unique_name)
    assert 404 == refusal(twilio.v1.conversations("room").fetch).status


def test_a_name_that_is_a_sid_is_refused(twilio: Twilio) -> None:
    found = refusal(twilio.v1.conversations.create, unique_name="CH" + "0" * 32)
    assert (400, 50390) == (found.status, found.code)


# Changing


def test_what_was_not_given_stays_as_it_is(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(
        friendly_name="Room", unique_name="room", attributes='{"a": 1}', messaging_service_sid=SERVICE
    )
    for changes in ({"friendly_name": "New"}, {"attributes": '{"b": 2}'}, {"unique_name": "other"}, {}):
        made.update(**changes)
    found = twilio.v1.conversations("other").fetch()
    assert ("New", '{"b": 2}', SERVICE) == (
        found.friendly_name,
        found.attributes,
        found.messaging_service_sid,
    )


def test_the_date_of_a_change_can_be_given(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create()
    assert (DAY, DAY) == (
        made.update(date_created=DAY).date_created,
        made.update(date_updated=DAY).date_updated,
    )


def test_a_messaging_service_is_kept_until_it_is_taken_away(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(messaging_service_sid=SERVICE)
    assert SERVICE == made.update(friendly_name="Room").messaging_service_sid
    assert made.update(messaging_service_sid="").messaging_service_sid is None


def test_one_timer_changes_without_the_other_and_an_empty_one_is_none(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(timers_inactive="PT1H", timers_closed="P3D")
    closes = made.timers["date_closed"]
    longer = made.update(timers_inactive="PT2H").timers
    assert closes == longer["date_closed"]
    assert longer["date_inactive"] > made.timers["date_inactive"]
    assert {"date_closed": closes} == made.update(timers_inactive="").timers
    assert {} == made.update(timers_closed="", timers_inactive="").timers


def test_states_are_given_and_closed_is_the_last(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(state="inactive")
    assert ["inactive", "active", "closed"] == [
        made.state,
        made.update(state="active").state,
        made.update(state="closed").state,
    ]
    found = refusal(made.update, friendly_name="New")
    assert (400, 50377) == (found.status, found.code)
    assert "closed" == twilio.v1.conversations(made.sid).fetch().state


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"attributes": "{"}, 50304),
        ({"attributes": json.dumps("x" * 17_000)}, 50303),
        ({"friendly_name": "x" * 257}, 50003),
        ({"state": "asleep"}, 50378),
        ({"timers_inactive": "PT1S"}, 50375),
        ({"timers_closed": "later"}, 50380),
        ({"messaging_service_sid": "MG"}, 50341),
        ({"bindings_email_address": "room@example.com"}, 20422),
    ],
)
def test_what_a_conversation_cannot_have_is_refused(
    twilio: Twilio, parameters: dict[str, str], code: int
) -> None:
    made = twilio.v1.conversations.create()
    for call in (twilio.v1.conversations.create, made.update):
        found = refusal(call, **parameters)
        assert (400, code) == (found.status, found.code)


def test_what_acs_cannot_carry_is_refused_in_its_words(twilio: Twilio) -> None:
    found = refusal(twilio.v1.conversations.create, bindings_email_address="room@example.com")
    assert "Azure Communication Services Chat cannot take in e-mail" in found.text


# Deleting


def test_a_deleted_one_is_gone_and_its_name_is_free(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(unique_name="room")
    assert made.delete()
    assert_not_found(f"/Conversations/{made.sid}", made.fetch)
    assert_not_found(f"/Conversations/{made.sid}", made.delete)
    assert made.sid != twilio.v1.conversations.create(unique_name="room").sid


# Lists


def test_all_are_listed_in_the_order_in_which_they_were_made(twilio: Twilio) -> None:
    made = [twilio.v1.conversations.create().sid for _ in range(5)]
    assert made == [each.sid for each in twilio.v1.conversations.list()]
    assert made == [each.sid for each in twilio.v1.conversations.list(page_size=2)]
    assert made[:3] == [each.sid for each in twilio.v1.conversations.list(limit=3)]
    assert made == [each.sid for each in twilio.v1.conversations.list(limit=1000)]


def test_a_list_can_be_deleted_while_it_is_walked_through(twilio: Twilio) -> None:
    made = {twilio.v1.conversations.create().sid for _ in range(5)}
    seen = [each.sid for each in twilio.v1.conversations.stream(page_size=2) if each.delete()]
    assert made == set(seen)
    assert [] == twilio.v1.conversations.list()


def test_pages_lead_to_each_other(twilio: Twilio) -> None:
    made = [twilio.v1.conversations.create().sid for _ in range(5)]
    first = twilio.v1.conversations.page(page_size=2)
    second = first.next_page()
    assert made[2:4] == [each.sid for each in second]
    assert made[:2] == [each.sid for each in second.previous_page()]
    third = twilio.v1.conversations.page(page_size=2, page_number=2)
    assert made[4:] == [each.sid for each in third]
    assert third.next_page() is None
    again = twilio.v1.conversations.get_page(first.next_page_url)
    assert made[2:4] == [each.sid for each in again]


def test_lists_are_narrowed_by_state_and_by_day(twilio: Twilio) -> None:
    old = twilio.v1.conversations.create(date_created=DAY)
    new = twilio.v1.conversations.create(state="inactive")

    def sids(**narrowed: str) -> list[str]:
        return [each.sid for each in twilio.v1.conversations.list(**narrowed)]

    assert ([new.sid], [old.sid]) == (sids(state="inactive"), sids(state="active"))
    assert [old.sid] == sids(end_date="2020-05-17")
    assert [old.sid] == sids(start_date="2020-05-17T12:30:00Z", end_date="2020-05-17T12:30:00Z")
    assert [] == sids(start_date="2020-05-16", end_date="2020-05-16T23:59:59Z")
    assert [new.sid] == sids(start_date="2020-05-18T00:00:00Z")
    assert [old.sid, new.sid] == [
        each.sid for each in twilio.v1.conversations.list(start_date="2020-01-01", page_size=1)
    ]


def test_a_token_of_another_list_is_refused(twilio: Twilio) -> None:
    room = twilio.room()
    for _ in range(3):
        room.messages.create(body="Hello")
    token = room.messages.page(page_size=1).next_page_url.rpartition("=")[2]
    conversations = twilio.v1.conversations.page(page_token=token)
    assert [] == list(conversations)
    other = twilio.v1.conversations.create()
    twilio.v1.conversations.create()
    token = twilio.v1.conversations.page(page_size=1).next_page_url.rpartition("=")[2]
    found = refusal(twilio.v1.conversations(other.sid).messages.page, page_token=token)
    assert (400, 20422) == (found.status, found.code)
