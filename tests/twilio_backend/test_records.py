"""From Twilio's answers, as the official client reads them, to records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from twilio.rest.conversations.v1.conversation import ConversationInstance
from twilio.rest.conversations.v1.conversation.message import MessageInstance
from twilio.rest.conversations.v1.conversation.participant import ParticipantInstance

from twilio_backend import records
from twilio_compat.errors import InvalidResponseError

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEXT = "2026-01-02T03:04:05Z"


def participant(**more: Any) -> dict[str, Any]:
    return {
        "sid": "MB1",
        "conversation_sid": "CH1",
        "identity": None,
        "attributes": "{}",
        "date_created": TEXT,
        "date_updated": TEXT,
    } | more


@pytest.mark.parametrize(
    ("binding", "identity", "kind"),
    [
        ({"type": "sms", "address": "+15550100", "proxy_address": "+15550199"}, "+15550100", "sms"),
        ({"type": "whatsapp", "address": "whatsapp:+15550100"}, "whatsapp:+15550100", "whatsapp"),
        ({"type": "sms", "projected_address": "+15550177"}, "+15550177", "sms"),
    ],
)
def test_who_has_an_address_is_called_by_it(binding: dict[str, str], identity: str, kind: str) -> None:
    found = records.participant(ParticipantInstance(None, participant(messaging_binding=binding), "CH1"))
    assert (identity, kind) == (found.identity, found.type)


def test_who_has_an_identity_is_called_by_that() -> None:
    binding = {"type": "sms", "projected_address": "+15550177"}
    given = participant(identity="alice", messaging_binding=binding, last_read_timestamp=TEXT)
    found = records.participant(ParticipantInstance(None, given, "CH1"))
    assert ("alice", "chat", WHEN) == (found.identity, found.type, found.last_read_timestamp)


def test_a_conversation_shows_what_no_backend_acts_on() -> None:
    given = {
        "sid": "CH1",
        "attributes": "no JSON",
        "state": "inactive",
        "timers": {"date_closed": "2026-01-02T03:04:05.250Z"},
        "messaging_service_sid": "MG1",
        "bindings": {"email": {"address": "a@example.com"}},
        "date_created": TEXT,
        "date_updated": TEXT,
    }
    found = records.conversation(ConversationInstance(None, given))
    assert ("no JSON", "inactive", "system") == (found.attributes, found.state.current, found.created_by)
    assert WHEN + timedelta(milliseconds=250) == found.date_closed
    assert {"messaging_service_sid": "MG1", "bindings": given["bindings"]} == found.extras


def test_a_message_has_its_files() -> None:
    given = {
        "sid": "IM1",
        "conversation_sid": "CH1",
        "index": 3,
        "attributes": "{}",
        "date_created": TEXT,
        "date_updated": None,
        "media": [{"sid": "ME1", "size": 5, "content_type": "image/png", "filename": None}],
    }
    found = records.message(MessageInstance(None, given, "CH1"))
    [media] = found.media
    assert ("ME1", 5, "image/png", None, "media") == (
        media.sid,
        media.size,
        media.content_type,
        media.filename,
        media.category,
    )
    assert WHEN == found.date_updated
    with pytest.raises(InvalidResponseError):
        records.message(MessageInstance(None, given | {"index": None}, "CH1"))
    with pytest.raises(InvalidResponseError):
        records.message(MessageInstance(None, given | {"sid": None}, "CH1"))


def test_times_are_in_utc_however_they_are_written() -> None:
    assert WHEN == records.moment("2026-01-01T20:04:05.000000-07:00")
    assert WHEN == records.moment(WHEN.astimezone(timezone(timedelta(hours=5))))
    assert TEXT == records.iso(WHEN.astimezone(timezone(timedelta(hours=5))))
    assert None is records.moment("")
