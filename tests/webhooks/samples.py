"""Things that webhooks are told of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twilio_compat.account import Document
from twilio_compat.records import (
    ConversationRecord,
    ConversationState,
    JSONObject,
    MediaRecord,
    MessageRecord,
    ParticipantRecord,
    UserRecord,
)

CREATED = datetime(2021, 8, 10, 18, 0, 58, 111000, tzinfo=UTC)
UPDATED = CREATED + timedelta(hours=1)
REMOVED = CREATED + timedelta(days=1)
ACCOUNT_SID = "AC" + "0" * 32
SERVICE_SID = "IS" + "1" * 32
CONVERSATION_SID = "CH" + "2" * 32
MESSAGE_SID = "IM" + "3" * 32
PARTICIPANT_SID = "MB" + "4" * 32
MEDIA = MediaRecord(sid="ME" + "5" * 32, content_type="image/png", size=254586, filename="batata 🥔.png")


def message(**changes: Any) -> MessageRecord:
    fields: dict[str, Any] = {
        "sid": MESSAGE_SID,
        "conversation_sid": CONVERSATION_SID,
        "index": 35,
        "author": "alice",
        "body": "Grüße 👋🏽",
        "attributes": {},
        "date_created": CREATED,
        "date_updated": UPDATED,
        "participant_sid": PARTICIPANT_SID,
    }
    return MessageRecord(**(fields | changes))


def conversation(**changes: Any) -> ConversationRecord:
    fields: dict[str, Any] = {
        "sid": CONVERSATION_SID,
        "friendly_name": "Room",
        "unique_name": None,
        "attributes": {"colour": "blue"},
        "created_by": "alice",
        "date_created": CREATED,
        "date_updated": UPDATED,
        "state": ConversationState(current="active", date_updated=CREATED),
    }
    return ConversationRecord(**(fields | changes))


def participant(**changes: Any) -> ParticipantRecord:
    fields: dict[str, Any] = {
        "sid": PARTICIPANT_SID,
        "conversation_sid": CONVERSATION_SID,
        "identity": "alice",
        "attributes": {},
        "date_created": CREATED,
        "date_updated": UPDATED,
        "role_sid": "RL" + "6" * 32,
        "last_read_message_index": 3,
    }
    return ParticipantRecord(**(fields | changes))


def user(**changes: Any) -> UserRecord:
    fields: dict[str, Any] = {
        "sid": "US" + "7" * 32,
        "identity": "alice",
        "friendly_name": "Alice",
        "attributes": {},
        "role_sid": "RL" + "8" * 32,
        "date_created": CREATED,
        "date_updated": UPDATED,
    }
    return UserRecord(**(fields | changes))


def document(kind: str, name: str, content: JSONObject) -> Document:
    return Document(kind=kind, name=name, content=content, date_created=CREATED, date_updated=UPDATED)
