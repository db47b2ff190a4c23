"""The messages of a conversation: ``/Conversations/CH.../Messages``.

Anybody can be their author at Twilio, be they a participant or not; who is not said is ``system``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from twilio_compat.account import SYSTEM
from twilio_compat.errors import LimitError
from twilio_compat.records import (
    UNCHANGED,
    DeliveryRecord,
    Direction,
    JSONObject,
    MediaRecord,
    MessageChanges,
    MessageDraft,
    MessageRecord,
)
from twilio_compat.rest import lookup, paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.error_codes import text_of
from twilio_compat.rest.rendering import attributes_text, iso

_IDEMPOTENCY: Final = ("idempotency-key", "i-twilio-idempotency-token")
"""Headers of which one may name a request, so that it can be repeated without being done twice."""
_REQUESTS: Final = uuid.UUID("5a0b6f0e-6f39-4ab8-9d2c-6b8d3f3f7c11")
"""The name space in which such a name becomes the id of a send."""


async def list_(call: Call) -> Page:
    """Return those of a conversation, oldest first unless the call says ``desc``. `NotFoundError` 50350."""
    sid = await lookup.conversation_sid(call)

    async def fetch_after(after: str | None, limit: int) -> Sequence[MessageRecord]:
        return await _read(call, sid, None if after is None else paging.number(after), limit)

    return await paging.of_source(
        call, fetch_after, lambda each: render(call, each), lambda each: str(each.index)
    )


async def create(call: Call) -> JSONObject:
    """Send one. `NotFoundError` 50350, 50507; `LimitError` 50303, 50504, 50526, 50527."""
    sid = await lookup.conversation_sid(call)
    return render(call, await call.backend.messages.create(call.actor, sid, await _draft(call)))


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50350, 50500."""
    sid = await lookup.conversation_sid(call)
    return render(call, await call.backend.messages.get(call.actor, sid, call.path["Sid"]))


async def update(call: Call) -> JSONObject:
    """Change what was given. `NotFoundError` 50350, 50500; errors as `create`."""
    if not call.values:
        return await fetch(call)
    sid = await lookup.conversation_sid(call)
    changes = MessageChanges(
        body=call.change("Body", str),
        attributes=call.json("Attributes"),
        subject=call.change("Subject", str),
        author=call.change("Author", str),
        date_created=call.change("DateCreated", datetime),
        date_updated=call.change("DateUpdated", datetime),
    )
    return render(call, await call.backend.messages.update(call.actor, sid, call.path["Sid"], changes))


async def delete(call: Call) -> None:
    """Delete one. `NotFoundError` 50350, 50500."""
    sid = await lookup.conversation_sid(call)
    await call.backend.messages.delete(call.actor, sid, call.path["Sid"])


def render(call: Call, record: MessageRecord) -> JSONObject:
    """Return one as Twilio shows it."""
    url = call.url("Conversations", record.conversation_sid, "Messages", record.sid)
    body: JSONObject = {
        "sid": record.sid,
        "account_sid": call.account_sid,
        "conversation_sid": record.conversation_sid,
        "index": record.index,
        "author": record.author,
        "body": record.body,
        "media": [_media(each) for each in record.media] or None,
        "attributes": attributes_text(record.attributes),
        "participant_sid": record.participant_sid,
        "delivery": _delivery(record.delivery),
        "content_sid": record.content_sid,
        "date_created": iso(record.date_created),
        "date_updated": iso(record.date_updated),
        "url": url,
        "links": {"delivery_receipts": f"{url}/Receipts", "channel_metadata": f"{url}/ChannelMetadata"},
    }
    return body | ({"chat_service_sid": call.backend.service_sid} if call.service_path else {})


def _media(media: MediaRecord) -> JSONObject:
    return {
        "sid": media.sid,
        "size": media.size,
        "content_type": media.content_type,
        "filename": media.filename,
        "category": media.category,
    }


def _delivery(delivery: DeliveryRecord | None) -> JSONObject | None:
    """Sum up whom a message reached. It counts as delivered where it was read: more is not known."""
    if delivery is None or not delivery.recipients:
        return None
    total, read = len(delivery.recipients), len(delivery.recipients & delivery.read_by)
    amount = "none" if not read else "all" if read == total else "some"
    return {
        "total": total,
        "sent": "all",
        "delivered": amount,
        "read": amount,
        "failed": "none",
        "undelivered": "none",
    }


async def _read(call: Call, sid: str, after: int | None, limit: int) -> Sequence[MessageRecord]:
    """Return up to *limit* messages that follow the one with the index *after*, in the order that the call wants."""
    backwards = call.get("Order", str) == "desc"
    if backwards and after == 0:
        return []
    anchor = None if after is None else after - 1 if backwards else after + 1
    direction = Direction.BACKWARDS if backwards else Direction.FORWARD
    page = await call.backend.messages.page(call.actor, sid, size=limit, anchor=anchor, direction=direction)
    return page.items[::-1] if backwards else page.items


async def _draft(call: Call) -> MessageDraft:
    attributes = call.json("Attributes")
    token = next((call.headers[name] for name in _IDEMPOTENCY if call.headers.get(name)), None)
    return MessageDraft(
        mutation_id=str(uuid.uuid5(_REQUESTS, token) if token else uuid.uuid4()),
        is_first=token is None,
        body=call.get("Body", str),
        attributes={} if attributes is UNCHANGED else attributes,
        subject=call.get("Subject", str) or None,
        media=await _uploaded(call),
        content_sid=call.get("ContentSid", str) or None,
        content_variables=_variables(call),
        author=call.get("Author", str) or SYSTEM,
        date_created=call.get("DateCreated", datetime),
        date_updated=call.get("DateUpdated", datetime),
        is_quiet=not call.webhooks,
    )


async def _uploaded(call: Call) -> tuple[MediaRecord, ...]:
    sid = call.get("MediaSid", str)
    return ((await call.backend.media.get(sid)).media,) if sid else ()


def _variables(call: Call) -> Mapping[str, str]:
    given = call.json("ContentVariables")
    if given is UNCHANGED:
        return {}
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        raise LimitError(text_of(50527, "it takes a JSON object of texts"), code=50527)
    return {name: str(value) for name, value in given.items()}


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "messages.list": list_,
        "messages.create": create,
        "messages.fetch": fetch,
        "messages.update": update,
        "messages.delete": delete,
    }
)
