from __future__ import annotations

from tests.rest.outside import ACCOUNT
from tests.rest.resources.asking import HOST, Twilio, assert_not_found


def test_each_participant_but_the_author_has_a_receipt(twilio: Twilio) -> None:
    room = twilio.room("alice", "bob", "eve")
    message = room.messages.create(author="alice", body="Hello")
    room.participants("bob").update(last_read_message_index=0)
    people = {each.sid: each.identity for each in room.participants.list()}
    receipts = room.messages(message.sid).delivery_receipts.list()
    assert {"bob": "read", "eve": "sent"} == {people[each.participant_sid]: each.status for each in receipts}
    for each in receipts:
        again = room.messages(message.sid).delivery_receipts(each.sid).fetch()
        assert (each.sid, each.status) == (again.sid, again.status)


def test_a_receipt_is_shown_as_twilio_shows_one(twilio: Twilio) -> None:
    room = twilio.room("alice", "bob")
    message = room.messages.create(author="alice", body="Hello")
    place = f"/Conversations/{room.sid}/Messages/{message.sid}/Receipts"
    [found] = twilio.body("GET", place)["delivery_receipts"]
    assert {
        "sid": found["sid"],
        "account_sid": ACCOUNT,
        "conversation_sid": room.sid,
        "message_sid": message.sid,
        "channel_message_sid": None,
        "participant_sid": room.participants("bob").fetch().sid,
        "status": "sent",
        "error_code": 0,
        "date_created": found["date_created"],
        "date_updated": found["date_updated"],
        "url": f"{HOST}/v1{place}/{found['sid']}",
    } == found


def test_receipts_come_in_pages(twilio: Twilio) -> None:
    room = twilio.room("alice", *(f"reader {number}" for number in range(5)))
    receipts = room.messages(room.messages.create(author="alice", body="Hello").sid).delivery_receipts
    assert 5 == len({each.sid for each in receipts.list(page_size=2)})
    assert 5 == len(receipts.list(limit=500))
    assert 3 == len(receipts.list(limit=3))


def test_what_is_not_there_has_no_receipts(twilio: Twilio) -> None:
    room = twilio.room("bob")
    message = room.messages.create(body="Hello")
    nothing, nowhere = "IM" + "0" * 32, "CH" + "0" * 32
    inside = f"/Conversations/{room.sid}/Messages"
    assert_not_found(f"{inside}/{nothing}/Receipts", room.messages(nothing).delivery_receipts.list)
    missing = room.messages(message.sid).delivery_receipts("DY" + "0" * 32)
    assert_not_found(f"{inside}/{message.sid}/Receipts/DY{'0' * 32}", missing.fetch)
    elsewhere = twilio.v1.conversations(nowhere).messages(message.sid).delivery_receipts
    assert_not_found(f"/Conversations/{nowhere}/Messages/{message.sid}/Receipts", elsewhere.list)
