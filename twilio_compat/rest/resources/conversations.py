"""Conversations: ``/Conversations``. One is named by its sid or by its unique name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, cast

from twilio_compat.account import ConversationQuery
from twilio_compat.errors import TranslationGapError
from twilio_compat.records import (
    UNCHANGED,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    ConversationStateName,
    JSONObject,
    JSONValue,
    Timers,
    Unchanged,
)
from twilio_compat.rest import lookup, paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.parameters import bounds
from twilio_compat.rest.rendering import attributes_text, iso
from twilio_compat.rest.resources.configuration import default_timers

MESSAGING_SERVICE: Final = "messaging_service_sid"
"""Under which name `ConversationRecord.extras` keeps it: it is shown, and nothing here acts on it."""


async def list_(call: Call) -> Page:
    """Return those of the service, in the order in which they were made."""
    query, conversations = _query(call), call.backend.conversations
    return await paging.of_source(
        call,
        lambda after, limit: conversations.page(call.actor, query, after=after, limit=limit),
        lambda each: render(call, each),
        lambda each: each.sid,
    )


async def create(call: Call) -> JSONObject:
    """Make one. `ConflictError` 50353; `LimitError` 50003, 50004, 50303; `TranslationGapError` for e-mail."""
    wanted = draft(call, await default_timers(call))
    return render(call, await call.backend.conversations.create(call.actor, wanted))


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50350."""
    return render(call, await lookup.conversation(call, "Sid"))


async def update(call: Call) -> JSONObject:
    """Change what was given. `NotFoundError` 50350; errors as `create`."""
    if not call.values:
        return await fetch(call)
    sid = await lookup.conversation_sid(call, "Sid")
    return render(call, await call.backend.conversations.update(call.actor, sid, await _changes(call)))


async def delete(call: Call) -> None:
    """Delete one for everybody. `NotFoundError` 50350."""
    await call.backend.conversations.delete(call.actor, await lookup.conversation_sid(call, "Sid"))


def draft(call: Call, usual: Timers) -> ConversationDraft:
    """Return what the call wants made; *usual* are the timers unless it says others. `TranslationGapError` for e-mail."""
    refuse_email(call)
    attributes = call.json("Attributes")
    return ConversationDraft(
        friendly_name=call.get("FriendlyName", str) or None,
        unique_name=call.get("UniqueName", str) or None,
        attributes={} if attributes is UNCHANGED else attributes,
        state=cast(ConversationStateName, call.get("State", str) or "active"),
        timers=_timers(call, usual),
        date_created=call.get("DateCreated", datetime),
        date_updated=call.get("DateUpdated", datetime),
        extras=_extras(call),
    )


def refuse_email(call: Call) -> None:
    """Raise `TranslationGapError` where the conversation is to have an e-mail address."""
    for name in ("Bindings.Email.Address", "Bindings.Email.Name"):
        if call.get(name, str):
            raise TranslationGapError(
                f"{name}: Azure Communication Services Chat cannot take in e-mail, so a conversation has no address"
            )


def render(call: Call, record: ConversationRecord) -> JSONObject:
    """Return one as Twilio shows it."""
    url = call.url("Conversations", record.sid)
    return {
        "sid": record.sid,
        "account_sid": call.account_sid,
        "chat_service_sid": call.backend.service_sid,
        "messaging_service_sid": record.extras.get(MESSAGING_SERVICE),
        "friendly_name": record.friendly_name,
        "unique_name": record.unique_name,
        "attributes": attributes_text(record.attributes),
        "state": record.state.current,
        "timers": timers(record),
        "bindings": None,
        "date_created": iso(record.date_created),
        "date_updated": iso(record.date_updated),
        "url": url,
        "links": {
            "participants": f"{url}/Participants",
            "messages": f"{url}/Messages",
            "webhooks": f"{url}/Webhooks",
        },
    }


def timers(record: ConversationRecord) -> JSONObject:
    """Return when a conversation's timers will move it on; what it has none for is left out."""
    moments = {"date_inactive": iso(record.date_inactive), "date_closed": iso(record.date_closed)}
    return {name: moment for name, moment in moments.items() if moment is not None}


async def _changes(call: Call) -> ConversationChanges:
    refuse_email(call)
    return ConversationChanges(
        friendly_name=call.name("FriendlyName"),
        unique_name=call.name("UniqueName"),
        attributes=call.json("Attributes"),
        state=cast("ConversationStateName | Unchanged", call.change("State", str)),
        timers=await _changed_timers(call),
        date_created=call.change("DateCreated", datetime),
        date_updated=call.change("DateUpdated", datetime),
        extras=_extras(call) or UNCHANGED,
    )


async def _changed_timers(call: Call) -> Timers | Unchanged:
    """Return both timers where one of them changes: the other stays what it is."""
    given = [name for name in ("Timers.Inactive", "Timers.Closed") if name in call.values]
    if not given:
        return UNCHANGED
    return _timers(call, Timers() if len(given) == 2 else (await lookup.conversation(call, "Sid")).timers)


def _timers(call: Call, old: Timers) -> Timers:
    """Return the timers that were given, for the rest *old*; an empty text takes one away."""
    inactive, closed = call.name("Timers.Inactive"), call.name("Timers.Closed")
    return Timers(
        inactive=old.inactive if inactive is UNCHANGED else inactive,
        closed=old.closed if closed is UNCHANGED else closed,
    )


def _extras(call: Call) -> Mapping[str, JSONValue]:
    sid = call.name("MessagingServiceSid")
    return {} if sid is UNCHANGED else {MESSAGING_SERVICE: sid}


def _query(call: Call) -> ConversationQuery:
    start, end = call.get("StartDate", str), call.get("EndDate", str)
    return ConversationQuery(
        state=cast("ConversationStateName | None", call.get("State", str)),
        created_from=bounds(start)[0] if start else None,
        created_until=bounds(end)[1] if end else None,
    )


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "conversations.list": list_,
        "conversations.create": create,
        "conversations.fetch": fetch,
        "conversations.update": update,
        "conversations.delete": delete,
    }
)
