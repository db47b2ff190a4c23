"""From what the official client makes of Twilio's answers to the records of the port: pure.

What REST does not say is not made up:

* a conversation's own answer has neither who made it nor the newest message, nor what timers it was given, only when they
  will move it; that of a user's conversation has who made it. ``state.date_updated`` is the conversation's, since the
  state has none of its own;
* ``messaging_service_sid`` and ``bindings`` are in ``extras``;
* a message has neither its subject nor who changed it last, and says of its delivery how many, not who;
* a participant with an address in place of an identity (SMS, WhatsApp) has that address as its identity, such as
  ``whatsapp:+15550100``, and the binding's type as its ``type``.

Times have whole seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

from twilio_compat.account import (
    SYSTEM,
    PushRegistrationRecord,
    RoleDefaults,
    RoleRecord,
    RoleType,
    ServiceRecord,
    StoredMedia,
)
from twilio_compat.errors import InvalidResponseError
from twilio_compat.records import (
    ContentTemplateRecord,
    ConversationRecord,
    ConversationState,
    ConversationStateName,
    DeliveryReceiptRecord,
    DeliveryStatus,
    JSONObject,
    JSONValue,
    LastMessage,
    MediaCategory,
    MediaRecord,
    MessageRecord,
    NotificationLevel,
    ParticipantRecord,
    PushChannel,
    UserConversationRecord,
    UserRecord,
)

Instance: TypeAlias = Any
"""What the official client makes of an answer; it has no types."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
EXTRAS: Final = ("messaging_service_sid", "bindings")


def conversation(given: Instance, created_by: str = SYSTEM) -> ConversationRecord:
    """Return a conversation as the account sees it."""
    updated = moment(given.date_updated) or moment(given.date_created) or _EPOCH
    extras = {name: value for name in EXTRAS if (value := getattr(given, name)) is not None}
    return ConversationRecord(
        sid=_text(given.sid),
        friendly_name=given.friendly_name,
        unique_name=given.unique_name,
        attributes=attributes(given.attributes),
        created_by=created_by,
        date_created=moment(given.date_created) or _EPOCH,
        date_updated=updated,
        state=_state(given.state, moment(given.date_created) or _EPOCH),
        date_inactive=_timer(given.timers, "date_inactive"),
        date_closed=_timer(given.timers, "date_closed"),
        extras=cast("Mapping[str, JSONValue]", extras),
    )


def own_conversation(given: Instance, last: MessageRecord | None = None) -> ConversationRecord:
    """Return a user's conversation as that user sees it; *last* is its newest message."""
    updated = moment(given.date_updated) or moment(given.date_created) or _EPOCH
    return ConversationRecord(
        sid=_text(given.conversation_sid),
        friendly_name=given.friendly_name,
        unique_name=given.unique_name,
        attributes=attributes(given.attributes),
        created_by=given.created_by or SYSTEM,
        date_created=moment(given.date_created) or _EPOCH,
        date_updated=updated,
        state=_state(given.conversation_state, moment(given.date_created) or _EPOCH),
        last_message=last_message(last),
        joined=True,
        last_read_message_index=given.last_read_message_index,
        notification_level=_level(given),
        date_inactive=_timer(given.timers, "date_inactive"),
        date_closed=_timer(given.timers, "date_closed"),
    )


def last_message(last: MessageRecord | None) -> LastMessage | None:
    """Return what a conversation shows of its newest message."""
    return None if last is None else LastMessage(index=last.index, date_created=last.date_created)


def user_conversation(given: Instance) -> UserConversationRecord:
    """Return what a conversation is to a user."""
    return UserConversationRecord(
        conversation_sid=_text(given.conversation_sid),
        unread_messages_count=given.unread_messages_count,
        last_read_message_index=given.last_read_message_index,
        notification_level=_level(given),
        participant_sid=given.participant_sid or "",
    )


def participant(given: Instance) -> ParticipantRecord:
    """Return a participant."""
    binding: Mapping[str, object] = given.messaging_binding or {}
    address = binding.get("address") or binding.get("projected_address") or ""
    return ParticipantRecord(
        sid=_text(given.sid),
        conversation_sid=_text(given.conversation_sid),
        identity=given.identity or str(address),
        attributes=attributes(given.attributes),
        date_created=moment(given.date_created) or _EPOCH,
        date_updated=moment(given.date_updated) or moment(given.date_created) or _EPOCH,
        role_sid=given.role_sid or "",
        type="chat" if given.identity else str(binding.get("type") or "chat"),
        last_read_message_index=given.last_read_message_index,
        last_read_timestamp=moment(given.last_read_timestamp),
    )


def message(given: Instance) -> MessageRecord:
    """Return a message."""
    return MessageRecord(
        sid=_text(given.sid),
        conversation_sid=_text(given.conversation_sid),
        index=_index(given.index),
        author=given.author,
        body=given.body,
        attributes=attributes(given.attributes),
        date_created=moment(given.date_created) or _EPOCH,
        date_updated=moment(given.date_updated) or moment(given.date_created) or _EPOCH,
        media=tuple(map(_media, given.media or ())),
        participant_sid=given.participant_sid,
        content_sid=given.content_sid,
    )


def receipt(given: Instance) -> DeliveryReceiptRecord:
    """Return what became of a message at a participant."""
    return DeliveryReceiptRecord(
        sid=_text(given.sid),
        conversation_sid=_text(given.conversation_sid),
        message_sid=_text(given.message_sid),
        participant_sid=given.participant_sid or "",
        status=cast(DeliveryStatus, str(given.status)),
        date_created=moment(given.date_created) or _EPOCH,
        date_updated=moment(given.date_updated) or _EPOCH,
        channel_message_sid=given.channel_message_sid or "",
        error_code=given.error_code or 0,
    )


def user(given: Instance) -> UserRecord:
    """Return a user."""
    return UserRecord(
        sid=_text(given.sid),
        identity=_text(given.identity),
        friendly_name=given.friendly_name,
        attributes=attributes(given.attributes),
        role_sid=given.role_sid or "",
        is_online=given.is_online,
        is_notifiable=given.is_notifiable,
        date_updated=moment(given.date_updated),
        date_created=moment(given.date_created),
    )


def role(given: Instance) -> RoleRecord:
    """Return a role."""
    return RoleRecord(
        sid=_text(given.sid),
        friendly_name=given.friendly_name or "",
        type=cast(RoleType, str(given.type)),
        permissions=tuple(given.permissions or ()),
        date_created=moment(given.date_created) or _EPOCH,
        date_updated=moment(given.date_updated) or _EPOCH,
    )


def role_defaults(given: Instance) -> RoleDefaults:
    """Return the roles that a service's configuration names."""
    return RoleDefaults(
        conversation_creator=given.default_conversation_creator_role_sid or "",
        conversation=given.default_conversation_role_sid or "",
        service=given.default_chat_service_role_sid or "",
    )


def service(given: Instance) -> ServiceRecord:
    """Return a service."""
    return ServiceRecord(
        sid=_text(given.sid),
        friendly_name=given.friendly_name or "",
        date_created=moment(given.date_created) or _EPOCH,
        date_updated=moment(given.date_updated) or _EPOCH,
    )


def registration(given: Instance) -> PushRegistrationRecord:
    """Return a device. REST shows where it is notified, which stands for what the device calls itself."""
    return PushRegistrationRecord(
        sid=_text(given.sid),
        identity=given.identity or "",
        channel=cast(PushChannel, "fcm" if given.binding_type in ("fcm", "gcm") else str(given.binding_type)),
        registration_id=given.endpoint or "",
        date_created=moment(given.date_created) or _EPOCH,
    )


def template(given: Instance) -> ContentTemplateRecord:
    """Return a content template."""
    return ContentTemplateRecord(
        sid=_text(given.sid),
        friendly_name=given.friendly_name or "",
        variables={name: str(value) for name, value in (given.variables or {}).items()},
        types=cast("Mapping[str, JSONValue]", given.types or {}),
        date_created=moment(given.date_created) or _EPOCH,
        date_updated=moment(given.date_updated) or _EPOCH,
    )


def stored_media(given: JSONObject) -> StoredMedia:
    """Return a file as the media service shows it; that one is asked without the official client."""
    return StoredMedia(
        media=_media(given),
        author=str(given.get("author") or SYSTEM),
        date_created=moment(given.get("date_created")) or _EPOCH,
        conversation_sid=_optional(given.get("channel_sid")),
        message_sid=_optional(given.get("message_sid")),
    )


# Values


def moment(value: object) -> datetime | None:
    """Return a time, which the official client leaves a text where there is a fraction of a second in it."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if not isinstance(value, str) or not value:
        return None
    return moment(datetime.fromisoformat(value.replace("Z", "+00:00")))


def iso(value: datetime) -> str:
    """Write a time as Twilio takes it where the official client wants a text."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def dates(given: object) -> dict[str, str]:
    """Return, of a draft or of changes, the dates that are given, written in UTC: the official client looks at no zone."""
    found = {name: getattr(given, name) for name in ("date_created", "date_updated")}
    return {name: iso(value) for name, value in found.items() if isinstance(value, datetime)}


def attributes(text: str | None) -> JSONValue:
    """Read attributes. What is no JSON, as old data may be, stays a text."""
    if not text:
        return {}
    try:
        return cast(JSONValue, json.loads(text))
    except ValueError:
        return text


def attributes_text(value: JSONValue) -> str:
    """Write attributes."""
    return json.dumps(value)


def _media(given: Mapping[str, object]) -> MediaRecord:
    return MediaRecord(
        sid=_text(given.get("sid") or given.get("Sid")),
        content_type=str(given.get("content_type") or ""),
        size=int(cast(int, given.get("size") or 0)),
        filename=_optional(given.get("filename")),
        category=cast(MediaCategory, given.get("category") or "media"),
    )


def _state(name: object, since: datetime) -> ConversationState:
    return ConversationState(current=cast(ConversationStateName, str(name or "active")), date_updated=since)


def _level(given: Instance) -> NotificationLevel:
    return "muted" if given.notification_level == "muted" else "default"


def _timer(timers: Mapping[str, object] | None, name: str) -> datetime | None:
    return moment((timers or {}).get(name))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidResponseError(f"Twilio's answer cannot be understood: {value!r} is no sid")
    return value


def _index(value: object) -> int:
    if not isinstance(value, int):
        raise InvalidResponseError(f"Twilio's answer cannot be understood: {value!r} is no index")
    return value


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) else None


def in_order(found: Sequence[ParticipantRecord]) -> list[ParticipantRecord]:
    """Return participants in the order in which they were added; within a second as Twilio lists them."""
    return sorted(found, key=lambda each: each.date_created)
