"""Delivery receipts of a message: ``/Conversations/CH.../Messages/IM.../Receipts``. They are only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import NotFoundError
from twilio_compat.records import DeliveryReceiptRecord, JSONObject
from twilio_compat.rest import lookup, paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.rendering import iso


async def list_(call: Call) -> Page:
    """Return those of a message, in ascending order of sid. `NotFoundError` 50350, 50500."""
    found = sorted(await _receipts(call), key=_sid)
    return paging.of_list(call, found, lambda each: render(call, each), _sid)


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50350, 50500, 20404."""
    for each in await _receipts(call):
        if each.sid == call.path["Sid"]:
            return render(call, each)
    raise NotFoundError("Receipt not found", code=20404)


def render(call: Call, receipt: DeliveryReceiptRecord) -> JSONObject:
    """Return it as Twilio shows it."""
    message = ("Conversations", receipt.conversation_sid, "Messages", receipt.message_sid)
    body: JSONObject = {
        "sid": receipt.sid,
        "account_sid": call.account_sid,
        "conversation_sid": receipt.conversation_sid,
        "message_sid": receipt.message_sid,
        "channel_message_sid": receipt.channel_message_sid or None,
        "participant_sid": receipt.participant_sid,
        "status": receipt.status,
        "error_code": receipt.error_code,
        "date_created": iso(receipt.date_created),
        "date_updated": iso(receipt.date_updated),
        "url": call.url(*message, "Receipts", receipt.sid),
    }
    return body | ({"chat_service_sid": call.backend.service_sid} if call.service_path else {})


async def _receipts(call: Call) -> Sequence[DeliveryReceiptRecord]:
    conversation_sid = await lookup.conversation_sid(call)
    return await call.backend.messages.receipts(call.actor, conversation_sid, call.path["MessageSid"])


def _sid(receipt: DeliveryReceiptRecord) -> str:
    return receipt.sid


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "receipts.list": list_,
        "receipts.fetch": fetch,
    }
)
