"""Users: ``/Users``, each named by a sid or by an identity."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.account import UserDraft
from twilio_compat.errors import LimitError
from twilio_compat.records import JSONObject, UserChanges, UserRecord
from twilio_compat.rest import lookup, paging
from twilio_compat.rest.call import Call, Handler, Json, Page
from twilio_compat.rest.rendering import attributes_text, iso


async def list_(call: Call) -> Page:
    """Return them in the order in which they were made."""
    users = call.backend.users
    return await paging.of_source(
        call,
        lambda after, limit: users.page(call.actor, after=after, limit=limit),
        lambda each: render(call, each),
        lambda each: each.sid,
    )


async def create(call: Call) -> JSONObject:
    """Make one. `ConflictError` 50201, `NotFoundError` 50100 (role), `LimitError` 50003, 50204, 50206, 50207, 50303."""
    attributes = call.get("Attributes", Json)
    draft = UserDraft(
        identity=checked_identity(call.get("Identity", str)),
        friendly_name=call.get("FriendlyName", str),
        attributes={} if attributes is None else attributes.value,
        role_sid=call.get("RoleSid", str),
    )
    return render(call, await call.backend.users.create(call.actor, draft))


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50200."""
    return render(call, await lookup.user(call, "Sid"))


async def update(call: Call) -> JSONObject:
    """Change what was given of one. `NotFoundError` 50200, 50100 (role); `LimitError` 50003, 50303."""
    if not call.values:
        return await fetch(call)
    changes = UserChanges(
        friendly_name=call.name("FriendlyName"),
        attributes=call.json("Attributes"),
        role_sid=call.change("RoleSid", str),
    )
    identity = (await lookup.user(call, "Sid")).identity
    return render(call, await call.backend.users.update(call.actor, identity, changes))


async def delete(call: Call) -> None:
    """Forget one, who leaves all conversations; what they wrote stays. `NotFoundError` 50200."""
    await call.backend.users.delete(call.actor, (await lookup.user(call, "Sid")).identity)


def render(call: Call, user: UserRecord) -> JSONObject:
    """Return it as Twilio shows it."""
    url = call.url("Users", user.sid)
    return {
        "sid": user.sid,
        "account_sid": call.account_sid,
        "chat_service_sid": call.backend.service_sid,
        "role_sid": user.role_sid,
        "identity": user.identity,
        "friendly_name": user.friendly_name,
        "attributes": attributes_text(user.attributes),
        "is_online": user.is_online,
        "is_notifiable": user.is_notifiable,
        "date_created": iso(user.date_created),
        "date_updated": iso(user.date_updated),
        "url": url,
        "links": {"user_conversations": f"{url}/Conversations"},
    }


def checked_identity(identity: str | None) -> str:
    """Return *identity* where a new user or participant may have it. `LimitError` 50204 (none), 50206 (a user's sid)."""
    if not identity:
        raise LimitError("Identity not provided", code=50204)
    if lookup.is_sid(identity, "US"):
        raise LimitError("Identity should not match user SID pattern", code=50206)
    return identity


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "users.list": list_,
        "users.create": create,
        "users.fetch": fetch,
        "users.update": update,
        "users.delete": delete,
    }
)
