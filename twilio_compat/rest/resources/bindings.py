"""Devices that want to be notified: ``/Services/IS.../Bindings``: what ``setPushRegistrationId()`` noted.

Nothing here pushes to them. A push service of the application's own can: ``endpoint`` is the registration id by which
Google or Apple knows the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.account import PushRegistrationRecord
from twilio_compat.errors import NotFoundError
from twilio_compat.records import JSONObject
from twilio_compat.rest import paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.rendering import iso


async def list_(call: Call) -> Page:
    """Return those of the wanted kinds and users, or all."""
    kinds, identities = call.get("BindingType", tuple), call.get("Identity", tuple)
    wanted = [
        each
        for each in await call.backend.push_registrations.list()
        if (not kinds or each.channel in kinds) and (not identities or each.identity in identities)
    ]
    return paging.of_list(call, wanted, lambda each: render(call, each), paging.by_age)


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError`."""
    for each in await call.backend.push_registrations.list():
        if each.sid == call.path["Sid"]:
            return render(call, each)
    raise NotFoundError(f"There is no binding {call.path['Sid']}", code=20404)


async def delete(call: Call) -> None:
    """Forget one. `NotFoundError`."""
    await call.backend.push_registrations.remove(call.path["Sid"])


def render(call: Call, registration: PushRegistrationRecord) -> JSONObject:
    """Return a device as Twilio shows it. Of which credential and messages it is, no client tells."""
    return {
        "sid": registration.sid,
        "account_sid": call.account_sid,
        "chat_service_sid": call.backend.service_sid,
        "credential_sid": None,
        "date_created": iso(registration.date_created),
        "date_updated": iso(registration.date_created),
        "endpoint": registration.registration_id,
        "identity": registration.identity,
        "binding_type": registration.channel,
        "message_types": [],
        "url": call.url("Bindings", registration.sid),
    }


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "services.bindings.list": list_,
        "services.bindings.fetch": fetch,
        "services.bindings.delete": delete,
    }
)
