"""Two ACS resources, each with an emulator and a store, as the sides of a rollout: both can be looked at, and are fast."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment
from tests.rollout.clock import Clock
from twilio_compat.records import MediaRecord
from twilio_compat.rollout.comparing.shadow import Shadow
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Outbox
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.sids import Sids
from twilio_compat.rollout.staging.kill_switch import KillSwitch
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.pins import Pins
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target
from twilio_compat.rollout.telemetry import Telemetry

SERVICE_SID = "IS" + "7" * 32


class Flag:
    """Says what a test has set."""

    answer: Stage | None = None

    async def stage(self, target: Target) -> Stage | None:
        return self.answer

    async def close(self) -> None: ...


class SameRoles:
    """Roles that are called the same everywhere."""

    async def public(self, side: Side, role_sid: str) -> str:
        return role_sid

    async def there(self, side: Side, role_sid: str) -> str:
        return role_sid

    async def close(self) -> None: ...


async def _carried(_: Sides, __: Side, media: MediaRecord) -> MediaRecord:
    return media


@dataclass
class TwoSides:
    """Both sides, and what knows where a conversation is. Time stands still until somebody sleeps."""

    twilio: AcsBackend
    acs: AcsBackend
    clock: Clock
    flag: Flag
    sids: Sids
    office: Office

    def another_office(self) -> Office:
        """Return that of another process."""
        return _office(Sides(twilio=self.twilio, acs=self.acs), self.clock, self.flag)


def _office(sides: Sides, clock: Clock, flag: Flag) -> Office:
    documents = sides.acs.documents
    outbox = Outbox(sides.acs.errands, now=clock.now)

    async def drained(pin: Pin, side: Side) -> bool:
        return await outbox.drained(pin.conversation_sid, side)

    switch = KillSwitch(documents, clock=clock, now=clock.now)
    pins = Pins(documents, flag, switch, drained, clock=clock, now=clock.now, sleep=clock.sleep)
    sids = Sids(documents, clock=clock)
    return Office(sides, pins, sids, outbox, SameRoles(), _carried, Shadow(), Telemetry(), clock=clock)


@asynccontextmanager
async def two_sides(directory: Path, clock: Clock | None = None) -> AsyncIterator[TwoSides]:
    """Run both for as long as the context lasts, by *clock* if a test has its own."""
    with Emulator() as one, Emulator() as other:
        async with (
            Deployment(one, f"sqlite:///{directory / 'twilio.db'}") as twilio,
            Deployment(other, f"sqlite:///{directory / 'acs.db'}") as acs,
        ):
            here, there = twilio.backend(service_sid=SERVICE_SID), acs.backend(service_sid=SERVICE_SID)
            clock, flag = clock or Clock(), Flag()
            office = _office(Sides(twilio=here, acs=there), clock, flag)
            yield TwoSides(here, there, clock, flag, office.sids, office)
            await office.close()
