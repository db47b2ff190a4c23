"""What a webhook answers that was asked beforehand decides what comes of it."""

import json

import pytest

from twilio_compat.errors import ForbiddenError, LimitError
from twilio_compat.records import (
    UNCHANGED,
    ConversationChanges,
    ConversationDraft,
    MessageChanges,
    MessageDraft,
)
from twilio_compat.webhooks import answers
from twilio_compat.webhooks.answers import Answer, wishes

DRAFT = MessageDraft(mutation_id="1", body="hi", attributes={"a": 1}, subject="s")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"OK", b"<Response/>", b"[1]", b'"x"', b"{", b"\xff", b"[" * 200_000]
)
def test_whoever_answers_nothing_that_is_an_object_lets_it_go_on(body: bytes) -> None:
    assert {} == wishes(Answer(status=200, body=body))


def test_no_answer_lets_it_go_on() -> None:
    assert {} == wishes(None)


@pytest.mark.parametrize("status", [301, 400, 403, 404, 429, 500, 503])
def test_any_other_status_refuses(status: int) -> None:
    with pytest.raises(ForbiddenError, match="Webhook disabled processing of command") as caught:
        wishes(Answer(status=status, body=b'{"body": "x"}'))
    assert (403, 50056) == (caught.value.status, caught.value.code)


def test_a_message_is_sent_with_what_was_changed_and_under_the_same_mutation_id() -> None:
    wanted = wishes(Answer(status=200, body=json.dumps({"body": "***", "attributes": '{"b": 2}'}).encode()))
    assert MessageDraft(
        mutation_id="1", body="***", attributes={"b": 2}, subject="s"
    ) == answers.changed_draft(DRAFT, wanted)


def test_what_is_null_or_unknown_stays_as_it_was() -> None:
    wanted = wishes(Answer(status=200, body=b'{"body": null, "media": 1}'))
    assert DRAFT == answers.changed_draft(DRAFT, wanted)


def test_attributes_may_be_the_value_itself() -> None:
    assert {"b": 2} == answers.changed_draft(DRAFT, {"attributes": {"b": 2}}).attributes


@pytest.mark.parametrize("attributes", ["{", "NaN", "", "[" * 100_000])
def test_attributes_that_are_no_json_are_told_to_the_caller(attributes: str) -> None:
    with pytest.raises(LimitError, match="Attributes not valid JSON") as caught:
        answers.changed_draft(DRAFT, {"attributes": attributes})
    assert 50304 == caught.value.code


@pytest.mark.parametrize("wanted", [{"body": 1}, {"body": ["x"]}])
def test_a_body_that_is_no_text_is_told_to_the_caller(wanted: dict[str, object]) -> None:
    with pytest.raises(LimitError, match="body"):
        answers.changed_draft(DRAFT, wanted)  # type: ignore[arg-type]


def test_a_change_of_a_message_can_be_changed() -> None:
    changes = MessageChanges(body="hi")
    assert MessageChanges(body="ho") == answers.changed_changes(changes, {"body": "ho"})
    assert changes == answers.changed_changes(changes, {})


def test_another_author_is_told_apart_from_none() -> None:
    assert ("bot", None, None) == (
        answers.author({"author": "bot"}),
        answers.author({"author": ""}),
        answers.author({}),
    )


def test_a_conversation_can_get_another_name_and_other_attributes_but_no_unique_name() -> None:
    wanted = {"friendly_name": "Room 2", "attributes": "{}", "unique_name": "stolen"}
    draft = ConversationDraft(friendly_name="Room", unique_name="room", attributes={"a": 1})
    assert ConversationDraft(friendly_name="Room 2", unique_name="room") == answers.changed_conversation(
        draft, wanted
    )  # type: ignore[arg-type]
    changes = answers.changed_conversation_changes(ConversationChanges(), {"friendly_name": "Room 2"})
    assert ("Room 2", UNCHANGED) == (changes.friendly_name, changes.attributes)
