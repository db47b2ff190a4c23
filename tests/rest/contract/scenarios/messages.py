"""Messages and their receipts."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import httpx

from tests.rest.contract.stage import Stage, scenario


@scenario
def a_message_of_the_account(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    sent = stage.note("sent", room.messages.create(body="Hello"))
    assert re.fullmatch("IM[0-9a-f]{32}", sent.sid)
    assert (0, "system", "Hello", "{}") == (sent.index, sent.author, sent.body, sent.attributes)
    assert (None, None, None) == (sent.media, sent.participant_sid, sent.content_sid)
    assert sent.date_created == sent.date_updated
    assert "delivery_receipts" in sent.links
    assert 1 == stage.note("another", room.messages.create(author="smee", body="Aye")).index
    assert "Aye" == stage.note("fetched", room.messages(room.messages.list()[1].sid).fetch()).body


@scenario
def an_author_may_be_anybody(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    member = room.participants.create(identity="bob@example.com")
    theirs = stage.note("of a member", room.messages.create(author="bob@example.com", body="Hello"))
    assert ("bob@example.com", member.sid) == (theirs.author, theirs.participant_sid)
    other = stage.note("of nobody", room.messages.create(author="Integration Test 2", body="Hi"))
    assert ("Integration Test 2", None) == (other.author, other.participant_sid)
    assert ["bob@example.com"] == [each.identity for each in room.participants.list()]


@scenario
def a_message_from_its_sending_to_its_end(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    sent = room.messages.create(
        author="alice", body="Helo", attributes=json.dumps({"draft": True}), subject="Greeting"
    )
    changed = stage.note(
        "changed", room.messages(sent.sid).update(body="Hello", attributes='{"draft": false}')
    )
    assert (0, "alice", "Hello", '{"draft": false}') == (
        *(changed.index, changed.author, changed.body, changed.attributes),
    )
    assert changed.date_created == sent.date_created
    assert "Hello" == room.messages(sent.sid).fetch().body
    assert stage.note("deleted", room.messages(sent.sid).delete()) is True
    path = f"/Conversations/{sent.conversation_sid}/Messages/{sent.sid}"
    stage.not_found("fetched once it is gone", path, room.messages(sent.sid).fetch)
    stage.not_found("changed once it is gone", path, room.messages(sent.sid).update)
    stage.not_found("deleted twice", path, room.messages(sent.sid).delete)
    assert [] == room.messages.list()


@scenario
def messages_in_both_orders(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    for number in range(5):
        room.messages.create(author="alice", body=str(number))
    assert list("01234") == [each.body for each in stage.note("all", room.messages.list())]
    assert ["0"] == [each.body for each in room.messages.list(limit=1)]
    assert ["4"] == [each.body for each in room.messages.list(limit=1, order="desc")]
    assert list("43210") == [each.body for each in room.messages.list(order="desc", page_size=2)]
    assert list("01234") == [each.body for each in room.messages.list(order="asc", page_size=2)]
    assert list("01234") == [each.body for each in room.messages.stream(limit=200)]
    page = stage.note("first page", room.messages.page(page_size=3))
    assert list("34") == [each.body for each in page.next_page()]
    assert page.next_page().next_page() is None


@scenario
def messages_that_cannot_be(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    refusal = stage.refused("attributes that are no JSON", room.messages.create, body="Hi", attributes="{")
    assert (400, 50304) == (refusal.status, refusal.code)
    refusal = stage.refused("too long", room.messages.create, body="a" * 33_000)
    assert (400, 50504) == (refusal.status, refusal.code)
    refusal = stage.refused("media that are not there", room.messages.create, media_sid="ME" + "0" * 32)
    assert 50507 == refusal.code
    refusal = stage.refused("a template that is not there", room.messages.create, content_sid="HX" + "0" * 32)
    assert 50526 == refusal.code
    assert [] == room.messages.list()


@scenario
def a_message_that_is_imported_keeps_its_dates(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    then, later = datetime(2020, 5, 17, 12, 0, 0, tzinfo=UTC), datetime(2020, 5, 18, tzinfo=UTC)
    sent = stage.note("sent", room.messages.create(body="Old", date_created=then, date_updated=later))
    assert (then, later) == (sent.date_created, sent.date_updated)
    [listed] = room.messages.list()
    assert (then, later) == (listed.date_created, listed.date_updated)


@scenario
def receipts_say_who_has_read(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    room.participants.create(identity="alice")
    bob = room.participants.create(identity="bob")
    sent = room.messages.create(author="alice", body="Hello")
    room.participants(bob.sid).update(last_read_message_index=0)
    receipts = stage.note("receipts", room.messages(sent.sid).delivery_receipts.list())
    for receipt in receipts:
        fetched = stage.note("one", room.messages(sent.sid).delivery_receipts(receipt.sid).fetch())
        assert (receipt.sid, sent.sid, bob.sid) == (fetched.sid, fetched.message_sid, fetched.participant_sid)
        assert "read" == fetched.status
    unknown = "DY" + "0" * 32
    path = f"/Conversations/{sent.conversation_sid}/Messages/{sent.sid}/Receipts/{unknown}"
    stage.not_found("one that is not there", path, room.messages(sent.sid).delivery_receipts(unknown).fetch)


@scenario
def a_file_is_uploaded_and_sent(stage: Stage) -> None:
    base = f"https://mcs.us1.twilio.com/v1/Services/{stage.service_sid}/Media"
    headers = {"Content-Type": "text/plain"}
    answer = stage.raw("POST", base, data="First the foundation.", headers=headers)
    assert 201 == answer.status_code
    uploaded = stage.note("uploaded", json.loads(answer.text))
    assert (21, "text/plain", "media") == tuple(
        uploaded[each] for each in ("size", "content_type", "category")
    )
    assert f"/v1/Services/{stage.service_sid}/Media/{uploaded['sid']}" == uploaded["url"]
    room = stage.api.conversations(stage.api.conversations.create().sid)
    sent = stage.note("sent", room.messages.create(author="alice", media_sid=uploaded["sid"]))
    [media] = sent.media
    assert (uploaded["sid"], 21, "text/plain") == tuple(
        media[each] for each in ("sid", "size", "content_type")
    )
    assert sent.body is None or "" == sent.body
    fetched = json.loads(stage.raw("GET", f"{base}/{uploaded['sid']}").text)
    while (
        fetched["message_sid"] is None
    ):  # which is noted once the message is sent, by nobody who is waited for
        fetched = json.loads(stage.raw("GET", f"{base}/{uploaded['sid']}").text)
    assert (sent.sid, sent.conversation_sid) == (fetched["message_sid"], fetched["channel_sid"])
    assert "First the foundation." == httpx.get(fetched["links"]["content_direct_temporary"]).text
    refusal = stage.refused("sent twice", room.messages.create, author="alice", media_sid=uploaded["sid"])
    assert 50508 == refusal.code
