"""What holds in a service: ``/Services/IS.../Configuration``: the roles of who was given none, and reachability."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.account import RoleDefaultsChanges
from twilio_compat.records import JSONObject
from twilio_compat.rest.call import Call, Handler


async def fetch(call: Call) -> JSONObject:
    """Return it."""
    roles = await call.backend.roles.defaults()
    return {
        "chat_service_sid": call.backend.service_sid,
        "default_conversation_creator_role_sid": roles.conversation_creator,
        "default_conversation_role_sid": roles.conversation,
        "default_chat_service_role_sid": roles.service,
        "reachability_enabled": await call.backend.reachability.is_on(),
        "url": call.url("Configuration"),
        "links": {
            "notifications": call.url("Configuration", "Notifications"),
            "webhooks": call.url("Configuration", "Webhooks"),
        },
    }


async def update(call: Call) -> JSONObject:
    """Change what was given of it. `NotFoundError` 50100, 50109: no such role."""
    changes = RoleDefaultsChanges(
        conversation_creator=call.change("DefaultConversationCreatorRoleSid", str),
        conversation=call.change("DefaultConversationRoleSid", str),
        service=call.change("DefaultChatServiceRoleSid", str),
    )
    await call.backend.roles.set_defaults(changes)
    enabled = call.get("ReachabilityEnabled", bool)
    if enabled is not None:
        await call.backend.reachability.switch(enabled)
    return await fetch(call)


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {"services.configuration.fetch": fetch, "services.configuration.update": update}
)
