"""What holds for the whole account: ``/Configuration``.

``DefaultChatServiceSid`` is the service of the calls that name none. Which one that is, `Settings.service_sid` says, for
all processes alike; so it cannot be changed by a call. The default timers are given to each conversation that is made
over REST without timers of its own, in whichever service.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import LimitError
from twilio_compat.records import JSONObject, Timers
from twilio_compat.rest.call import Call, Handler
from twilio_compat.rest.error_codes import text_of
from twilio_compat.settings import ENVIRONMENT

KIND: Final = "configuration"
NAME: Final = "account"

_KEPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DefaultMessagingServiceSid": "default_messaging_service_sid",
        "DefaultInactiveTimer": "default_inactive_timer",
        "DefaultClosedTimer": "default_closed_timer",
    }
)


async def fetch(call: Call) -> JSONObject:
    """Return it."""
    document = await call.backend.documents.get(KIND, NAME)
    return _render(call, {} if document is None else document.content)


async def update(call: Call) -> JSONObject:
    """Change what was given of it; what is given empty is taken away. `LimitError` 20422 for another default service."""
    _check_service(call)
    given = {name: call.get(each, str) for each, name in _KEPT.items()}
    changes: JSONObject = {name: value or None for name, value in given.items() if value is not None}
    document = await call.backend.documents.change(KIND, NAME, lambda content: (content or {}) | changes)
    return _render(call, document.content)


async def default_timers(call: Call) -> Timers:
    """Return the timers of conversations that are made without any."""
    account = await call.backend.of(None)
    document = await account.documents.get(KIND, NAME)
    kept = {} if document is None else document.content
    inactive, closed = kept.get("default_inactive_timer"), kept.get("default_closed_timer")
    return Timers(
        inactive=inactive if isinstance(inactive, str) else None,
        closed=closed if isinstance(closed, str) else None,
    )


def _check_service(call: Call) -> None:
    wanted, current = call.get("DefaultChatServiceSid", str), call.backend.service_sid
    if wanted is not None and wanted != current:
        raise LimitError(
            text_of(
                20422,
                f"DefaultChatServiceSid is {current} and cannot be changed by a call: "
                f"set {ENVIRONMENT['service_sid']} in all processes",
            ),
            code=20422,
        )


def _render(call: Call, kept: JSONObject) -> JSONObject:
    return {
        "account_sid": call.account_sid,
        "default_chat_service_sid": call.backend.service_sid,
        **{name: kept.get(name) for name in _KEPT.values()},
        "url": call.url("Configuration"),
        "links": {
            "service": call.url("Services", call.backend.service_sid),
            "webhooks": call.url("Configuration", "Webhooks"),
        },
    }


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {"configuration.fetch": fetch, "configuration.update": update}
)
