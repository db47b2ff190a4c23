from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.rest.resources.asking import Twilio, refusal
from tests.rest.resources.calls import call_to
from twilio_compat.errors import (
    AnswerError,
    BackendError,
    LimitError,
    NotFoundError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TranslationGapError,
)
from twilio_compat.records import Actor, ConversationDraft, ParticipantDraft
from twilio_compat.rest.call import Value
from twilio_compat.rest.resources.conversation_with_participants import create

LONG = json.dumps({"a": "x" * 5000})


def people(*participants: Any) -> list[str]:
    return [json.dumps(each) for each in participants]


def test_a_conversation_is_made_with_its_participants(twilio: Twilio) -> None:
    admin = twilio.roles()["channel admin"]
    made = twilio.v1.conversation_with_participants.create(
        friendly_name="Room",
        unique_name="room",
        participant=people(
            {"identity": "bob", "attributes": '{"a": 1}', "role_sid": admin}, {"identity": "eve"}
        ),
    )
    room = twilio.v1.conversations("room")
    assert (made.sid, "Room", "active") == (room.fetch().sid, made.friendly_name, made.state)
    assert {("bob", '{"a": 1}', admin), ("eve", "{}", twilio.roles()["channel user"])} == {
        (each.identity, each.attributes, each.role_sid) for each in room.participants.list()
    }


def test_it_is_answered_with_the_conversation(twilio: Twilio) -> None:
    made = twilio.body("POST", "/ConversationWithParticipants", Participant='{"identity": "bob"}')
    assert made == twilio.body("GET", f"/Conversations/{made['sid']}")


def test_a_conversation_may_have_no_participants_yet(twilio: Twilio) -> None:
    made = twilio.v1.conversation_with_participants.create(friendly_name="Room")
    assert [] == twilio.v1.conversations(made.sid).participants.list()


@pytest.mark.parametrize(
    "participant",
    [
        {"Identity": "bob", "Attributes": '{"a": 1}'},
        {"identity": "bob", "attributes": {"a": 1}},
        {"identity": "bob", "attributes": '{"a": 1}', "role_sid": None},
    ],
)
def test_a_participant_is_spelt_as_in_requests_or_as_in_answers(
    twilio: Twilio, participant: dict[str, Any]
) -> None:
    made = twilio.v1.conversation_with_participants.create(participant=people(participant))
    [found] = twilio.v1.conversations(made.sid).participants.list()
    assert ("bob", '{"a": 1}') == (found.identity, found.attributes)


@pytest.mark.parametrize(
    ("participant", "status", "code"),
    [
        ("{", 400, 20422),
        ('["bob"]', 400, 20422),
        ('"bob"', 400, 20422),
        ('{"identity": 7}', 400, 20422),
        ('{"identity": {"a": 1}}', 400, 20422),
        ("[" * 100_000, 400, 20422),
        ("{}", 400, 50204),
        ('{"identity": ""}', 400, 50204),
        ('{"identity": "eve", "seat": "1"}', 400, 20001),
        ('{"identity": "eve", "attributes": "{"}', 400, 50304),
        ('{"identity": "eve", "date_created": "yesterday"}', 400, 50308),
        (json.dumps({"identity": "x" * 257}), 400, 50207),
        (json.dumps({"identity": "US" + "a" * 32}), 400, 50206),
        (json.dumps({"identity": "eve", "attributes": LONG}), 400, 50303),
        (json.dumps({"identity": "eve", "role_sid": "RL" + "0" * 32}), 400, 50109),
        ('{"messaging_binding": {"address": "+15551230001", "proxy_address": "+15551230002"}}', 400, 50420),
        ('{"messaging_binding": {"projected_address": "+15551230001"}}', 400, 50420),
        ('{"identity": "eve", "messaging_binding": {"address": "+15551230001"}}', 400, 50211),
        ('{"identity": "bob"}', 409, 50433),
        ('{"identity": "\\ud800"}', 400, 20422),
    ],
)
def test_nothing_is_made_where_one_participant_cannot_be(
    twilio: Twilio, participant: str, status: int, code: int
) -> None:
    found = refusal(
        twilio.v1.conversation_with_participants.create,
        unique_name="room",
        participant=['{"identity": "bob"}', participant],
    )
    assert (status, code) == (found.status, found.code)
    assert "(Participant 2: " in found.text
    assert [] == twilio.v1.conversations.list()
    assert twilio.v1.conversations.create(unique_name="room").sid


def test_a_role_of_users_is_no_participants(twilio: Twilio) -> None:
    role = twilio.roles()["service user"]
    found = refusal(
        twilio.v1.conversation_with_participants.create,
        participant=people({"identity": "bob", "role_sid": role}),
    )
    assert (400, 50109) == (found.status, found.code)
    assert [] == twilio.v1.conversations.list()


def test_one_request_names_ten_participants_at_most(twilio: Twilio) -> None:
    ten = [{"identity": f"member {number}"} for number in range(10)]
    made = twilio.v1.conversation_with_participants.create(participant=people(*ten))
    assert 10 == len(twilio.v1.conversations(made.sid).participants.list())
    found = refusal(
        twilio.v1.conversation_with_participants.create, participant=people(*ten, {"identity": "one more"})
    )
    assert (400, 50426) == (found.status, found.code)
    assert found.text.endswith("Request contains too many participants.")
    assert [made.sid] == [each.sid for each in twilio.v1.conversations.list()]


def test_a_unique_name_that_is_taken_is_refused_and_nobody_added_there(twilio: Twilio) -> None:
    room = twilio.room("bob", unique_name="room")
    found = refusal(
        twilio.v1.conversation_with_participants.create,
        unique_name="room",
        participant=people({"identity": "eve"}),
    )
    assert (409, 50353) == (found.status, found.code)
    assert ["bob"] == [each.identity for each in room.participants.list()]


# Where something goes wrong on the way


@dataclass
class _Breaking:
    """A backend that makes a conversation, and fails at the second participant, perhaps at deleting, too."""

    at_adding: BaseException
    at_deleting: Exception | None = None
    added: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    @property
    def conversations(self) -> Any:
        return SimpleNamespace(create=self._make, delete=self._delete)

    @property
    def participants(self) -> Any:
        return SimpleNamespace(create=self._add)

    @property
    def documents(self) -> Any:
        return SimpleNamespace(get=self._none)

    async def of(self, service_sid: str | None) -> Any:
        return self

    async def _none(self, kind: str, name: str) -> None:
        return None

    async def _make(self, actor: Actor, draft: ConversationDraft) -> Any:
        return SimpleNamespace(sid="CH1")

    async def _add(self, actor: Actor, sid: str, draft: ParticipantDraft) -> None:
        if self.added:
            raise self.at_adding
        self.added.append(draft.identity)

    async def _delete(self, actor: Actor, sid: str) -> None:
        self.deleted.append(sid)
        if self.at_deleting is not None:
            raise self.at_deleting


def two() -> dict[str, Value]:
    return {"Participant": ('{"identity": "bob"}', '{"identity": "eve"}')}


@pytest.mark.parametrize(
    "error",
    [
        RateLimitedError("Too Many Requests"),
        ServiceTimeoutError("No answer"),
        LimitError("Participants limit exceeded", code=50417),
    ],
)
async def test_what_fails_at_a_participant_leaves_nothing_and_says_who_it_was(error: AnswerError) -> None:
    backend = _Breaking(error)
    with pytest.raises(type(error), match=r"\(Participant 2: eve\)") as caught:
        await create(call_to(backend, two()))
    assert (error.status, error.code) == (caught.value.status, caught.value.code)
    assert (["bob"], ["CH1"]) == (backend.added, backend.deleted)


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), TranslationGapError("no such thing"), KeyError()]
)
async def test_whatever_goes_wrong_leaves_nothing(error: BaseException) -> None:
    backend = _Breaking(error)
    with pytest.raises(type(error)):
        await create(call_to(backend, two()))
    assert ["CH1"] == backend.deleted


async def test_a_conversation_that_somebody_else_has_deleted_is_gone_as_it_should() -> None:
    gone = NotFoundError("Conversation not found", code=50350)
    with pytest.raises(RateLimitedError):
        await create(call_to(_Breaking(RateLimitedError("Too Many Requests"), gone), two()))


async def test_a_conversation_that_cannot_be_deleted_again_is_named() -> None:
    backend = _Breaking(RateLimitedError("Too Many Requests"), ServiceUnavailableError("No connection"))
    with pytest.raises(BackendError, match="CH1, which was made for it, could not be deleted") as caught:
        await create(call_to(backend, two()))
    assert (500, 20500) == (caught.value.status, caught.value.code)
    assert "No connection" in caught.value.detail
