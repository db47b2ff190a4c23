"""Moving a conversation that is there already: what was written before its mirror began is copied.

Theory of operation
-------------------
There are two moves that need it: from off, where ACS is to have what Twilio has; and back from complete, where Twilio is to
have what was written on ACS since.

1. `Pins.set`, so that nothing takes the conversation back; and `Pins.begin_copy`: from now on what is written is noted for
   the mirror, and waits there (`Pin.copied` is False).
2. The conversation, its members and its messages are compared with what the mirror has, both read as streams from beginning
   to end, and where they differ the mirror is made equal, thing by thing and in order (`twilio_compat.rollout.mirroring.mirror`). So
   where the mirror is, is how far it has come: a process that dies leaves nothing behind, and another one goes on.
3. A write that began before the first step may be under way for as long as a request may take. After that the same is done
   once more; that finds little.
   What is written meanwhile is not copied but carried out after the last step; so a copy ends, however busy it is.
4. Both sides are compared completely (`twilio_compat.rollout.comparing.reconcile`). In a conversation that goes on something always
   differs, but not the same twice with another pass between: what does is told, and the conversation stays as it is.
5. `Pins.all_copied`: what waits is carried out, and the conversation may go on to the stage that was asked for.

One process at a time copies a conversation: it holds a lease, and gives up where it has lost it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from twilio_compat.errors import ServiceUnavailableError, TranslationGapError
from twilio_compat.records import MessageRecord
from twilio_compat.rollout.comparing.reconcile import Report, paired, reconcile
from twilio_compat.rollout.moving.lease import leased
from twilio_compat.rollout.moving.plans import Phase, Plan, Progress, seconds_left
from twilio_compat.rollout.moving.survey import survey, to_be_written
from twilio_compat.rollout.moving.walking import each_message, newest_index
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Entry, What
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.pins import GRACE
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target

AT_ONCE: Final = 10
"""Messages that are sent between two looks at how far it has come: as many as ACS takes at once."""
ROUNDS: Final = 3
"""How often what differs is made equal before it is told."""
REACHED: Final = 120.0
"""Seconds for which the stage that was asked for is waited for."""
PACE: Final = 0.25
"""Seconds between two looks at it."""
TOLD_EVERY: Final = 0.2
"""Seconds between two times that progress is told."""


class Mirroring(Protocol):
    """What makes one side equal to the other: `twilio_compat.rollout.mirroring.mirror.Mirror`."""

    async def apply(self, pin: Pin, side: Side, entry: Entry) -> bool:
        """Make *side* what the other is, in what *entry* names; False: there is more to it."""

    async def send(self, pin: Pin, side: Side, messages: Sequence[MessageRecord]) -> None:
        """Send *side* messages that it does not have, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Time. *clock* is in seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep


class Mover:
    """Moves conversations of one service."""

    def __init__(
        self, office: Office, mirror: Mirroring, *, deadline: float, tools: Tools | None = None
    ) -> None:
        """Move those of *office* with *mirror*. A request takes *deadline* seconds at most."""
        self._office = office
        self._mirror = mirror
        self._deadline = deadline
        self._tools = tools or Tools()

    async def plan(self, conversation_sid: str, stage: Stage) -> Plan:
        """Say what a move would do, having read the conversation on both sides; nothing is written.

        `NotFoundError` 50350 where there is none.
        """
        pin = await self._office.pins.kept(await self._office.target(conversation_sid))
        side = filled(pin, stage)
        wait = self._deadline + GRACE
        plan = Plan(conversation_sid=pin.conversation_sid, stage=stage, now=pin.stage, side=side, wait=wait)
        here = await self._office.place(pin, at_once=True)
        await here.backend.conversations.get(here.account, here.sid)
        return plan if side is None else await survey(self._office, pin, plan)

    async def move(
        self,
        conversation_sid: str,
        stage: Stage,
        *,
        told: Callable[[Progress], None] = lambda _: None,
        release: bool = False,
        plan: Plan | None = None,
    ) -> Report | None:
        """Move a conversation to *stage*; return what both sides have, where something was copied.

        *release*: let the flag count afterwards; it keeps *stage* otherwise. *plan* spares making one. Raises
        `ConflictError` where another process is at it, `TranslationGapError` for what cannot be copied, and
        `ServiceUnavailableError` where both sides stay different, or the stage is not reached; then it can be done again.
        """
        plan = plan or await self.plan(conversation_sid, stage)
        if plan.hindrances:
            raise TranslationGapError(f"{conversation_sid} cannot be moved: {'; '.join(plan.hindrances)}")
        busy = f"{conversation_sid} is being moved by another process, or one has died at it within a minute"
        async with leased(self._office.sides.acs.leases, f"rollout-copy {conversation_sid}", busy=busy):
            report = None
            if plan.side is not None:
                copy = _Copy(self._office, self._mirror, plan, self._tools, told, self._deadline)
                report = await copy.run()
            return await self._step(plan, report, told, release=release)

    async def _step(
        self, plan: Plan, report: Report | None, told: Callable[[Progress], None], *, release: bool
    ) -> Report | None:
        """Go on to the stage that was asked for, and wait until it is reached."""
        sid, total = plan.conversation_sid, plan.messages
        pins, until = self._office.pins, self._tools.clock() + REACHED
        pin = await pins.set(sid, plan.stage)
        while pin.stage is not plan.stage:
            left = max(0.0, until - self._tools.clock())
            told(_progress(plan, Phase.STEPPING, total, 0, left))
            if left == 0.0:
                raise ServiceUnavailableError(
                    f"{sid} is {pin.stage} and not {plan.stage} yet: the other side must be told of everything first "
                    "(twilio-compat rollout outbox)"
                )
            await self._tools.sleep(PACE)
            pin = await pins.of(Target(conversation_sid=sid))
        if release:
            await pins.release(sid)
        told(_progress(plan, Phase.DONE, total, 0, 0.0))
        return report


class _Copy:
    """One copy of one conversation."""

    def __init__(
        self,
        office: Office,
        mirror: Mirroring,
        plan: Plan,
        tools: Tools,
        told: Callable[[Progress], None],
        deadline: float,
    ) -> None:
        self._office = office
        self._mirror = mirror
        self._plan = plan
        self._tools = tools
        self._told = told
        self._deadline = deadline
        self._total = plan.messages
        self._told_at = float("-inf")

    async def run(self) -> Report:
        """Copy, and let what waited be carried out. `ServiceUnavailableError` where both sides stay different."""
        sid = self._plan.conversation_sid
        await self._office.pins.set(
            sid, self._plan.stage
        )  # first: what is wanted so far may be what there is
        pin = await self._office.pins.begin_copy(sid)
        began = self._tools.clock()
        await self._pass(pin)
        await self._wait_until(began + self._deadline + GRACE)
        report = await self._settled(pin)
        await self._office.pins.all_copied(sid)
        return report

    async def _settled(self, pin: Pin) -> Report:
        """Return a report of both sides in which nothing differs that differed before."""
        before: set[tuple[str, str]] | None = None
        for _ in range(ROUNDS):
            await self._pass(pin)
            self._tell(Phase.CHECKING, self._total, 0, 0.0)
            report = await reconcile(self._office, pin)
            differing = {(each.path, each.kind) for each in report.differences if each.kind != "extra"}
            if report.is_complete or (before is not None and before.isdisjoint(differing)):
                return report
            before = differing
        raise ServiceUnavailableError(_words(report))

    async def _pass(self, pin: Pin) -> None:
        """Make the mirror equal, from the beginning to what is the end now; it is closed last."""
        await self._apply(pin, self._entry("conversation"))
        await self._apply(pin, self._entry("participant"))
        here = await self._office.place(pin, at_once=True)
        there = await self._office.place(pin, here.side.other, at_once=True)
        tally, newest = _Tally(self._tools.clock()), await newest_index(here)
        missing: list[MessageRecord] = []
        async with aclosing(each_message(here)) as these, aclosing(each_message(there)) as those:
            async for one, other in paired(these, those):
                if one is not None and one.index > newest:
                    break
                for each in to_be_written(there, one, other):
                    if each is one and other is None:
                        missing.append(each)
                    else:
                        await self._apply(pin, self._entry("message", each))
                        tally.written += 1
                tally.looked += one is not None
                if len(missing) >= AT_ONCE:
                    await self._send(pin, missing, tally)
                self._tell_copying(there.side, tally)
        await self._send(pin, missing, tally)
        self._tell_copying(there.side, tally, at_once=True)
        await self._apply(pin, self._entry("conversation"))

    async def _send(self, pin: Pin, missing: list[MessageRecord], tally: _Tally) -> None:
        if missing:
            await self._mirror.send(pin, pin.decision.authority.other, missing)
            tally.written += len(missing)
            missing.clear()

    async def _apply(self, pin: Pin, entry: Entry) -> None:
        while not await self._mirror.apply(pin, pin.decision.authority.other, entry):
            pass

    def _entry(self, what: What, message: MessageRecord | None = None) -> Entry:
        sid = self._plan.conversation_sid
        if message is None:
            return Entry(what=what, conversation_sid=sid)
        return Entry(what=what, conversation_sid=sid, sid=message.sid, index=message.index)

    async def _wait_until(self, moment: float) -> None:
        while (left := moment - self._tools.clock()) > 0:
            self._tell(Phase.WAITING, self._total, 0, left)
            await self._tools.sleep(min(left, 1.0))

    def _tell_copying(self, side: Side, tally: _Tally, *, at_once: bool = False) -> None:
        self._total = max(self._total, tally.looked)
        left = min(self._total - tally.looked, max(0, self._plan.missing - tally.written))
        seconds = self._tools.clock() - tally.began
        self._tell(
            Phase.COPYING,
            tally.looked,
            tally.written,
            seconds_left(side, left, written=tally.written, seconds=seconds),
            at_once=at_once,
        )

    def _tell(self, phase: Phase, done: int, written: int, left: float, *, at_once: bool = True) -> None:
        now = self._tools.clock()
        if at_once or now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            self._told(_progress(self._plan, phase, done, written, left, total=self._total))


@dataclass(slots=True)
class _Tally:
    """How far a pass has come: when it began, and messages that were looked at and written."""

    began: float
    looked: int = 0
    written: int = 0


def filled(pin: Pin, stage: Stage) -> Side | None:
    """Return which side is to be filled for a conversation to come to *stage*; None: no copy is needed."""
    if pin.copied or (stage is pin.stage and pin.decision.mirror is None):
        return None
    base = Stage.OFF if pin.decision.authority is Side.TWILIO else Stage.COMPLETE
    return None if stage is base else pin.decision.authority.other


def _progress(
    plan: Plan, phase: Phase, done: int, written: int, left: float, *, total: int | None = None
) -> Progress:
    return Progress(
        conversation_sid=plan.conversation_sid,
        phase=phase,
        done=done,
        total=plan.messages if total is None else total,
        written=written,
        seconds_left=left,
    )


def _words(report: Report) -> str:
    shown = ", ".join(f"{each.path} ({each.kind})" for each in report.differences[:3])
    return (
        f"{report.conversation_sid} is not the same on both sides after it was copied: {report.count} differences, such as "
        f"{shown}; it is mirrored from now on, and can be moved again"
    )
