"""Where a conversation is, on one side, and what things are called there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from twilio_compat.account import AccountBackend, account_actor
from twilio_compat.records import Actor, ParticipantRecord
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

    def as_read(self, participant: ParticipantRecord) -> ParticipantRecord:
        """Return a member, who is known from the other side, with their read horizon as exact as it can be said there.

        Whoever has read nothing but what is not there has read nothing, at no time.
        """
        horizon = self.public.horizon(self.there.horizon(participant.last_read_message_index))
        read_at = None if horizon is None else participant.last_read_timestamp
        return replace(participant, last_read_message_index=horizon, last_read_timestamp=read_at)


async def place_of(pin: Pin, side: Side, sides: Sides, sids: Sids, *, at_once: bool = False) -> Place:
    """Return where a conversation is on *side*; *at_once*: with all names that were given before this call."""
    names = await sids.of(pin, at_once=at_once) if side is Side.TWILIO else UNMAPPED
    return Place(pin, side, sides.of(side), names)
