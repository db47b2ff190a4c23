"""What a service would push to phones: ``/Services/IS.../Configuration/Notifications``. Kept, since ACS pushes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Final

from twilio_compat.records import JSONObject
from twilio_compat.rest.call import Call, Handler

KIND: Final = "configuration"
NAME: Final = "notifications"

_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")


def defaults() -> JSONObject:
    """Return what there is before anything was set: no notification of anything."""
    return {
        "log_enabled": False,
        "new_message": {"enabled": False},
        "added_to_conversation": {"enabled": False},
        "removed_from_conversation": {"enabled": False},
    }


async def fetch(call: Call) -> JSONObject:
    """Return it."""
    document = await call.backend.documents.get(KIND, NAME)
    return _render(call, defaults() if document is None else document.content)


async def update(call: Call) -> JSONObject:
    """Change what was given of it."""
    document = await call.backend.documents.change(KIND, NAME, lambda content: changed(content, call))
    return _render(call, document.content)


def changed(content: JSONObject | None, call: Call) -> JSONObject:
    """Return it with the call's parameters: ``NewMessage.WithMedia.Enabled`` is ``new_message.with_media.enabled``."""
    outcome = defaults() if content is None else deepcopy(content)
    for name, value in call.values.items():
        *within, last = (_snake(each) for each in name.split("."))
        place = outcome
        for each in within:
            inner = place.setdefault(each, {})
            assert isinstance(inner, dict), f"{name} is declared at a place of its own"
            place = inner
        assert isinstance(value, str | bool), f"{name} is declared as text or as a flag"
        place[last] = value
    return outcome


def _snake(name: str) -> str:
    return _WORD.sub("_", name).lower()


def _render(call: Call, content: JSONObject) -> JSONObject:
    return content | {
        "account_sid": call.account_sid,
        "chat_service_sid": call.backend.service_sid,
        "url": call.url("Configuration", "Notifications"),
    }


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "services.configuration.notifications.fetch": fetch,
        "services.configuration.notifications.update": update,
    }
)
