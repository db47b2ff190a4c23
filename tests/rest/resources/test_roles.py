from __future__ import annotations

import pytest

from tests.rest.outside import ACCOUNT
from tests.rest.resources.asking import HOST, Twilio, assert_not_found, refusal

THE_FOUR = ["channel admin", "channel user", "service admin", "service user"]


def test_four_roles_are_always_there(twilio: Twilio) -> None:
    found = twilio.v1.roles.list()
    assert THE_FOUR == sorted(each.friendly_name for each in found)
    assert {"conversation", "service"} == {each.type for each in found}


def test_a_role_is_shown_as_twilio_shows_one(twilio: Twilio) -> None:
    made = twilio.v1.roles.create(
        friendly_name="reader", type="conversation", permission=["leaveConversation"]
    )
    found = twilio.body("GET", f"/Roles/{made.sid}")
    assert {
        "sid": made.sid,
        "account_sid": ACCOUNT,
        "chat_service_sid": twilio.v1.services.list()[0].sid,
        "friendly_name": "reader",
        "type": "conversation",
        "permissions": ["leaveConversation"],
        "date_created": found["date_created"],
        "date_updated": found["date_updated"],
        "url": f"{HOST}/v1/Roles/{made.sid}",
    } == found


def test_what_a_role_allows_is_replaced(twilio: Twilio) -> None:
    made = twilio.v1.roles.create(
        friendly_name="reader", type="conversation", permission=["leaveConversation"]
    )
    changed = twilio.v1.roles(made.sid).update(permission=["sendMessage", "sendMessage", "sendMediaMessage"])
    assert ["sendMessage", "sendMediaMessage"] == changed.permissions
    assert changed.permissions == twilio.v1.roles(made.sid).fetch().permissions


def test_a_role_that_was_made_is_deleted_once(twilio: Twilio) -> None:
    sid = twilio.v1.roles.create(friendly_name="r", type="service", permission=["joinConversation"]).sid
    assert twilio.v1.roles(sid).delete()
    assert_not_found(f"/Roles/{sid}", twilio.v1.roles(sid).fetch)
    assert_not_found(f"/Roles/{sid}", twilio.v1.roles(sid).update, permission=["joinConversation"])
    assert_not_found(f"/Roles/{sid}", twilio.v1.roles(sid).delete)


def test_the_four_are_not_deleted(twilio: Twilio) -> None:
    for name, sid in twilio.roles().items():
        assert 409 == refusal(twilio.v1.roles(sid).delete).status, name
    assert THE_FOUR == sorted(twilio.roles())


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"permission": ["fly"]}, 50104),
        ({"permission": []}, 50104),
        ({"type": "planet"}, 50105),
        ({"type": "service", "permission": ["sendMessage"]}, 50104),
        ({"friendly_name": ""}, 50000),
        ({"friendly_name": "x" * 65}, 50003),
    ],
)
def test_a_role_that_cannot_be_is_not_made(twilio: Twilio, parameters: dict[str, object], code: int) -> None:
    right = {"friendly_name": "reader", "type": "conversation", "permission": ["sendMessage"]}
    found = refusal(twilio.v1.roles.create, **(right | parameters))
    assert (400, code) == (found.status, found.code)
    assert 4 == len(twilio.v1.roles.list())


def test_roles_come_in_pages(twilio: Twilio) -> None:
    for number in range(3):
        twilio.v1.roles.create(friendly_name=f"r{number}", type="conversation", permission=["sendMessage"])
    assert 7 == len({each.sid for each in twilio.v1.roles.list(page_size=2)})
    assert 5 == len(twilio.v1.roles.list(limit=5))


@pytest.mark.parametrize("sid", ["RL" + "0" * 32, "reader"])
def test_a_role_that_is_not_there_is_not_found(twilio: Twilio, sid: str) -> None:
    assert_not_found(f"/Roles/{sid}", twilio.v1.roles(sid).fetch)
