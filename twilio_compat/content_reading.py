"""Content of a prepared message, from what Twilio's Content API has to what an app is shown: pure functions.

Content of a type that is not known, or that is not formed as Twilio's Content API has it, has the type ``other``, and
its ``rawData`` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from twilio_compat.content_data import (
    ContentData,
    ContentDataAction,
    ContentDataCallToAction,
    ContentDataCard,
    ContentDataListItem,
    ContentDataListPicker,
    ContentDataLocation,
    ContentDataMedia,
    ContentDataQuickReply,
    ContentDataReply,
    ContentDataText,
)
from twilio_compat.records import JSONValue

__all__ = ["content_data", "shown"]


def content_data(kind: str, data: JSONValue) -> ContentData:
    """Return content of the type *kind*, such as ``twilio/text``, from what Twilio's Content API has under it."""
    raw = _raw(data)
    found = _known(kind, data, raw) if isinstance(data, dict) else None
    return found or {"type": "other", "rawData": raw}


def shown(types: Mapping[str, JSONValue]) -> ContentData | None:
    """Return what to show of a message's *types*: the first that is more than text, or else the text."""
    kinds = sorted(types, key=lambda kind: kind == "twilio/text")
    return content_data(kinds[0], types[kinds[0]]) if kinds else None


def _known(kind: str, data: dict[str, JSONValue], raw: str) -> ContentData | None:
    match kind:
        case "twilio/text":
            return _text(data, raw)
        case "twilio/media":
            return _media(data, raw)
        case "twilio/location":
            return _location(data, raw)
        case "twilio/quick-reply":
            return _quick_reply(data, raw)
        case "twilio/call-to-action":
            return _call_to_action(data, raw)
        case "twilio/list-picker":
            return _list_picker(data, raw)
        case "twilio/card":
            return _card(data, raw)
        case _:
            return None


def _text(data: JSONValue, raw: str) -> ContentDataText | None:
    match data:
        case {"body": str(body)}:
            return {"type": "text", "body": body, "rawData": raw}
        case _:
            return None


def _media(data: dict[str, JSONValue], raw: str) -> ContentDataMedia | None:
    found: ContentDataMedia = {"type": "media", "media": _texts(data.get("media")), "rawData": raw}
    if isinstance(body := data.get("body"), str):
        found["body"] = body
    return found if found["media"] else None


def _location(data: dict[str, JSONValue], raw: str) -> ContentDataLocation | None:
    match data:
        case {"longitude": int() | float() as longitude, "latitude": int() | float() as latitude}:
            found: ContentDataLocation = {
                "type": "location",
                "longitude": longitude,
                "latitude": latitude,
                "rawData": raw,
            }
            if isinstance(label := data.get("label"), str):
                found["label"] = label
            return found
        case _:
            return None


def _quick_reply(data: dict[str, JSONValue], raw: str) -> ContentDataQuickReply | None:
    match data:
        case {"body": str(body), "actions": list(actions)}:
            replies = [_reply(each) for each in _objects(actions)]
            return {"type": "quickReply", "body": body, "replies": replies, "rawData": raw}
        case _:
            return None


def _reply(data: dict[str, JSONValue]) -> ContentDataReply:
    reply: ContentDataReply = {"title": _string(data.get("title"))}
    if isinstance(name := data.get("id"), str):
        reply["id"] = name
    return reply


def _call_to_action(data: dict[str, JSONValue], raw: str) -> ContentDataCallToAction | None:
    match data:
        case {"body": str(body), "actions": list(actions)}:
            return {"type": "callToAction", "body": body, "actions": _actions(actions), "rawData": raw}
        case _:
            return None


def _list_picker(data: dict[str, JSONValue], raw: str) -> ContentDataListPicker | None:
    match data:
        case {"body": str(body), "button": str(button), "items": list(items)}:
            listed = [_item(each) for each in _objects(items)]
            return {"type": "listPicker", "body": body, "button": button, "items": listed, "rawData": raw}
        case _:
            return None


def _item(data: dict[str, JSONValue]) -> ContentDataListItem:
    item: ContentDataListItem = {"id": _string(data.get("id")), "item": _string(data.get("item"))}
    if isinstance(description := data.get("description"), str):
        item["description"] = description
    return item


def _card(data: dict[str, JSONValue], raw: str) -> ContentDataCard | None:
    title = data.get("title")
    if not isinstance(title, str):
        return None
    card: ContentDataCard = {
        "type": "card",
        "title": title,
        "media": _texts(data.get("media")),
        "actions": _actions(data.get("actions")),
        "rawData": raw,
    }
    if isinstance(subtitle := data.get("subtitle"), str):
        card["subtitle"] = subtitle
    return card


def _actions(data: JSONValue) -> list[ContentDataAction]:
    return [_action(each, _raw(each)) for each in _objects(data)]


def _action(data: dict[str, JSONValue], raw: str) -> ContentDataAction:
    title = _string(data.get("title"))
    match data.get("type"):
        case "QUICK_REPLY":
            index = data.get("index")
            place = index if isinstance(index, int) else 0
            return {
                "type": "reply",
                "title": title,
                "id": _string(data.get("id")),
                "index": place,
                "rawData": raw,
            }
        case "PHONE_NUMBER":
            return {"type": "phone", "title": title, "phone": _string(data.get("phone")), "rawData": raw}
        case "URL":
            return {"type": "url", "title": title, "url": _string(data.get("url")), "rawData": raw}
        case _:
            return {"type": "other", "rawData": raw}


def _objects(data: JSONValue) -> list[dict[str, JSONValue]]:
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def _texts(data: JSONValue) -> list[str]:
    return [each for each in data if isinstance(each, str)] if isinstance(data, list) else []


def _string(value: JSONValue) -> str:
    return value if isinstance(value, str) else ""


def _raw(data: JSONValue) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)
