"""How a rollout is put together."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime

from twilio_compat.rollout.comparing.mismatches import Mismatches
from twilio_compat.rollout.comparing.shadow import Means, Shadow, ignored
from twilio_compat.rollout.mirroring.carry import carry
from twilio_compat.rollout.mirroring.mirror import Mirror
from twilio_compat.rollout.mirroring.roles import RoleMap
from twilio_compat.rollout.mirroring.tail import Tails
from twilio_compat.rollout.mirroring.watcher import Watcher
from twilio_compat.rollout.mirroring.worker import Worker
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Outbox
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.sids import Sids
from twilio_compat.rollout.staging.flag import Flag
from twilio_compat.rollout.staging.kill_switch import KillSwitch
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.pins import Pins
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.telemetry import Telemetry
from twilio_compat.settings import Settings


@dataclass(frozen=True, slots=True)
class Tools:
    """Time, chance, and what measures; a test has its own.

    ``clock`` is monotonic, in seconds; ``chance`` is from 0 to 1.
    """

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    telemetry: Callable[[], Telemetry] = Telemetry


@dataclass(frozen=True, slots=True)
class Shared:
    """What the rollouts of all services share. ``root`` is the default service's sides."""

    root: Sides
    settings: Settings
    flag: Flag
    switch: KillSwitch
    telemetry: Telemetry
    tools: Tools

    async def close(self) -> None:
        """Ask nobody any more. Safe to call twice."""
        await self.switch.close()
        await self.flag.close()
        self.telemetry.close()


def shared(root: Sides, settings: Settings, flag: Flag, tools: Tools) -> Shared:
    """Return what all services share."""
    switch = KillSwitch(root.acs.documents, clock=tools.clock, now=tools.now)
    return Shared(root, settings, flag, switch, tools.telemetry(), tools)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the rollout of one service is made of."""

    office: Office
    mirror: Mirror
    worker: Worker
    mismatches: Mismatches


def assemble(sides: Sides, shared: Shared) -> Parts:
    """Put the rollout of one service together. What stands on the office is told to what stands below it, by `_Later`."""
    later = _Later()
    outbox = Outbox(sides.acs.errands, now=shared.tools.now, added=later.wake)
    pins = _pins(sides, shared, later)
    sids = Sids(sides.acs.documents, clock=shared.tools.clock)
    mismatches = _mismatches(sides, shared)
    office = Office(
        sides,
        pins,
        sids,
        outbox,
        RoleMap(sides, clock=shared.tools.clock),
        carry,
        _shadow(sides, shared, mismatches, pins, sids, outbox),
        shared.telemetry,
        clock=shared.tools.clock,
    )
    tails = later.tails = Tails(office)
    mirror = Mirror(office, clock=shared.tools.clock)
    worker = later.worker = _worker(office, mirror, tails, shared.tools)
    return Parts(office, mirror, worker, mismatches)


class _Later:
    """Calls what is there only when everything else is."""

    tails: Tails
    worker: Worker | None = None

    async def drained(self, pin: Pin, side: Side) -> bool:
        return await self.tails.drained(pin, side)

    def wake(self) -> None:
        if self.worker is not None:
            self.worker.look_after()
            self.worker.wake()


def _pins(sides: Sides, shared: Shared, later: _Later) -> Pins:
    tools = shared.tools
    return Pins(
        sides.acs.documents,
        shared.flag,
        shared.switch,
        later.drained,
        clock=tools.clock,
        now=tools.now,
        sleep=tools.sleep,
    )


def _mismatches(sides: Sides, shared: Shared) -> Mismatches:
    return Mismatches(
        sides.acs.documents,
        shows_bodies=shared.settings.rollout_bodies == "on",
        clock=shared.tools.clock,
        now=shared.tools.now,
    )


def _shadow(
    sides: Sides, shared: Shared, mismatches: Mismatches, pins: Pins, sids: Sids, outbox: Outbox
) -> Shadow:
    tools = shared.tools
    return Shadow(
        Means(
            sides=sides,
            sids=sids,
            pins=pins,
            outbox=outbox,
            telemetry=shared.telemetry,
            mismatches=mismatches,
            sample=shared.settings.rollout_sample,
            ignore=ignored(shared.settings),
            chance=tools.chance,
            clock=tools.clock,
            sleep=tools.sleep,
        )
    )


def _worker(office: Office, mirror: Mirror, tails: Tails, tools: Tools) -> Worker:
    return Worker(
        office,
        mirror,
        office.sides.acs.errands,
        office.sides.acs.leases,
        watcher=Watcher(office, tails, clock=tools.clock, sleep=tools.sleep),
        now=tools.now,
        sleep=tools.sleep,
        clock=tools.clock,
        chance=tools.chance,
    )
