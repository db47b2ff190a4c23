"""Where a conversation is, on one side, and what things are called there."""

from __future__ import annotations

from dataclasses import dataclass

from twilio_compat.account import AccountBackend, account_actor
from twilio_compat.records import Actor
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.sids import UNMAPPED, Names, SidMap, Sids
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation on one side. ``map`` is empty on ACS, where everything has its public name."""

    pin: Pin
    side: Side
    backend: AccountBackend
    map: SidMap

    @property
    def account(self) -> Actor:
        """The account, as it acts there."""
        return account_actor(self.backend.service_sid)

    @property
    def sid(self) -> str:
        """What the conversation is called there."""
        return self.there.sid(self.pin.conversation_sid)

    @property
    def there(self) -> Names:
        """Says what is called how there, of what has public names."""
        return self.map.twilio

    @property
    def public(self) -> Names:
        """Says what is called how in public, of what has the names there."""
        return self.map.public


async def place_of(pin: Pin, side: Side, sides: Sides, sids: Sids, *, at_once: bool = False) -> Place:
    """Return where a conversation is on *side*; *at_once*: with all names that were given before this call."""
    names = await sids.of(pin, at_once=at_once) if side is Side.TWILIO else UNMAPPED
    return Place(pin, side, sides.of(side), names)
