"""Push notifications, as an app on a phone gets them from Apple's or Google's service.

Parsing is a pure function of the payload, with the rules of Twilio's client:

* a payload with ``aps`` is Apple's: the text is in ``aps``, what it is about is beside it;
* any other with ``data`` is Google's: all of it is in ``data``;
* anything else, or one without ``twi_message_type``, did not come from Twilio.

What is empty, zero or missing becomes None. What is unknown or malformed in the data is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, TypedDict, cast

from twilio_compat.errors import ArgumentError
from twilio_compat.records import JSONValue

__all__ = [
    "PushNotification",
    "PushNotificationData",
    "PushNotificationDescriptor",
    "PushNotificationType",
    "parse",
]

PushNotificationType: TypeAlias = Literal[
    "twilio.conversations.new_message",
    "twilio.conversations.added_to_conversation",
    "twilio.conversations.removed_from_conversation",
]


class PushNotificationData(TypedDict, total=False):
    """What a notification is about. ``media`` is what the service tells of the files, as it stands in the payload."""

    conversationSid: str
    conversationTitle: str
    messageSid: str
    messageIndex: int
    mediaCount: int
    media: JSONValue


class PushNotificationDescriptor(TypedDict):
    """What a `PushNotification` is made of."""

    title: str | None
    body: str | None
    sound: str | None
    badge: int | None
    action: str | None
    type: PushNotificationType
    data: PushNotificationData


class PushNotification:
    """A notification that was shown to the user."""

    def __init__(self, data: PushNotificationDescriptor) -> None:
        """Hold what *data* says."""
        self.title: Final = data["title"]
        self.body: Final = data["body"]
        self.sound: Final = data["sound"]
        self.badge: Final = data["badge"]
        """Number on the app's icon; None on Android, and where it is 0."""
        self.action: Final = data["action"]
        """What a tap does: Apple's category, Google's click action."""
        self.type: Final = data["type"]
        self.data: Final = data["data"]

    def __repr__(self) -> str:
        """Name the type and what it is about."""
        return f"<PushNotification {self.type} {self.data}>"


def parse(payload: Mapping[str, JSONValue]) -> PushNotification:
    """Read the payload of a notification. `ArgumentError` for one that is not Twilio's."""
    if "aps" in payload:
        return PushNotification(_apple(payload, _object(payload["aps"])))
    if "data" in payload:
        return PushNotification(_google(_object(payload["data"])))
    raise ArgumentError("Provided push notification payload is not Programmable Chat notification")


def _apple(payload: Mapping[str, JSONValue], aps: Mapping[str, JSONValue]) -> PushNotificationDescriptor:
    alert = aps.get("alert")
    said: Mapping[str, JSONValue] = {"body": alert} if isinstance(alert, str) else _object(alert)
    badge = aps.get("badge")
    return {
        "title": _text(said.get("title")),
        "body": _text(said.get("body")),
        "sound": _text(aps.get("sound")),
        "badge": badge if isinstance(badge, int) and badge else None,
        "action": _text(aps.get("category")),
        "type": _type(payload),
        "data": _data(payload),
    }


def _google(payload: Mapping[str, JSONValue]) -> PushNotificationDescriptor:
    return {
        "title": _text(payload.get("twi_title")),
        "body": _text(payload.get("twi_body")),
        "sound": _text(payload.get("twi_sound")),
        "badge": None,
        "action": _text(payload.get("twi_action")),
        "type": _type(payload),
        "data": _data(payload),
    }


def _type(payload: Mapping[str, JSONValue]) -> PushNotificationType:
    """Return the type; one that is newer than this library is handed on as it is, as at Twilio."""
    if (kind := _text(payload.get("twi_message_type"))) is None:
        raise ArgumentError(
            "Provided push notification payload does not contain Programmable Chat push notification type"
        )
    return cast("PushNotificationType", kind)


def _data(payload: Mapping[str, JSONValue]) -> PushNotificationData:
    data: PushNotificationData = {}
    if isinstance(sid := payload.get("conversation_sid"), str):
        data["conversationSid"] = sid
    if isinstance(title := payload.get("conversation_title"), str):
        data["conversationTitle"] = title
    if isinstance(sid := payload.get("message_sid"), str):
        data["messageSid"] = sid
    if (index := _number(payload.get("message_index"))) is not None:
        data["messageIndex"] = index
    if (count := _number(payload.get("media_count"))) is not None:
        data["mediaCount"] = count
    if (media := _parsed(payload.get("media"))) is not None:
        data["media"] = media
    return data


def _object(value: JSONValue) -> Mapping[str, JSONValue]:
    return value if isinstance(value, dict) else {}


def _text(value: JSONValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: JSONValue) -> int | None:
    """Return the whole number that *value* is or spells; all values of Google's are text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else None


def _parsed(value: JSONValue) -> JSONValue:
    """Return what the JSON text *value* says; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        parsed: JSONValue = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return parsed
