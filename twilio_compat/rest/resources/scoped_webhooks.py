"""Webhooks of one conversation: ``/Conversations/CH.../Webhooks``, at most five.

A ``webhook`` is told events, a ``trigger`` messages that have one of some words. A ``studio`` webhook is refused: there
is no Twilio Studio here that could run the flow, and one that never runs would be a loss that nobody notices.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from twilio_compat.account import Document
from twilio_compat.errors import LimitError, NotFoundError
from twilio_compat.records import JSONObject
from twilio_compat.rest import lookup, paging, webhook_checks
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.error_codes import text_of
from twilio_compat.rest.rendering import iso
from twilio_compat.webhooks.configuration import (
    MOST_PER_CONVERSATION,
    POST_EVENTS,
    ScopedWebhook,
    from_scoped,
    read_scoped,
    scoped_kind,
    to_scoped,
)

_NO_STUDIO: Final = (
    "there is no Twilio Studio on Azure Communication Services, so the flow would never run; "
    "use the target webhook, and have a server of your own called"
)
_NEW: Final = datetime.min.replace(tzinfo=UTC)
"""The dates of a webhook that was not kept yet."""


async def list_(call: Call) -> Page:
    """Return those of a conversation. `NotFoundError` 50350."""
    found = await read_scoped(call.backend.documents, await _conversation_sid(call))
    return paging.of_list(call, found, lambda each: render(call, each), paging.by_age)


async def create(call: Call) -> JSONObject:
    """Make one. `LimitError` 50054 and 50361 to 50372."""
    webhook = new(call, await _conversation_sid(call))
    kind, documents = scoped_kind(webhook.conversation_sid), call.backend.documents
    if len(await documents.list(kind)) >= MOST_PER_CONVERSATION:
        raise _refused(50361)
    document = await documents.put(kind, webhook.sid, from_scoped(webhook))
    first = (await documents.list(kind))[:MOST_PER_CONVERSATION]
    if webhook.sid not in [each.name for each in first]:  # others came in between
        await documents.delete(kind, webhook.sid)
        raise _refused(50361)
    return render(call, to_scoped(document, webhook.conversation_sid))


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50350, 50360."""
    conversation_sid = await _conversation_sid(call)
    document = await call.backend.documents.get(scoped_kind(conversation_sid), call.path["Sid"])
    return render(call, _found(document, conversation_sid))


async def update(call: Call) -> JSONObject:
    """Change what was given of one. `NotFoundError` 50350, 50360; `LimitError` as `create`."""
    conversation_sid = await _conversation_sid(call)

    def change(content: JSONObject | None) -> JSONObject:
        if content is None:
            raise _not_found()
        return from_scoped(checked(given(_read(call.path["Sid"], conversation_sid, content), call)))

    document = await call.backend.documents.change(scoped_kind(conversation_sid), call.path["Sid"], change)
    return render(call, to_scoped(document, conversation_sid))


async def delete(call: Call) -> None:
    """Forget one. `NotFoundError` 50350, 50360."""
    kind = scoped_kind(await _conversation_sid(call))
    if not await call.backend.documents.delete(kind, call.path["Sid"]):
        raise _not_found()


# What may be kept


def new(call: Call, conversation_sid: str) -> ScopedWebhook:
    """Return the webhook that the call wants; `LimitError` as `create`."""
    target = call.get("Target", str)
    if target == "studio":
        raise _refused(50364, _NO_STUDIO)
    webhook = ScopedWebhook(
        sid=f"WH{uuid.uuid4().hex}",
        conversation_sid=conversation_sid,
        target="trigger" if target == "trigger" else "webhook",
        date_created=_NEW,
        date_updated=_NEW,
        replay_after=call.get("Configuration.ReplayAfter", int),
    )
    return checked(given(webhook, call))


def given(webhook: ScopedWebhook, call: Call) -> ScopedWebhook:
    """Return it with what the call gives; `LimitError` for what cannot be: an event that there is not, an empty word."""
    url = webhook_checks.url(call, "Configuration.Url")
    filters = webhook_checks.events(call, "Configuration.Filters", POST_EVENTS, code=50365)
    triggers = call.get("Configuration.Triggers", tuple)
    if triggers and not all(each.strip() for each in triggers):
        raise _refused(50366)
    return replace(
        webhook,
        url=webhook.url if url is None else url or None,
        method=call.get("Configuration.Method", str) or webhook.method,
        filters=webhook.filters if filters is None else filters,
        triggers=webhook.triggers if triggers is None else triggers,
    )


def checked(webhook: ScopedWebhook) -> ScopedWebhook:
    """Return it where it has what its target needs; `LimitError` 50369 to 50371."""
    if not webhook.url:
        raise _refused(50369)
    if webhook.target == "webhook" and not webhook.filters:
        raise _refused(50370)
    if webhook.target == "trigger" and not webhook.triggers:
        raise _refused(50371)
    return webhook


def render(call: Call, webhook: ScopedWebhook) -> JSONObject:
    """Return it as Twilio shows it."""
    body: JSONObject = {
        "sid": webhook.sid,
        "account_sid": call.account_sid,
        "conversation_sid": webhook.conversation_sid,
        "target": webhook.target,
        "url": call.url("Conversations", webhook.conversation_sid, "Webhooks", webhook.sid),
        "configuration": _configuration(webhook),
        "date_created": iso(webhook.date_created),
        "date_updated": iso(webhook.date_updated),
    }
    return body | ({"chat_service_sid": call.backend.service_sid} if call.service_path else {})


def _configuration(webhook: ScopedWebhook) -> JSONObject:
    body: JSONObject = {"url": webhook.url, "method": webhook.method}
    if webhook.filters or webhook.target == "webhook":
        body["filters"] = list(webhook.filters)
    if webhook.target == "trigger":
        body["triggers"] = list(webhook.triggers)
    if webhook.replay_after is not None:
        body["replay_after"] = webhook.replay_after
    return body


async def _conversation_sid(call: Call) -> str:
    """Return the conversation's sid, once it is known to be there: its webhooks may be forgotten later than it."""
    return (await lookup.conversation(call)).sid


def _read(sid: str, conversation_sid: str, content: JSONObject) -> ScopedWebhook:
    """Read what is kept, without its dates."""
    document = Document(kind="", name=sid, content=content, date_created=_NEW, date_updated=_NEW)
    return to_scoped(document, conversation_sid)


def _found(document: Document | None, conversation_sid: str) -> ScopedWebhook:
    if document is None:
        raise _not_found()
    return to_scoped(document, conversation_sid)


def _not_found() -> NotFoundError:
    return NotFoundError(text_of(50360), code=50360)


def _refused(code: int, why: str = "") -> LimitError:
    return LimitError(text_of(code, why), code=code)


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "webhooks.list": list_,
        "webhooks.create": create,
        "webhooks.fetch": fetch,
        "webhooks.update": update,
        "webhooks.delete": delete,
    }
)
