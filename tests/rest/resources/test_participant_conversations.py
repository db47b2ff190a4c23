from __future__ import annotations

import pytest

from tests.rest.outside import ACCOUNT
from tests.rest.resources.asking import Twilio, refusal


def test_a_conversation_of_a_participant_is_shown_as_twilio_shows_one(twilio: Twilio) -> None:
    room = twilio.room("bob", friendly_name="Room", unique_name="room", attributes='{"a": 1}')
    user, member = twilio.v1.users("bob").fetch(), room.participants("bob").fetch()
    [found] = twilio.body("GET", "/ParticipantConversations", Identity="bob")["conversations"]
    whole = twilio.body("GET", f"/Conversations/{room.sid}")
    assert {
        "account_sid": ACCOUNT,
        "chat_service_sid": whole["chat_service_sid"],
        "participant_sid": member.sid,
        "participant_user_sid": user.sid,
        "participant_identity": "bob",
        "participant_messaging_binding": None,
        "conversation_sid": room.sid,
        "conversation_unique_name": "room",
        "conversation_friendly_name": "Room",
        "conversation_attributes": '{"a": 1}',
        "conversation_date_created": whole["date_created"],
        "conversation_date_updated": whole["date_updated"],
        "conversation_created_by": "system",
        "conversation_state": "active",
        "conversation_timers": {},
        "links": {"participant": member.url, "conversation": whole["url"]},
    } == found


def test_all_conversations_of_a_participant_are_found_whatever_the_pages(twilio: Twilio) -> None:
    rooms = sorted(twilio.room("bob@example.com").sid for _ in range(5))
    twilio.room("eve")
    for size in (1, 2, 5, 50):
        found = twilio.v1.participant_conversations.list(identity="bob@example.com", page_size=size)
        assert rooms == [each.conversation_sid for each in found]
    assert 3 == len(twilio.v1.participant_conversations.list(identity="bob@example.com", limit=3))


@pytest.mark.parametrize("identity", ["nobody", "US" + "0" * 32, "system"])
def test_whoever_is_nowhere_has_no_conversations(twilio: Twilio, identity: str) -> None:
    twilio.room("bob")
    assert [] == twilio.v1.participant_conversations.list(identity=identity)
    assert ["bob"] == [each.identity for each in twilio.v1.users.list()]


def test_by_an_address_there_are_none(twilio: Twilio) -> None:
    twilio.room("+15551230000")
    assert [] == twilio.v1.participant_conversations.list(address="+15551230000")


@pytest.mark.parametrize("keys", [{}, {"identity": ""}, {"identity": "bob", "address": "+15551230000"}])
def test_participants_are_looked_up_by_one_key(twilio: Twilio, keys: dict[str, str]) -> None:
    found = refusal(twilio.v1.participant_conversations.list, **keys)
    assert (400, 50451) == (found.status, found.code)
    assert "Please, use either Identity or Address" in found.text
