from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.rest.outside import ACCOUNT
from tests.rest.resources.asking import HOST, Twilio, assert_not_found, at_once, refusal

NOBODY = "RL" + "0" * 32
SMS = {"messaging_binding_address": "+15551230001", "messaging_binding_proxy_address": "+15551230002"}


def identities(room: Any) -> set[str]:
    return {each.identity for each in room.participants.list()}


def test_a_participant_is_shown_as_twilio_shows_one(twilio: Twilio) -> None:
    room = twilio.room("bob")
    [found] = twilio.body("GET", f"/Conversations/{room.sid}/Participants")["participants"]
    sid, role = found["sid"], twilio.roles()["channel user"]
    assert {
        "sid": sid,
        "account_sid": ACCOUNT,
        "conversation_sid": room.sid,
        "identity": "bob",
        "attributes": "{}",
        "messaging_binding": None,
        "role_sid": role,
        "last_read_message_index": None,
        "last_read_timestamp": None,
        "date_created": found["date_created"],
        "date_updated": found["date_created"],
        "url": f"{HOST}/v1/Conversations/{room.sid}/Participants/{sid}",
    } == found
    assert found == twilio.body("GET", f"/Conversations/{room.sid}/Participants/{sid}")


def test_a_participant_of_a_service_that_is_named_names_it(twilio: Twilio) -> None:
    room = twilio.room("bob")
    service = twilio.v1.services.list()[0].sid
    place = f"/Services/{service}/Conversations/{room.sid}/Participants"
    [found] = twilio.body("GET", place)["participants"]
    assert (service, f"{HOST}/v1{place}/{found['sid']}") == (found["chat_service_sid"], found["url"])


def test_a_participant_has_what_they_were_added_with(twilio: Twilio) -> None:
    admin = twilio.roles()["channel admin"]
    added = twilio.room().participants.create(
        identity="bob",
        attributes=json.dumps({"seat": 1}),
        role_sid=admin,
        date_created=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
        date_updated=datetime(2020, 1, 2, 3, 4, 6, tzinfo=UTC),
    )
    assert ('{"seat": 1}', admin) == (added.attributes, added.role_sid)
    assert datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC) == added.date_created
    assert datetime(2020, 1, 2, 3, 4, 6, tzinfo=UTC) == added.date_updated


def test_a_participant_is_added_once(twilio: Twilio) -> None:
    room = twilio.room("bob")
    found = refusal(room.participants.create, identity="bob")
    assert (409, 50433, "Unable to create record: Participant already exists") == (
        *(found.status, found.code, found.text),
    )
    assert 1 == len(room.participants.list())


def test_of_two_who_add_a_participant_at_once_one_is_told_that_they_exist(twilio: Twilio) -> None:
    room = twilio.room()
    add = lambda: room.participants.create(identity="bob")  # noqa: E731
    refused = [each for each in at_once(add, add, add) if isinstance(each, TwilioRestException)]
    assert [50433, 50433] == [each.code for each in refused]
    assert {"bob"} == identities(room)


@pytest.mark.parametrize("parameters", [{}, {"identity": ""}, {"attributes": "{}"}])
def test_nobody_is_added_without_an_identity(twilio: Twilio, parameters: dict[str, str]) -> None:
    room = twilio.room()
    found = refusal(room.participants.create, **parameters)
    assert (400, 50204, "Unable to create record: Identity not provided") == (
        *(found.status, found.code, found.text),
    )


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (SMS, 50420),
        ({"messaging_binding_address": "whatsapp:+15551230001"}, 50420),
        ({"messaging_binding_projected_address": "+15551230001"}, 50420),
        ({"messaging_binding_projected_address": "+15551230001", "identity": "bob"}, 50420),
        (SMS | {"identity": "bob"}, 50211),
    ],
)
def test_nobody_is_added_whom_no_message_would_reach(
    twilio: Twilio, parameters: dict[str, str], code: int
) -> None:
    room = twilio.room()
    found = refusal(room.participants.create, **parameters)
    assert (400, code) == (found.status, found.code)
    assert [] == room.participants.list()


def test_the_refusal_of_an_address_says_why(twilio: Twilio) -> None:
    room = twilio.room()
    assert "reaches nobody by SMS" in refusal(room.participants.create, **SMS).text
    both = refusal(room.participants.create, identity="bob", **SMS)
    assert both.text.endswith(
        "Participants on SMS, WhatsApp or other non-chat channels cannot have Identities"
    )


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"identity": "US" + "a" * 32}, 400, 50206),
        ({"identity": "x" * 257}, 400, 50207),
        ({"identity": "bob", "attributes": "{"}, 400, 50304),
        ({"identity": "bob", "attributes": "{NaN}"}, 400, 50304),
        ({"identity": "bob", "attributes": json.dumps({"a": "x" * 5000})}, 400, 50303),
        ({"identity": "bob", "role_sid": NOBODY}, 400, 50109),
        ({"identity": "bob", "role_sid": "admin"}, 400, 50109),
        ({"identity": "bob", "date_created": "yesterday"}, 400, 50308),
        ({"identity": "bob\0"}, 400, 20422),
    ],
)
def test_what_a_participant_cannot_have_is_refused_and_nobody_added(
    twilio: Twilio, parameters: dict[str, str], status: int, code: int
) -> None:
    room = twilio.room()
    found = refusal(room.participants.create, **parameters)
    assert (status, code) == (found.status, found.code)
    assert [] == room.participants.list()


def test_a_role_that_is_for_users_is_no_participants(twilio: Twilio) -> None:
    room = twilio.room("bob")
    role = twilio.roles()["service admin"]
    assert 50109 == refusal(room.participants.create, identity="eve", role_sid=role).code
    assert 50109 == refusal(room.participants("bob").update, role_sid=role).code
    assert {"bob"} == identities(room)


@pytest.mark.parametrize(
    "identity",
    [
        "Integration Test 2",
        "bob@example.com",
        "a+b=c&d;e",
        "Zoë 🐘",
        "50%",
        "a/b",
        "what?",
        "a#b",
        "..",
        "null",
    ],
)
def test_a_participant_is_found_by_any_identity(twilio: Twilio, identity: str) -> None:
    room = twilio.room(identity)
    place = quote(identity, safe="") if any(each in identity for each in "/?#%.") else identity
    assert identity == room.participants(place).fetch().identity
    assert '{"a": 1}' == room.participants(place).update(attributes='{"a": 1}').attributes
    assert room.participants(place).delete()
    assert [] == room.participants.list()


def test_a_participant_is_removed_once(twilio: Twilio) -> None:
    room = twilio.room("bob", "eve")
    sid = room.participants("bob").fetch().sid
    assert room.participants(sid).delete()
    assert {"eve"} == identities(room)
    path = f"/Conversations/{room.sid}/Participants/{sid}"
    assert_not_found(path, room.participants(sid).fetch)
    assert_not_found(path, room.participants(sid).update)
    assert_not_found(path, room.participants(sid).update, attributes="{}")
    assert_not_found(path, room.participants(sid).delete)


def test_a_participant_of_another_conversation_is_not_there(twilio: Twilio) -> None:
    room, other = twilio.room("bob"), twilio.room("eve")
    eve = other.participants("eve").fetch().sid
    path = f"/Conversations/{room.sid}/Participants/{eve}"
    assert_not_found(path, room.participants(eve).fetch)
    assert_not_found(path, room.participants(eve).update, attributes="{}")
    assert_not_found(path, room.participants(eve).delete)
    assert {"eve"} == identities(other)


def test_a_conversation_of_another_service_is_not_there(twilio: Twilio) -> None:
    room = twilio.room("bob")
    service = twilio.v1.services.create(friendly_name="Other").sid
    stranger = twilio.v1.services(service).conversations(room.sid)
    path = f"/Services/{service}/Conversations/{room.sid}/Participants"
    assert_not_found(path, stranger.participants.list)
    assert_not_found(path, stranger.participants.create, identity="eve")
    assert_not_found(f"{path}/bob", stranger.participants("bob").delete)
    assert {"bob"} == identities(room)


@pytest.mark.parametrize("name", ["CH" + "0" * 32, "no such room", "CHx"])
def test_a_conversation_that_is_not_there_has_no_participants(twilio: Twilio, name: str) -> None:
    room, path = twilio.v1.conversations(name), f"/Conversations/{name}/Participants"
    assert_not_found(path, room.participants.list)
    assert_not_found(path, room.participants.create, identity="bob")
    assert_not_found(f"{path}/bob", room.participants("bob").fetch)
    assert_not_found(f"{path}/bob", room.participants("bob").update, attributes="{}")
    assert_not_found(f"{path}/bob", room.participants("bob").delete)


def test_a_conversation_goes_by_its_unique_name(twilio: Twilio) -> None:
    sid = twilio.room("bob", unique_name="the room").sid
    room = twilio.v1.conversations("the room")
    assert sid == room.participants("bob").fetch().conversation_sid
    room.participants.create(identity="eve")
    assert '{"a": 1}' == room.participants("eve").update(attributes='{"a": 1}').attributes
    room.participants("bob").delete()
    assert ["eve"] == [each.identity for each in room.participants.list()]


def test_a_closed_conversation_takes_nobody(twilio: Twilio) -> None:
    room = twilio.room("bob")
    room.update(state="closed")
    assert (400, 50377) == (
        *((found := refusal(room.participants.create, identity="eve")).status, found.code),
    )
    assert {"bob"} == identities(room)


# Changing


def test_what_is_changed_of_a_participant_stays_so(twilio: Twilio) -> None:
    room, admin = twilio.room("bob"), twilio.roles()["channel admin"]
    when = datetime(2021, 2, 3, 4, 5, 6, tzinfo=UTC)
    changed = room.participants("bob").update(
        attributes='{"a": [1, null]}', role_sid=admin, date_created=when, date_updated=when
    )
    assert ('{"a": [1, null]}', admin) == (changed.attributes, changed.role_sid)
    assert (when, when) == (changed.date_created, changed.date_updated)
    again = room.participants("bob").fetch()
    assert (changed.attributes, admin, when) == (again.attributes, again.role_sid, again.date_updated)


def test_how_far_somebody_has_read_is_set_and_taken_away(twilio: Twilio) -> None:
    room = twilio.room("bob")
    for number in range(3):
        room.messages.create(author="alice", body=str(number))
    read = room.participants("bob").update(last_read_message_index=1)
    assert 1 == read.last_read_message_index
    assert datetime.fromisoformat(read.last_read_timestamp)
    assert 0 == room.participants("bob").update(last_read_message_index=0).last_read_message_index
    gone = room.participants("bob").update(last_read_message_index="null")
    assert (None, None) == (gone.last_read_message_index, gone.last_read_timestamp)
    room.participants("bob").update(last_read_message_index=2)
    assert room.participants("bob").update(last_read_message_index="").last_read_message_index is None


def test_when_somebody_has_read_is_what_was_said(twilio: Twilio) -> None:
    room = twilio.room("bob")
    room.messages.create(body="Hello")
    read = room.participants("bob").update(
        last_read_message_index=0, last_read_timestamp="2021-02-03T04:05:06Z"
    )
    assert (0, "2021-02-03T04:05:06Z") == (read.last_read_message_index, read.last_read_timestamp)


@pytest.mark.parametrize("index", ["-1", "1.5", "one", "9" * 30, "None", "0x1", "١"])
def test_an_index_that_is_none_is_refused(twilio: Twilio, index: str) -> None:
    room = twilio.room("bob")
    found = refusal(room.participants("bob").update, last_read_message_index=index, attributes='{"a": 1}')
    assert (400, 50421) == (found.status, found.code)
    assert "{}" == room.participants("bob").fetch().attributes


def test_a_participant_stays_who_they_are(twilio: Twilio) -> None:
    room = twilio.room("bob")
    assert '{"a": 1}' == room.participants("bob").update(identity="bob", attributes='{"a": 1}').attributes
    found = refusal(room.participants("bob").update, identity="eve", attributes="{}")
    assert (400, 50211) == (found.status, found.code)
    assert "it is 'bob' for good" in found.text
    assert ("bob", '{"a": 1}') == (*((bob := room.participants("bob").fetch()).identity, bob.attributes),)


@pytest.mark.parametrize("name", ["messaging_binding_proxy_address", "messaging_binding_projected_address"])
def test_a_participant_gets_no_address_and_has_none_to_lose(twilio: Twilio, name: str) -> None:
    room = twilio.room("bob")
    assert room.participants("bob").update(**{name: "null"}).messaging_binding is None
    found = refusal(room.participants("bob").update, **{name: "+15551230001"})
    assert (400, 50420) == (found.status, found.code)


def test_a_change_of_nothing_changes_nothing(twilio: Twilio) -> None:
    room = twilio.room("bob")
    before = room.participants("bob").fetch()
    after = room.participants("bob").update()
    assert (before.sid, before.date_updated) == (after.sid, after.date_updated)


# Lists


def test_all_participants_are_listed_once_whatever_the_pages(twilio: Twilio) -> None:
    names = [f"member {number}" for number in range(7)]
    room = twilio.room(*names)
    for size in (1, 2, 3, 7, 100):
        assert names == sorted(each.identity for each in room.participants.list(page_size=size))
    assert names == sorted(each.identity for each in room.participants.list(limit=1000))
    assert 4 == len(room.participants.list(limit=4))
    assert 3 == len(list(room.participants.page(page_size=4, page_number=1)))


def test_who_is_removed_on_the_way_hides_nobody(twilio: Twilio) -> None:
    room = twilio.room(*(f"member {number}" for number in range(6)))
    for each in room.participants.stream(page_size=2):
        each.delete()
    assert [] == room.participants.list()
