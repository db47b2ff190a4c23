"""Addresses at which messages come in: ``/Configuration/Addresses``. There are none.

At Twilio, a message to such a number or address begins a conversation. Nothing brings one to ACS Chat; so making an
address is refused, and no other is there to be found.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import NotFoundError, TranslationGapError
from twilio_compat.rest.call import Answer, Call, Handler, Page


async def list_(call: Call) -> Page:
    """Return none."""
    return Page([], None)


async def create(call: Call) -> Answer:
    """Say that there can be none. `TranslationGapError`."""
    raise TranslationGapError(
        f"A message to {call.get('Address', str)} cannot begin a conversation: Azure Communication Services Chat takes "
        "in no SMS, WhatsApp or e-mail. Leave the address with Twilio until it has moved to another product"
    )


async def not_found(call: Call) -> Answer:
    """Say that there is none of this sid. `NotFoundError`."""
    raise NotFoundError(f"Address configuration {call.path['Sid']} not found")


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "configuration.addresses.list": list_,
        "configuration.addresses.create": create,
        "configuration.addresses.fetch": not_found,
        "configuration.addresses.update": not_found,
        "configuration.addresses.delete": not_found,
    }
)
