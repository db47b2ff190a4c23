"""Roles: ``/Roles``. Four are always there; the account makes others, and changes what any of them allows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.account import RoleDraft, RoleRecord
from twilio_compat.records import JSONObject
from twilio_compat.rest import paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.rendering import iso


async def list_(call: Call) -> Page:
    """Return all of them, the four first."""
    found = await call.backend.roles.list()
    return paging.of_list(call, found, lambda each: render(call, each), lambda each: each.sid)


async def create(call: Call) -> JSONObject:
    """Make one. `LimitError` 50104 (permission), 50105 (type), 50003 (name)."""
    draft = RoleDraft(
        friendly_name=call.get("FriendlyName", str) or "",
        type="service" if call.get("Type", str) == "service" else "conversation",
        permissions=_permissions(call),
    )
    return render(call, await call.backend.roles.create(draft))


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50100."""
    return render(call, await call.backend.roles.get(call.path["Sid"]))


async def update(call: Call) -> JSONObject:
    """Replace what one allows. `NotFoundError` 50100; `LimitError` 50104."""
    return render(call, await call.backend.roles.update(call.path["Sid"], _permissions(call)))


async def delete(call: Call) -> None:
    """Forget one. `NotFoundError` 50100; `ConflictError` for the four."""
    await call.backend.roles.delete(call.path["Sid"])


def render(call: Call, role: RoleRecord) -> JSONObject:
    """Return it as Twilio shows it."""
    return {
        "sid": role.sid,
        "account_sid": call.account_sid,
        "chat_service_sid": call.backend.service_sid,
        "friendly_name": role.friendly_name,
        "type": role.type,
        "permissions": list(role.permissions),
        "date_created": iso(role.date_created),
        "date_updated": iso(role.date_updated),
        "url": call.url("Roles", role.sid),
    }


def _permissions(call: Call) -> tuple[str, ...]:
    """Return those that were given, each once."""
    return tuple(dict.fromkeys(call.get("Permission", tuple) or ()))


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "roles.list": list_,
        "roles.create": create,
        "roles.fetch": fetch,
        "roles.update": update,
        "roles.delete": delete,
    }
)
