"""Carrying out what the outbox has, each conversation in its order and many at once.

Theory of operation
-------------------
Every process carries out what it has put into the outbox itself, right away. The one that holds the lease sees to what
others have left as well; and it watches (`twilio_compat.rollout.mirroring.watcher`), and has conversations move that
nobody uses. The queue gives a line to one process at a time, and takes it back `HOLD` seconds later; nothing is worked at for
that long. A process that is closed gives back what it has broken off; one that is killed cannot.

What fails is tried again, later each time: what a side refuses, `REFUSALS` times, since it may be a matter of order; what did
not go through, for some hours. Then it is given up, visibly; its line goes on, and the conversation is not handed over
before somebody has seen to it.

What got no answer may still arrive. ACS knows it again; Twilio does not, so there nobody looks for it within `UNCLEAR`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from twilio_compat.account import Errands, Leases, TakenErrand
from twilio_compat.errors import BackendError, ServiceTimeoutError, TwilioCompatError
from twilio_compat.rollout.mirroring.mirror import Mirror
from twilio_compat.rollout.mirroring.watcher import Watcher
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import QUEUES, Entry, entry_of
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.staging.target import Target
from twilio_compat.waiting import first

AT_ONCE: Final = 16
"""Lines that are worked at at a time, of each side."""
HOLD: Final = 150.0
"""Seconds for which a line is held."""
LONGEST: Final = 120.0
"""Seconds that carrying out one entry may take."""
LOOK_EVERY: Final = 0.5
"""Seconds between two looks for what others have put into the outbox."""
NOT_COPIED: Final = timedelta(seconds=5)
"""After how long an entry is looked at again whose conversation is still being copied."""
SWEEP_EVERY: Final = 2.0
LEASE: Final = "rollout"
LEASED: Final = 15.0
"""Seconds for which the lease is held; it is renewed three times as often."""
REFUSALS: Final = 3
ATTEMPTS: Final = 40
"""How often what does not go through is tried: some two hours."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 300.0
UNCLEAR: Final = 15.0
"""Seconds for which what Twilio has not answered may still have an effect there."""
GOODBYE: Final = 2.0
"""Seconds that closing leaves for what waits."""

_log = logging.getLogger(__name__)


class Worker:
    """Carries out the outbox of one service."""

    def __init__(
        self,
        office: Office,
        mirror: Mirror,
        errands: Errands,
        leases: Leases,
        *,
        watcher: Watcher | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Rest until there is something to do."""
        self._office = office
        self._mirror = mirror
        self._errands = errands
        self._leases = leases
        self._watcher = watcher
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._name = uuid4().hex
        self._minds_all = False
        self._woken = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], Side] = {}
        self._broken_off: list[tuple[Side, TakenErrand]] = []
        self._work: asyncio.Task[None] | None = None
        self._looking_after: asyncio.Task[None] | None = None
        self._is_closing = False

    def wake(self) -> None:
        """Look at the outbox now."""
        self._woken.set()
        if self._work is None and not self._is_closing:
            self._work = asyncio.create_task(self._run())

    def look_after(self) -> None:
        """See to what others have left, too, if nobody else does."""
        if self._looking_after is None and not self._is_closing:
            self._looking_after = asyncio.create_task(self._look_after())
            self.wake()

    async def close(self) -> None:
        """Carry out what waits, within `GOODBYE`, and stop; others go on with what is left. Safe to call twice."""
        self._is_closing = True
        self._woken.set()
        if self._looking_after is not None:
            await _cancelled(self._looking_after)
            self._looking_after = None
        work, self._work = self._work, None
        if work is None:
            return
        await asyncio.wait([work], timeout=GOODBYE)
        await _cancelled(work, *self._under_way)
        await self._give_back()

    async def _give_back(self) -> None:
        """Hold what was broken off no longer than it may still have an effect."""
        try:
            async with asyncio.timeout(GOODBYE):
                for side, taken in self._broken_off:
                    pause = UNCLEAR if side is Side.TWILIO else 0.0
                    await self._put_off(taken, timedelta(seconds=pause), "its process has ended")
        except (TwilioCompatError, TimeoutError) as error:
            _log.warning("What is not mirrored yet is gone on with after %g s: %s", HOLD, error)

    async def run_dry(self) -> None:
        """Carry out all that can be carried out now, of whomever; return when nothing is left but what is put off."""
        self._minds_all = True
        self.wake()
        while any([await self._is_due(side) for side in Side]) or self._under_way:
            await self._sleep(0.05)

    async def _is_due(self, side: Side) -> bool:
        due = await self._errands.next_due(QUEUES[side])
        return due is not None and due <= self._now()

    # Carrying out

    async def _run(self) -> None:
        failures = 0
        while True:
            self._woken.clear()
            try:
                is_idle = not any([await self._take(side) for side in Side])
                failures = 0
            except TwilioCompatError as error:
                _log.warning("The outbox of the rollout cannot be read: %s", error)
                is_idle, failures = True, failures + 1
            if self._is_closing and is_idle and not self._under_way:
                return
            if is_idle:
                await self._rest(failures)

    async def _take(self, side: Side) -> bool:
        """Set out with what can be taken for *side*; say whether there was anything."""
        free = AT_ONCE - sum(each is side for each in self._under_way.values())
        if free <= 0:
            return False
        taken = await self._errands.take(QUEUES[side], limit=free, hold=HOLD)
        for each in taken:
            task = asyncio.create_task(self._carry_out(side, each))
            self._under_way[task] = side
            task.add_done_callback(self._ended)
        return bool(taken)

    async def _rest(self, failures: int) -> None:
        pause = min(30.0, 2.0**failures) if failures else await self._until_due()
        if math.isinf(pause):
            await self._woken.wait()
        else:
            await first(self._sleep(pause), self._woken.wait())

    async def _until_due(self) -> float:
        """Return for how long to rest: until something comes due that was put off, and not long where others add, too."""
        dues = [each for side in Side if (each := await self._next_due(side)) is not None]
        left = min(((each - self._now()).total_seconds() for each in dues), default=math.inf)
        longest = LOOK_EVERY if self._minds_all else math.inf
        return max(0.05, min(left, longest))

    async def _next_due(self, side: Side) -> datetime | None:
        try:
            return await self._errands.next_due(QUEUES[side])
        except TwilioCompatError:
            return self._now() + timedelta(seconds=1)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Something is not mirrored, because of a fault in this library", exc_info=error)

    async def _carry_out(self, side: Side, taken: TakenErrand) -> None:
        try:
            await self._try(side, taken)
        except TwilioCompatError as error:
            _log.warning("What became of %s could not be noted: %s", taken.errand.key, error)

    async def _try(self, side: Side, taken: TakenErrand) -> None:
        try:
            async with asyncio.timeout(LONGEST):
                is_done = await self._apply(side, entry_of(taken.errand.content))
        except asyncio.CancelledError:
            self._broken_off.append((side, taken))
            raise
        except (TwilioCompatError, TimeoutError) as error:
            await self._failed(side, taken, error)
        except Exception as error:  # a fault of ours, which `_ended` logs
            await self._again(taken, repr(error), pause=LONGEST_PAUSE, attempts=ATTEMPTS)
            raise
        else:
            if is_done is None:
                await self._put_off(taken, NOT_COPIED, "is being copied")
            elif is_done:
                await self._errands.done(taken.errand_id)
            else:
                await self._put_off(taken, timedelta(0), "there is more")

    async def _put_off(self, taken: TakenErrand, pause: timedelta, why: str) -> None:
        await self._errands.retry(taken.errand_id, at=self._now() + pause, error=why, is_failure=False)

    async def _apply(self, side: Side, entry: Entry) -> bool | None:
        """Carry out an entry. False: there is more to it. None: not yet, since the conversation is being copied."""
        if not entry.conversation_sid:
            return await self._mirror.apply(None, side, entry)
        if entry.is_late:  # it is due now, and waits for its turn like any other
            await self._office.outbox.add(side, replace(entry, is_late=False))
            return True
        pin = await self._pin(side, entry.conversation_sid)
        if pin.decision.authority is side:
            _log.warning(
                "%s has the authority over %s by now, and is told nothing", side, entry.conversation_sid
            )
            return True
        if pin.decision.mirror is side and not pin.copied:
            return None
        return await self._mirror.apply(pin, side, entry)

    async def _pin(self, side: Side, conversation_sid: str) -> Pin:
        """Return the pin, read now where *side* was no mirror a moment ago: it may be one since whoever wrote looked."""
        target = Target(conversation_sid=conversation_sid, service=self._office.service_sid)
        pin = await self._office.pins.of(target)
        return pin if pin.decision.mirror is side else await self._office.pins.kept(target)

    async def _failed(self, side: Side, taken: TakenErrand, error: Exception) -> None:
        is_passing = isinstance(error, BackendError | TimeoutError)
        is_unclear = side is Side.TWILIO and isinstance(error, ServiceTimeoutError | TimeoutError)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(taken.attempts, 16)) * (0.5 + self._chance())
        await self._again(
            taken,
            f"{type(error).__name__}: {error}",
            pause=max(pause, UNCLEAR) if is_unclear else pause,
            attempts=ATTEMPTS if is_passing else REFUSALS,
        )

    async def _again(self, taken: TakenErrand, error: str, *, pause: float, attempts: int) -> None:
        """Have what failed tried again, or give it up where it has had so many *attempts*."""
        errand = taken.errand
        if taken.attempts + 1 >= attempts:
            _log.error("%s: an entry of %s is given up: %s", errand.queue, errand.line, error)
            await self._errands.bury(taken.errand_id, error=error)
            return
        _log.info("%s: an entry of %s is tried again later: %s", errand.queue, errand.line, error)
        await self._errands.retry(taken.errand_id, at=self._now() + timedelta(seconds=pause), error=error)

    # Looking after

    async def _look_after(self) -> None:
        try:
            while True:
                if await self._holds():
                    await self._mind()
                await self._sleep(LEASED / 3)
        finally:
            with suppress(TwilioCompatError):
                await self._leases.release(LEASE, self._name)

    async def _holds(self) -> bool:
        try:
            return await self._leases.hold(LEASE, self._name, seconds=LEASED)
        except TwilioCompatError as error:
            _log.warning("Which process sees to the rollout is unknown: %s", error)
            return False

    async def _mind(self) -> None:
        """See to everything as long as the lease is held."""
        self._minds_all = True
        self.wake()
        tasks = [asyncio.create_task(self._sweep())]
        if self._watcher is not None:
            tasks.append(asyncio.create_task(self._watch(self._watcher)))
        try:
            while await self._holds():
                await self._sleep(LEASED / 3)
        finally:
            self._minds_all = False
            await _cancelled(*tasks)

    async def _sweep(self) -> None:
        while True:
            try:
                await self._office.pins.sweep()
                for side, queue in QUEUES.items():
                    self._office.telemetry.outbox(queue, await self._office.outbox.backlog(side))
            except TwilioCompatError as error:
                _log.warning("Conversations of the rollout cannot be moved now: %s", error)
            await self._sleep(SWEEP_EVERY)

    async def _watch(self, watcher: Watcher) -> None:
        while True:
            try:
                await watcher.run()
            except* TwilioCompatError as errors:
                _log.warning("What is done past the library is not seen for now: %s", errors.exceptions[0])
            await self._sleep(5.0)


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks, and wait for their end."""
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
