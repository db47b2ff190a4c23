from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.rest.outside import ACCOUNT
from tests.rest.resources.asking import HOST, Twilio, assert_not_found, at_once, refusal


def test_a_user_is_shown_as_twilio_shows_one(twilio: Twilio) -> None:
    made = twilio.body("POST", "/Users", Identity="bob")
    sid = made["sid"]
    assert {
        "sid": sid,
        "account_sid": ACCOUNT,
        "chat_service_sid": twilio.v1.services.list()[0].sid,
        "role_sid": twilio.roles()["service user"],
        "identity": "bob",
        "friendly_name": made["friendly_name"],
        "attributes": "{}",
        "is_online": None,
        "is_notifiable": None,
        "date_created": made["date_created"],
        "date_updated": made["date_created"],
        "url": f"{HOST}/v1/Users/{sid}",
        "links": {"user_conversations": f"{HOST}/v1/Users/{sid}/Conversations"},
    } == made
    assert made == twilio.body("GET", f"/Users/{sid}") == twilio.body("GET", "/Users/bob")


def test_a_user_has_what_they_were_made_with(twilio: Twilio) -> None:
    admin = twilio.roles()["service admin"]
    made = twilio.v1.users.create(
        identity="bob", friendly_name="Bob", attributes=json.dumps({"a": 1}), role_sid=admin
    )
    assert ("bob", "Bob", '{"a": 1}', admin) == (
        *(made.identity, made.friendly_name, made.attributes, made.role_sid),
    )


def test_a_user_is_made_once(twilio: Twilio) -> None:
    twilio.v1.users.create(identity="bob")
    found = refusal(twilio.v1.users.create, identity="bob")
    assert (409, 50201, "Unable to create record: User already exists") == (
        *(found.status, found.code, found.text),
    )


def test_of_two_who_make_a_user_at_once_one_is_told_that_there_is_one(twilio: Twilio) -> None:
    make = lambda: twilio.v1.users.create(identity="bob")  # noqa: E731
    refused = [each for each in at_once(make, make) if isinstance(each, TwilioRestException)]
    assert [(409, 50201)] == [(each.status, each.code) for each in refused]
    assert ["bob"] == [each.identity for each in twilio.v1.users.list()]


def test_whoever_is_added_to_a_conversation_is_a_user(twilio: Twilio) -> None:
    twilio.room("bob")
    assert "bob" == twilio.v1.users("bob").fetch().identity
    assert ["bob"] == [each.identity for each in twilio.v1.users.list()]
    assert 50201 == refusal(twilio.v1.users.create, identity="bob").code


def test_the_account_is_no_user(twilio: Twilio) -> None:
    twilio.room("bob").messages.create(body="Hello")
    assert_not_found("/Users/system", twilio.v1.users("system").fetch)
    assert ["bob"] == [each.identity for each in twilio.v1.users.list()]


@pytest.mark.parametrize("identity", ["bob@example.com", "Bob Hope", "Zoë 🐘", "a+b", "50%", "a/b", "what?#"])
def test_a_user_is_found_by_any_identity(twilio: Twilio, identity: str) -> None:
    sid = twilio.v1.users.create(identity=identity).sid
    place = quote(identity, safe="") if any(each in identity for each in "/?#%") else identity
    assert sid == twilio.v1.users(place).fetch().sid
    assert "Bob" == twilio.v1.users(place).update(friendly_name="Bob").friendly_name
    assert [] == twilio.v1.users(place).user_conversations.list()
    assert twilio.v1.users(place).delete()
    assert_not_found(f"/Users/{sid}", twilio.v1.users(sid).fetch)


def test_what_is_changed_of_a_user_stays_so(twilio: Twilio) -> None:
    made = twilio.v1.users.create(identity="bob", friendly_name="Bob", attributes='{"a": 1}')
    admin = twilio.roles()["service admin"]
    changed = twilio.v1.users(made.sid).update(attributes='{"b": 2}', role_sid=admin)
    assert ("Bob", '{"b": 2}', admin) == (changed.friendly_name, changed.attributes, changed.role_sid)
    again = twilio.v1.users("bob").fetch()
    assert ("Bob", '{"b": 2}', admin) == (again.friendly_name, again.attributes, again.role_sid)


def test_a_user_who_is_deleted_leaves_all_conversations_and_what_they_wrote_stays(twilio: Twilio) -> None:
    rooms = [twilio.room("bob", "eve") for _ in range(2)]
    rooms[0].messages.create(author="bob", body="Hello")
    assert twilio.v1.users("bob").delete()
    for room in rooms:
        assert ["eve"] == [each.identity for each in room.participants.list()]
    assert [("bob", "Hello")] == [(each.author, each.body) for each in rooms[0].messages.list()]
    assert [] == twilio.v1.participant_conversations.list(identity="bob")


def test_a_user_who_is_not_there_is_not_found(twilio: Twilio) -> None:
    for name in ("nobody", "US" + "0" * 32):
        user = twilio.v1.users(name)
        assert_not_found(f"/Users/{name}", user.fetch)
        assert_not_found(f"/Users/{name}", user.update, friendly_name="Nobody")
        assert_not_found(f"/Users/{name}", user.update)
        assert_not_found(f"/Users/{name}", user.delete)
    assert [] == twilio.v1.users.list()


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"identity": ""}, 400, 50204),
        ({"identity": "US" + "a" * 32}, 400, 50206),
        ({"identity": "x" * 257}, 400, 50207),
        ({"identity": "bob", "friendly_name": "x" * 257}, 400, 50003),
        ({"identity": "bob", "attributes": "{"}, 400, 50304),
        ({"identity": "bob", "attributes": json.dumps("x" * 20_000)}, 400, 50303),
        ({"identity": "bob", "role_sid": "RL" + "0" * 32}, 400, 50100),
    ],
)
def test_what_a_user_cannot_have_is_refused_and_nobody_made(
    twilio: Twilio, parameters: dict[str, str], status: int, code: int
) -> None:
    found = refusal(twilio.v1.users.create, **parameters)
    assert (status, code) == (found.status, found.code)
    assert [] == twilio.v1.users.list()


def test_a_role_that_is_for_participants_is_no_users(twilio: Twilio) -> None:
    role = twilio.roles()["channel admin"]
    twilio.v1.users.create(identity="bob")
    assert 50100 == refusal(twilio.v1.users("bob").update, role_sid=role).code
    assert 50100 == refusal(twilio.v1.users.create, identity="eve", role_sid=role).code


def test_users_come_in_pages_in_the_order_in_which_they_were_made(twilio: Twilio) -> None:
    names = [f"user{number}@example.com" for number in range(5)]
    for each in names:
        twilio.v1.users.create(identity=each)
    for size in (1, 2, 5, 50):
        assert names == [each.identity for each in twilio.v1.users.list(page_size=size)]
    assert names[:3] == [each.identity for each in twilio.v1.users.list(limit=3)]
    assert names == [each.identity for each in twilio.v1.users.list(limit=5000)]


def test_who_is_deleted_on_the_way_hides_nobody(twilio: Twilio) -> None:
    for number in range(5):
        twilio.v1.users.create(identity=f"user {number}")
    for each in twilio.v1.users.stream(page_size=2):
        each.delete()
    assert [] == twilio.v1.users.list()


def test_a_service_knows_nobody_of_another(twilio: Twilio) -> None:
    twilio.room("bob")
    other = twilio.v1.services(twilio.v1.services.create(friendly_name="Other").sid)
    path = f"/Services/{other._solution['sid']}/Users/bob"
    assert_not_found(path, other.users("bob").fetch)
    assert_not_found(f"{path}/Conversations", other.users("bob").user_conversations.list)
    assert [] == other.participant_conversations.list(identity="bob")
    made = other.users.create(identity="bob", friendly_name="Another Bob")
    assert made.sid != twilio.v1.users("bob").fetch().sid
    assert [] == other.users("bob").user_conversations.list()
    assert other.users("bob").delete()
    assert "bob" == twilio.v1.users("bob").fetch().identity
