"""What counts as a difference between two answers."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.errors import ForbiddenError, NotFoundError
from twilio_compat.records import (
    ConversationRecord,
    ConversationState,
    LastMessage,
    MediaRecord,
    MessagePage,
    MessageRecord,
    ParticipantRecord,
    UserConversationRecord,
)
from twilio_compat.rollout.comparing.comparison import (
    EXTRA,
    MISSING,
    OPTIONAL,
    ORDER,
    PASSED_OVER,
    Difference,
    compare,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SIDS = st.integers(0, 9).map(lambda number: f"IM{number:032}")
ATTRIBUTES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MEDIA = st.builds(
    MediaRecord,
    sid=st.integers(0, 3).map(lambda number: f"ME{number:032}"),
    content_type=st.sampled_from(["image/png", "text/plain"]),
    size=st.integers(0, 3),
    filename=st.none() | st.text(),
)
MESSAGES = st.builds(
    MessageRecord,
    sid=SIDS,
    conversation_sid=st.just("CH" + "1" * 32),
    index=st.integers(0, 9),
    author=st.none() | st.sampled_from(["alice", "bob"]),
    body=st.none() | st.text(),
    attributes=ATTRIBUTES,
    date_created=st.integers(0, 9).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    date_updated=st.just(NOW),
    subject=st.none() | st.text(),
    media=st.lists(MEDIA, max_size=2, unique_by=lambda each: each.sid).map(tuple),
    is_native=st.booleans(),
)
LISTS = st.lists(MESSAGES, max_size=6, unique_by=lambda each: each.sid)


def message(number: int = 1, **more: Any) -> MessageRecord:
    given: dict[str, Any] = {
        "sid": f"IM{number:032}",
        "conversation_sid": "CH" + "1" * 32,
        "index": number,
        "author": "alice",
        "body": "hello",
        "attributes": {},
        "date_created": NOW,
        "date_updated": NOW,
    }
    return MessageRecord(**(given | more))


def conversation(**more: Any) -> ConversationRecord:
    given: dict[str, Any] = {
        "sid": "CH" + "1" * 32,
        "friendly_name": "Order 1",
        "unique_name": None,
        "attributes": {},
        "created_by": "system",
        "date_created": NOW,
        "date_updated": NOW,
        "state": ConversationState(current="active", date_updated=NOW),
    }
    return ConversationRecord(**(given | more))


def found(one: object, other: object, **more: Any) -> list[tuple[str, str]]:
    return [(each.path, each.kind) for each in compare(one, other, **more)]


@given(LISTS)
def test_what_is_equal_has_no_difference(messages: list[MessageRecord]) -> None:
    assert [] == found(messages, tuple(messages))


@given(MESSAGES, MESSAGES)
def test_each_difference_names_a_field_that_is_not_the_same(one: MessageRecord, other: MessageRecord) -> None:
    for each in compare(one, other):
        name = each.path.partition("[")[0].partition(".")[0]
        assert getattr(one, name) != getattr(other, name)
        assert name not in PASSED_OVER


@given(MESSAGES, MESSAGES)
def test_each_field_that_counts_and_is_not_the_same_is_a_difference(
    one: MessageRecord, other: MessageRecord
) -> None:
    named = {each.path.partition("[")[0].partition(".")[0] for each in compare(one, other)}
    for each in fields(MessageRecord):
        here, there = getattr(one, each.name), getattr(other, each.name)
        if each.name in PASSED_OVER | OPTIONAL | {"media"} or isinstance(here, datetime):
            continue
        assert (each.name in named) or here == there


@given(MESSAGES, MESSAGES)
def test_both_ways_the_same_fields_differ(one: MessageRecord, other: MessageRecord) -> None:
    swapped = {MISSING: EXTRA, EXTRA: MISSING}
    there = sorted((each.path, swapped.get(each.kind, each.kind)) for each in compare(other, one))
    assert sorted(found(one, other)) == there


@given(LISTS, LISTS)
def test_in_lists_what_is_missing_and_what_is_too_much_is_named(
    one: list[MessageRecord], other: list[MessageRecord]
) -> None:
    here, there = {each.sid for each in one}, {each.sid for each in other}
    differences = found(one, other)
    assert {f"[{sid}]" for sid in here - there} == {
        path for path, kind in differences if kind == MISSING and "media" not in path
    }
    assert {f"[{sid}]" for sid in there - here} == {
        path for path, kind in differences if kind == EXTRA and "media" not in path
    }


@given(st.permutations(range(4)))
def test_another_order_is_one_difference(order: list[int]) -> None:
    messages = [message(number) for number in range(4)]
    moved = [messages[number] for number in order]
    assert ([] if messages == moved else [(ORDER, ORDER)]) == found(messages, moved)


@given(st.integers(-3000, 3000))
def test_times_are_the_same_up_to_a_second(milliseconds: int) -> None:
    other = message(date_created=NOW + timedelta(milliseconds=milliseconds))
    expected = [("date_created", "date_created")] if abs(milliseconds) > 1000 else []
    assert expected == found(message(), other)


@pytest.mark.parametrize(
    "more",
    [
        {"is_native": True},
        {"is_quiet": True},
        {"changed_at": NOW},
        {"last_updated_by": "bob"},
        {"content_sid": "HX" + "1" * 32},
        {"subject": "what one side does not tell"},
    ],
)
def test_what_a_side_does_not_tell_is_no_difference(more: dict[str, Any]) -> None:
    assert [] == found(message(), message(**more))


def test_what_both_sides_tell_of_it_is_one() -> None:
    assert [("subject", "subject")] == found(message(subject="one"), message(subject="other"))


def test_a_page_is_compared_message_by_message() -> None:
    one = MessagePage(items=(message(1), message(2)), has_older=True, has_newer=False)
    other = MessagePage(items=(message(2, body="bye"),), has_older=False, has_newer=False)
    sid = message(2).sid
    assert [
        (f"items[{message(1).sid}]", MISSING),
        (f"items[{sid}].body", "body"),
        ("has_older", "has_older"),
    ] == found(one, other)


def test_files_are_compared_one_by_one() -> None:
    file = MediaRecord(sid="ME" + "1" * 32, content_type="image/png", size=3)
    sid = f"media[{file.sid}]"
    assert [(sid, MISSING)] == found(message(media=(file,)), message())
    assert [(f"{sid}.size", "size")] == found(message(media=(file,)), message(media=(replace(file, size=4),)))


def test_true_is_not_1_in_attributes() -> None:
    assert [("attributes", "attributes")] == found(
        message(attributes={"a": True}), message(attributes={"a": 1})
    )


def test_the_state_of_a_conversation_counts_and_since_when_does_not() -> None:
    later = conversation(state=ConversationState(current="active", date_updated=NOW + timedelta(days=1)))
    closed = conversation(state=ConversationState(current="closed", date_updated=NOW))
    assert [] == found(conversation(), later)
    assert [("state.current", "current")] == found(conversation(), closed)


def test_a_newest_message_counts_where_both_tell_one() -> None:
    one, other = (conversation(last_message=LastMessage(index=each, date_created=NOW)) for each in (1, 2))
    assert [] == found(one, conversation())
    assert [("last_message.index", "index")] == found(one, other)


def test_timers_may_run_out_within_a_minute_of_each_other() -> None:
    one, near, far = (conversation(date_inactive=NOW + timedelta(seconds=each)) for each in (0, 59, 61))
    assert [] == found(one, near)
    assert [("date_inactive", "date_inactive")] == found(one, far)


def test_roles_are_called_otherwise_on_each_side() -> None:
    one, other = (
        ParticipantRecord(
            sid="MB" + "1" * 32,
            conversation_sid="CH" + "1" * 32,
            identity="alice",
            attributes={},
            date_created=NOW,
            date_updated=NOW,
            role_sid=each,
        )
        for each in ("RL1", "RL2")
    )
    assert [] == found(one, other)


def test_a_read_horizon_counts_and_a_notification_level_does_not() -> None:
    one = UserConversationRecord(
        conversation_sid="CH1", unread_messages_count=1, last_read_message_index=3, notification_level="muted"
    )
    assert [("last_read_message_index", "last_read_message_index")] == found(
        one, replace(one, last_read_message_index=4, notification_level="default")
    )


def test_errors_are_compared_by_kind_and_code() -> None:
    lost = NotFoundError("not here", code=50500)
    assert [] == found(lost, NotFoundError("in other words", code=50500))
    assert [("error", "error")] == found(lost, NotFoundError("not here", code=50350))
    assert [("error", "error")] == found(lost, ForbiddenError("not here", code=50500))


def test_an_error_is_not_an_answer() -> None:
    lost = NotFoundError("not here", code=50500)
    shown = {"error": "NotFoundError", "status": 404, "code": 50500}
    assert [Difference("error", "error", shown, None)] == compare(lost, message())
    assert [Difference("error", "error", None, shown)] == compare(message(), lost)


def test_numbers_are_compared() -> None:
    assert [] == found(3, 3)
    assert [("answer", "answer")] == found(3, 4)


def test_more_fields_can_be_passed_over() -> None:
    one, other = message(), message(body="bye", date_updated=NOW + timedelta(days=1))
    assert [("body", "body")] == found(one, other, ignore=["date_updated"])
    assert [] == found([one], [other], ignore=["date_updated", "body"])
