"""Two ACS resources, each with an emulator and a store, as the sides of a rollout: what is the same on both is asked fast."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.pin import Pin
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.sids import UNMAPPED, Sids
from twilio_compat.rollout.stages import Side

SERVICE_SID = "IS" + "7" * 32


@dataclass
class TwoSides:
    """Both sides, and what knows where a conversation is."""

    twilio: AcsBackend
    acs: AcsBackend
    sids: Sids

    @property
    def office(self) -> Office:
        """Return what stands in for the office: places alone."""
        return cast(Office, self)

    async def place(self, pin: Pin, side: Side | None = None, *, at_once: bool = False) -> Place:
        side = side or pin.decision.authority
        names = await self.sids.of(pin, at_once=at_once) if side is Side.TWILIO else UNMAPPED
        return Place(pin, side, Sides(twilio=self.twilio, acs=self.acs).of(side), names)


@asynccontextmanager
async def two_sides(directory: Path) -> AsyncIterator[TwoSides]:
    """Run both for as long as the context lasts."""
    with Emulator() as one, Emulator() as other:
        async with (
            Deployment(one, f"sqlite:///{directory / 'twilio.db'}") as twilio,
            Deployment(other, f"sqlite:///{directory / 'acs.db'}") as acs,
        ):
            there = acs.backend(service_sid=SERVICE_SID)
            yield TwoSides(twilio.backend(service_sid=SERVICE_SID), there, Sids(there.documents))
