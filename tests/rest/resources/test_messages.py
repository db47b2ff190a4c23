"""Messages over REST: who wrote them, what they carry, and how they are read."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.rest.outside import ACCOUNT
from tests.rest.resources.asking import HOST, Twilio, assert_not_found, refusal

DAY = datetime(2020, 5, 17, 12, 30, tzinfo=UTC)


def write(room: Any, count: int) -> list[str]:
    return [room.messages.create(body=f"message {number}").sid for number in range(count)]


# What they show


def test_one_shows_what_twilios_shows(twilio: Twilio) -> None:
    sid = twilio.v1.conversations.create().sid
    body = twilio.body("POST", f"/Conversations/{sid}/Messages", Author="smee", Body="Hello")
    url = f"{HOST}/v1/Conversations/{sid}/Messages/{body['sid']}"
    assert {
        "sid": body["sid"],
        "account_sid": ACCOUNT,
        "conversation_sid": sid,
        "index": 0,
        "author": "smee",
        "body": "Hello",
        "media": None,
        "attributes": "{}",
        "participant_sid": None,
        "delivery": None,
        "content_sid": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "url": url,
        "links": {"delivery_receipts": f"{url}/Receipts", "channel_metadata": f"{url}/ChannelMetadata"},
    } == body
    assert body == twilio.body("GET", f"/Conversations/{sid}/Messages/{body['sid']}")


def test_who_is_not_said_is_the_system(twilio: Twilio) -> None:
    room = twilio.room()
    assert ["system", "system", "system"] == [
        room.messages.create(body="a").author,
        room.messages.create(body="b", author="").author,
        room.messages.create(body="c", author="system").author,
    ]


def test_anybody_can_be_the_author_and_a_participant_is_named_as_one(twilio: Twilio) -> None:
    room = twilio.room("bob")
    [participant] = room.participants.list()
    stranger, member = (
        room.messages.create(body="a", author="eve"),
        room.messages.create(body="b", author="bob"),
    )
    assert ("eve", None) == (stranger.author, stranger.participant_sid)
    assert ("bob", participant.sid) == (member.author, member.participant_sid)
    assert ["eve", "bob"] == [each.author for each in room.messages.list()]
    assert ["bob"] == [each.identity for each in room.participants.list()]


def test_everything_that_is_given_is_shown_again(twilio: Twilio) -> None:
    room = twilio.room()
    made = room.messages.create(
        body="größe 👋\n\t",
        attributes=json.dumps({"a": [1, "ü"]}),
        subject="About",
        date_created=DAY,
        date_updated=DAY,
    )
    found = room.messages(made.sid).fetch()
    for each in (made, found):
        assert ("größe 👋\n\t", '{"a": [1, "\\u00fc"]}') == (each.body, each.attributes)
        assert (DAY, DAY) == (each.date_created, each.date_updated)


def test_whom_it_was_for_and_who_has_read_it_is_summed_up(twilio: Twilio) -> None:
    room = twilio.room("alice", "bob", "eve")
    made = room.messages.create(body="Hello", author="alice")
    unread = {
        "total": 2,
        "sent": "all",
        "delivered": "none",
        "read": "none",
        "failed": "none",
        "undelivered": "none",
    }
    assert unread == room.messages(made.sid).fetch().delivery
    room.participants("bob").update(last_read_message_index=0)
    some = room.messages(made.sid).fetch().delivery
    assert unread | {"delivered": "some", "read": "some"} == some
    room.participants("eve").update(last_read_message_index=0)
    everybody = room.messages(made.sid).fetch().delivery
    assert unread | {"delivered": "all", "read": "all"} == everybody


# What cannot be


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"body": "x" * 40_000}, 50504),
        ({"body": "a", "attributes": "{"}, 50304),
        ({"body": "a", "author": "x" * 257}, 50310),
        ({"media_sid": "ME" + "0" * 32}, 50507),
        ({"media_sid": "a file"}, 50510),
        ({"content_sid": "HX" + "0" * 32}, 50526),
        ({"content_sid": "HX" + "0" * 32, "content_variables": "[]"}, 50527),
        ({"content_sid": "HX" + "0" * 32, "content_variables": '{"1": 2}'}, 50527),
        ({"body": "a", "date_created": "yesterday"}, 50308),
    ],
)
def test_what_a_message_cannot_have_is_refused_and_nothing_is_sent(
    twilio: Twilio, parameters: dict[str, str], code: int
) -> None:
    room = twilio.room()
    found = refusal(room.messages.create, **parameters)
    assert (400, code) == (found.status, found.code)
    assert [] == room.messages.list()


def test_a_closed_conversation_takes_no_message(twilio: Twilio) -> None:
    room = twilio.room(state="active")
    room.update(state="closed")
    found = refusal(room.messages.create, body="Hello")
    assert (400, 50377) == (found.status, found.code)


def test_one_that_is_not_there_is_named_by_its_path(twilio: Twilio) -> None:
    room = twilio.room()
    sid = room.fetch().sid
    for name in ("IM" + "0" * 32, "nothing"):
        path, context = f"/Conversations/{sid}/Messages/{name}", room.messages(name)
        assert_not_found(path, context.fetch)
        assert_not_found(path, context.update, body="New")
        assert_not_found(path, context.update)
        assert_not_found(path, context.delete)


# Sending


def test_a_conversation_is_found_by_its_unique_name(twilio: Twilio) -> None:
    made = twilio.v1.conversations.create(unique_name="room")
    sent = twilio.v1.conversations("room").messages.create(body="Hello")
    assert made.sid == sent.conversation_sid


def test_a_request_that_is_repeated_under_its_name_is_one_message(twilio: Twilio) -> None:
    sid = twilio.v1.conversations.create().sid
    url = f"{HOST}/v1/Conversations/{sid}/Messages"

    def send(**headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = twilio.client.request("POST", url, data={"Body": "Hello"}, headers=named)
        return str(json.loads(answer.text)["sid"])

    first = send(Idempotency_Key="the first request, ü")
    assert first == send(Idempotency_Key="the first request, ü")
    assert first != send(Idempotency_Key="the second")
    other = send(I_Twilio_Idempotency_Token="the third")
    assert other == send(I_Twilio_Idempotency_Token="the third")
    assert 3 == len(twilio.v1.conversations(sid).messages.list())


def test_messages_of_many_threads_have_indexes_without_a_gap(twilio: Twilio) -> None:
    room, indexes = twilio.room(), list[int]()

    def send() -> None:
        indexes.extend(room.messages.create(body="Hello").index for _ in range(5))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert list(range(30)) == sorted(indexes)
    assert list(range(30)) == [each.index for each in room.messages.list()]


# Changing


def test_what_was_not_given_stays_as_it_is(twilio: Twilio) -> None:
    room = twilio.room("bob")
    made = room.messages.create(body="Hello", author="bob", attributes='{"a": 1}')
    assert ("New", '{"a": 1}') == (made.update(body="New").body, made.update(body="New").attributes)
    assert ("New", '{"b": 2}') == (made.update().body, made.update(attributes='{"b": 2}').attributes)
    found = room.messages(made.sid).fetch()
    assert ("New", "bob", '{"b": 2}', 0) == (found.body, found.author, found.attributes, found.index)


def test_a_message_can_be_given_another_author_and_other_dates(twilio: Twilio) -> None:
    room = twilio.room()
    made = room.messages.create(body="Hello", author="bob")
    made.update(author="eve", date_created=DAY)
    found = room.messages(made.sid).fetch()
    assert ("eve", DAY, "Hello") == (found.author, found.date_created, found.body)


def test_a_message_of_somebody_who_is_gone_cannot_be_changed_and_the_refusal_says_why(twilio: Twilio) -> None:
    room = twilio.room("bob")
    made = room.messages.create(body="Hello", author="bob")
    room.participants("bob").delete()
    for call in (made.delete, lambda: made.update(body="New")):
        found = refusal(call)
        assert (400, 20422) == (found.status, found.code)
        assert "ACS lets nobody but its author change a message" in found.text
    room.participants.create(identity="bob")
    assert "New" == made.update(body="New").body


def test_a_deleted_one_leaves_its_index(twilio: Twilio) -> None:
    room = twilio.room()
    write(room, 3)
    assert room.messages.list()[1].delete()
    assert [0, 2] == [each.index for each in room.messages.list()]
    assert 3 == room.messages.create(body="Next").index


# Lists


def test_the_oldest_come_first_unless_the_newest_are_wanted(twilio: Twilio) -> None:
    room = twilio.room()
    sids = write(room, 5)
    for size in (None, 1, 2, 5, 1000):
        assert sids == [each.sid for each in room.messages.list(page_size=size)]
        assert sids == [each.sid for each in room.messages.list(page_size=size, order="asc")]
        assert sids[::-1] == [each.sid for each in room.messages.list(page_size=size, order="desc")]
    assert sids[:1] == [each.sid for each in room.messages.list(limit=1)]
    assert sids[:2:-1] == [each.sid for each in room.messages.list(limit=2, order="desc")]


def test_what_is_written_while_a_list_is_walked_through_comes_at_its_end(twilio: Twilio) -> None:
    room = twilio.room()
    sids = write(room, 3)
    first = room.messages.page(page_size=2)
    sids += write(room, 1)
    second = first.next_page()
    assert sids == [*(each.sid for each in first), *(each.sid for each in second)]


def test_what_is_deleted_while_a_list_is_walked_through_hides_nothing(twilio: Twilio) -> None:
    room = twilio.room()
    sids = write(room, 5)
    for order in ("asc", "desc"):
        seen = [each.sid for each in room.messages.stream(page_size=2, order=order) if each.delete()]
        assert (sids if order == "asc" else sids[::-1]) == seen
        sids = write(room, 5)


def test_pages_have_numbers_of_their_own(twilio: Twilio) -> None:
    room = twilio.room()
    sids = write(room, 5)
    page = room.messages.page(page_size=2, page_number=2, order="desc")
    assert sids[:1] == [each.sid for each in page]
    assert "Order=desc" in page.previous_page_url
    assert sids[2:0:-1] == [each.sid for each in page.previous_page()]
    assert [] == list(room.messages.page(page_size=2, page_number=3))


def test_messages_of_a_conversation_without_any_are_none(twilio: Twilio) -> None:
    room = twilio.room()
    assert [] == room.messages.list()
    assert [] == room.messages.list(order="desc")
