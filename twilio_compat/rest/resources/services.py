"""The services of the account: ``/Services``. Each is a world of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.account import ServiceRecord
from twilio_compat.records import JSONObject
from twilio_compat.rest import paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.rendering import iso

_LINKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "conversations": "Conversations",
        "users": "Users",
        "roles": "Roles",
        "bindings": "Bindings",
        "configuration": "Configuration",
        "participant_conversations": "ParticipantConversations",
    }
)


async def list_(call: Call) -> Page:
    """Return all of them, the default one first."""
    found = await call.backend.services.list()
    return paging.of_list(call, found, lambda each: render(call, each), paging.by_age)


async def create(call: Call) -> JSONObject:
    """Make one, empty."""
    return render(call, await call.backend.services.create(call.get("FriendlyName", str) or ""))


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50050."""
    return render(call, await call.backend.services.get(call.path["Sid"]))


async def delete(call: Call) -> None:
    """Delete one with all that is in it. `NotFoundError` 50050; `ConflictError` for the default one."""
    await call.backend.services.delete(call.path["Sid"])


def render(call: Call, service: ServiceRecord) -> JSONObject:
    """Return it as Twilio shows it."""
    url = call.url("Services", service.sid)
    return {
        "account_sid": call.account_sid,
        "sid": service.sid,
        "friendly_name": service.friendly_name,
        "date_created": iso(service.date_created),
        "date_updated": iso(service.date_updated),
        "url": url,
        "links": {name: f"{url}/{path}" for name, path in _LINKS.items()},
    }


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "services.list": list_,
        "services.create": create,
        "services.fetch": fetch,
        "services.delete": delete,
    }
)
