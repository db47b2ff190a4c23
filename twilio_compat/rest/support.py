"""How far each operation goes: what the compatibility table is made of.

What is not listed is acted on as at Twilio. ``kept`` is taken, returned, and not acted on, since nothing here could;
``refused`` raises an error that says so, since pretending would lose something that an application counts on. A reason
beside ``supported`` names the part that is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Status: TypeAlias = Literal["supported", "kept", "refused"]


@dataclass(frozen=True, slots=True)
class Support:
    """How far an operation goes, and what is to be known of it, in one sentence."""

    status: Status
    reason: str = ""


SUPPORTED: Final = Support("supported")

_PUSH: Final = Support(
    "kept", "ACS pushes nothing to Twilio's mobile SDKs, so no notification is ever made of it."
)
_CREDENTIAL: Final = Support(
    "kept", "Nothing is pushed with it: its type and names are kept, its certificate and keys are not."
)
_BINDING: Final = Support(
    "supported",
    "These are the devices that client SDKs registered, for a push service of your own; `credential_sid` is null and "
    "`message_types` is empty.",
)
_NO_ADDRESS: Final = Support("supported", "There is none, since none can be made.")
_SCOPED_WEBHOOK: Final = Support(
    "supported",
    "The target `studio` is refused, since there is no Studio to run the flow; pre-events are refused as at Twilio.",
)

SUPPORT: Final[Mapping[str, Support]] = MappingProxyType(
    {
        "configuration.fetch": SUPPORTED,
        "configuration.update": Support(
            "supported",
            "The default timers are given to conversations that are made over REST. `DefaultMessagingServiceSid` is "
            "kept; `DefaultChatServiceSid` is refused, since a setting says which service that is.",
        ),
        "configuration.webhooks.update": Support("supported", "`Target` is kept: there is no Flex."),
        "configuration.addresses.list": _NO_ADDRESS,
        "configuration.addresses.create": Support(
            "refused",
            "ACS Chat takes in no SMS, WhatsApp or e-mail, so the address would never begin a conversation.",
        ),
        "configuration.addresses.fetch": _NO_ADDRESS,
        "configuration.addresses.update": _NO_ADDRESS,
        "configuration.addresses.delete": _NO_ADDRESS,
        "credentials.create": _CREDENTIAL,
        "credentials.fetch": _CREDENTIAL,
        "credentials.list": _CREDENTIAL,
        "credentials.update": _CREDENTIAL,
        "credentials.delete": _CREDENTIAL,
        "services.bindings.list": _BINDING,
        "services.bindings.fetch": _BINDING,
        "services.bindings.delete": _BINDING,
        "services.configuration.update": Support(
            "supported", "`ReachabilityEnabled` counts for users who connect from then on."
        ),
        "services.configuration.notifications.fetch": _PUSH,
        "services.configuration.notifications.update": _PUSH,
        "webhooks.create": _SCOPED_WEBHOOK,
        "webhooks.update": _SCOPED_WEBHOOK,
        "media.content": Support(
            "supported",
            "The answer leads to where the bytes are for a while (307), as most HTTP clients follow.",
        ),
    }
)
"""What is to be known of single operations, by ``resource.verb``."""


def support(key: str) -> Support:
    """Return how far the operation ``resource.verb`` goes."""
    return SUPPORT.get(key, SUPPORTED)
