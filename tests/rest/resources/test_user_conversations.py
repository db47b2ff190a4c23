from __future__ import annotations

from datetime import datetime

import pytest

from tests.rest.outside import ACCOUNT
from tests.rest.resources.asking import HOST, Twilio, assert_not_found, refusal


def test_a_conversation_of_a_user_is_shown_as_twilio_shows_one(twilio: Twilio) -> None:
    room = twilio.room("bob", friendly_name="Room", unique_name="room", attributes='{"a": 1}')
    user, member = twilio.v1.users("bob").fetch(), room.participants("bob").fetch()
    [found] = twilio.body("GET", "/Users/bob/Conversations")["conversations"]
    whole = twilio.body("GET", f"/Conversations/{room.sid}")
    assert {
        "account_sid": ACCOUNT,
        "chat_service_sid": whole["chat_service_sid"],
        "conversation_sid": room.sid,
        "unread_messages_count": None,
        "last_read_message_index": None,
        "participant_sid": member.sid,
        "user_sid": user.sid,
        "friendly_name": "Room",
        "conversation_state": "active",
        "timers": {},
        "attributes": '{"a": 1}',
        "date_created": whole["date_created"],
        "date_updated": whole["date_updated"],
        "created_by": "system",
        "notification_level": "default",
        "unique_name": "room",
        "url": f"{HOST}/v1/Users/{user.sid}/Conversations/{room.sid}",
        "links": {"participant": member.url, "conversation": whole["url"]},
    } == found
    for name in ("bob", user.sid):
        for place in (room.sid, "room"):
            assert found == twilio.body("GET", f"/Users/{name}/Conversations/{place}")


def test_unread_are_the_messages_above_where_somebody_has_read(twilio: Twilio) -> None:
    room = twilio.room("bob")
    for number in range(4):
        room.messages.create(author="alice", body=str(number))
    theirs = twilio.v1.users("bob").user_conversations(room.sid)
    assert (None, None) == (
        *((fresh := theirs.fetch()).unread_messages_count, fresh.last_read_message_index),
    )
    read = theirs.update(last_read_message_index=1)
    assert (2, 1) == (read.unread_messages_count, read.last_read_message_index)
    [listed] = twilio.v1.users("bob").user_conversations.list()
    assert (2, 1) == (listed.unread_messages_count, listed.last_read_message_index)
    assert 1 == room.participants("bob").fetch().last_read_message_index
    gone = theirs.update(last_read_message_index="null")
    assert (None, None) == (gone.unread_messages_count, gone.last_read_message_index)


def test_when_somebody_has_read_is_what_was_said(twilio: Twilio) -> None:
    room = twilio.room("bob")
    room.messages.create(body="Hello")
    theirs = twilio.v1.users("bob").user_conversations(room.sid)
    read = theirs.update(
        last_read_message_index=0,
        last_read_timestamp=datetime(2021, 2, 3, 4, 5, 6),  # twilio-python takes it for UTC
        notification_level="muted",
    )
    assert (0, 0, "muted") == (
        *(read.last_read_message_index, read.unread_messages_count, read.notification_level),
    )
    assert "2021-02-03T04:05:06Z" == room.participants("bob").fetch().last_read_timestamp


def test_a_conversation_is_muted_for_one_user_alone(twilio: Twilio) -> None:
    room = twilio.room("bob", "eve")
    bobs, eves = (twilio.v1.users(each).user_conversations(room.sid) for each in ("bob", "eve"))
    assert "muted" == bobs.update(notification_level="muted").notification_level
    assert ("muted", "default") == (bobs.fetch().notification_level, eves.fetch().notification_level)
    assert "default" == bobs.update(notification_level="default").notification_level


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"notification_level": "loud"}, 50210),
        ({"last_read_message_index": "-1"}, 50421),
        ({"last_read_timestamp": "yesterday"}, 50405),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changed(
    twilio: Twilio, parameters: dict[str, str], code: int
) -> None:
    room = twilio.room("bob")
    theirs = twilio.v1.users("bob").user_conversations(room.sid)
    right = {"notification_level": "muted", "last_read_message_index": 0}
    found = refusal(theirs.update, **(right | parameters))
    assert (400, code) == (found.status, found.code)
    assert ("default", None) == (*((now := theirs.fetch()).notification_level, now.last_read_message_index),)


def test_a_user_leaves_a_conversation_once(twilio: Twilio) -> None:
    rooms = [twilio.room("bob", "eve") for _ in range(2)]
    theirs = twilio.v1.users("bob").user_conversations
    assert theirs(rooms[0].sid).delete()
    assert [rooms[1].sid] == [each.conversation_sid for each in theirs.list()]
    assert ["eve"] == [each.identity for each in rooms[0].participants.list()]
    assert_not_found(f"/Users/bob/Conversations/{rooms[0].sid}", theirs(rooms[0].sid).delete)


def test_where_a_user_is_no_participant_there_is_no_conversation_of_theirs(twilio: Twilio) -> None:
    twilio.v1.users.create(identity="bob")
    places = [twilio.room("eve", unique_name="room").sid, "room", "CH" + "0" * 32, "no such room"]
    for place in places:
        theirs = twilio.v1.users("bob").user_conversations(place)
        path = f"/Users/bob/Conversations/{place}"
        assert_not_found(path, theirs.fetch)
        assert_not_found(path, theirs.update, notification_level="muted")
        assert_not_found(path, theirs.update, last_read_timestamp="2021-02-03T04:05:06Z")
        assert_not_found(path, theirs.delete)
    assert [] == twilio.v1.users("bob").user_conversations.list()


def test_somebody_who_is_no_user_has_no_list_of_conversations(twilio: Twilio) -> None:
    room = twilio.room("bob")
    for name in ("nobody", "US" + "0" * 32):
        theirs = twilio.v1.users(name).user_conversations
        assert_not_found(f"/Users/{name}/Conversations", theirs.list)
        path = f"/Users/{name}/Conversations/{room.sid}"
        assert_not_found(path, theirs(room.sid).fetch)
        assert_not_found(path, theirs(room.sid).update, notification_level="muted")
        assert_not_found(path, theirs(room.sid).delete)
    assert ["bob"] == [each.identity for each in twilio.v1.users.list()]


def test_all_conversations_of_a_user_are_listed_once_whatever_the_pages(twilio: Twilio) -> None:
    rooms = sorted(twilio.room("bob").sid for _ in range(5))
    twilio.room("eve")
    theirs = twilio.v1.users("bob").user_conversations
    for size in (1, 2, 5, 50):
        assert rooms == [each.conversation_sid for each in theirs.list(page_size=size)]
    assert rooms[:3] == [each.conversation_sid for each in theirs.list(limit=3)]
    assert rooms == [each.conversation_sid for each in theirs.list(limit=1000)]


def test_what_is_left_on_the_way_hides_no_other(twilio: Twilio) -> None:
    for _ in range(5):
        twilio.room("bob")
    theirs = twilio.v1.users("bob").user_conversations
    for each in theirs.stream(page_size=2):
        each.delete()
    assert [] == theirs.list()


def test_a_closed_conversation_is_still_its_participants(twilio: Twilio) -> None:
    room = twilio.room("bob")
    room.update(state="closed")
    [found] = twilio.v1.users("bob").user_conversations.list()
    assert "closed" == found.conversation_state
