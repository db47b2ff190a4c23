"""Whether both sides say the same: what was read from the authority is read from the mirror as well, and compared.

Theory of operation
-------------------
`Shadow.watch` is called after a read, and returns at once. Of the conversations whose stage says so a sample is repeated
at the mirror, in a task of its own, `UNDER_WAY` at a time; what comes while all are busy is dropped, and counted.

A mirror is told later than the authority, and things go on while both are asked. So a first difference says little:

1. Nothing is asked of a mirror as long as something of the conversation waits to be told to it.
2. Where both differ, both are asked once more, the authority first. What differs then, too, in the same place, counts,
3. if still nothing waits, and the conversation is in the stage in which it was.

What does not count is `Counts.lagging`. A side that fails, or that cannot be asked for such a thing, is no mismatch
either: failures are measured where calls are. Nothing that goes wrong here is ever raised; the log says it.

News are compared likewise (`Shadow.told`, `twilio_compat.rollout.comparing.streams`), conversation by conversation, once they rest.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from twilio_compat.errors import AnswerError, BackendError, TwilioCompatError
from twilio_compat.events import Event
from twilio_compat.rollout.comparing.comparison import Difference, compare
from twilio_compat.rollout.comparing.mismatches import Mismatches
from twilio_compat.rollout.comparing.streams import QUIET, Streams, Window, compare_told
from twilio_compat.rollout.outbox import Outbox
from twilio_compat.rollout.place import Place, place_of
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.sids import Sids
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.pins import Pins
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.staging.target import Target
from twilio_compat.rollout.telemetry import Role, Telemetry
from twilio_compat.settings import Settings

UNDER_WAY: Final = 8
"""Comparisons at once."""
EVENTS: Final = "events"
"""The operation that mismatches of news are of."""

Repeat = Callable[[Place], Awaitable[object]]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What became of the comparisons of one process: how many were alike or not, and why others came to nothing."""

    alike: int = 0
    differing: int = 0
    lagging: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a shadow compares with. *sample* is a share, from 0 to 1; *clock* is monotonic, in seconds."""

    sides: Sides
    sids: Sids
    pins: Pins
    outbox: Outbox
    telemetry: Telemetry
    mismatches: Mismatches
    sample: float = 0.1
    ignore: Collection[str] = ()
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep

    @property
    def is_on(self) -> bool:
        """Whether anything is compared."""
        return self.sample > 0

    async def place(self, pin: Pin, side: Side) -> Place:
        """Return where a conversation is on *side*, with all names that were given by now."""
        return await place_of(pin, side, self.sides, self.sids, at_once=True)

    async def is_level(self, pin: Pin) -> bool:
        """Say whether a conversation is where *pin* says, and nothing of it waits for the mirror."""
        now = await self.pins.of(pin.about)
        if (now.stage, now.since) != (pin.stage, pin.since) or pin.decision.mirror is None:
            return False
        return await self.outbox.drained(pin.conversation_sid, pin.decision.mirror)


def ignored(settings: Settings) -> Collection[str]:
    """Return the fields that the setting ``rollout_ignore`` names."""
    return frozenset(name for each in (settings.rollout_ignore or "").split(",") if (name := each.strip()))


class Shadow:
    """The comparisons of one service, in one process. Belongs to the event loop in which it is first used."""

    def __init__(self, means: Means | None = None) -> None:
        """Compare with *means*; without, nothing."""
        self._means = means if means is not None and means.is_on else None
        self.counts = Counts()
        self._under_way: set[asyncio.Task[None]] = set()
        self._streams = Streams()
        self._looking: asyncio.Task[None] | None = None

    # Answers

    def watch(self, place: Place, operation: str, answer: object, repeat: Repeat) -> None:
        """Have *operation* repeated at the mirror of *place*, if it is to be compared, and its outcome with *answer*."""
        if self._means is None or not place.pin.decision.compared or isinstance(answer, BackendError):
            return
        if self._means.chance() >= self._means.sample:
            return
        if len(self._under_way) >= UNDER_WAY:
            self.counts.dropped += 1
            return
        self._begin(self._watch(self._means, place, _Call(operation, answer, repeat)))

    async def idle(self) -> None:
        """Return when all comparisons of answers that have begun are done."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self) -> None:
        """Compare nothing any more. Safe to call twice."""
        self._means = None
        tasks = [*self._under_way] if self._looking is None else [*self._under_way, self._looking]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # News

    def told(self, side: Side, event: Event, listener: str = "") -> None:
        """Note what the subscription of *listener* at *side* tells, in public names, to be compared when it rests."""
        if self._means is None or not self._streams.note(side, listener, event, self._means.clock()):
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(self._means))

    async def _look(self, means: Means) -> None:
        while self._streams:
            await means.sleep(QUIET / 2)
            for (listener, sid), window in self._streams.take(means.clock()):
                with _Quietly(self.counts, EVENTS):
                    if not await self._compare_news(means, sid, window):
                        self._streams.give_back((listener, sid), window, means.clock())

    async def _compare_news(self, means: Means, sid: str, window: Window) -> bool:
        """Compare a window, if its conversation is compared. False: it is to go on, since the mirror is behind."""
        pin = await means.pins.of(Target(conversation_sid=sid))
        if not pin.decision.compared or window.is_long:
            return True
        here, there = pin.decision.authority, pin.decision.authority.other
        names = (await means.place(pin, Side.TWILIO)).public
        told = {side: [each.called(names.sid(each.sid)) for each in window.told[side]] for side in Side}
        differences = compare_told(told[here], told[there])
        if not differences:
            self.counts.alike += 1
        elif not await means.is_level(pin):
            self.counts.lagging += 1
            return False
        else:
            await self._found(means, pin, EVENTS, differences)
        return True

    # Comparing

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _watch(self, means: Means, place: Place, call: _Call) -> None:
        with _Quietly(self.counts, call.operation):
            await self._compare(means, place, call)

    async def _compare(self, means: Means, place: Place, call: _Call) -> None:
        if not await means.is_level(place.pin):
            self.counts.lagging += 1
            return
        other = await means.place(place.pin, place.side.other)
        first = compare(call.answer, await call.at(means, other), ignore=means.ignore)
        if not first:
            self.counts.alike += 1
            return
        again = await means.place(place.pin, place.side)
        answer = await call.at(means, again)
        second = compare(answer, await call.at(means, other), ignore=means.ignore)
        differences = _still(second, first)
        if not differences or not await means.is_level(place.pin):
            self.counts.lagging += 1
            return
        await self._found(means, place.pin, call.operation, differences)

    async def _found(self, means: Means, pin: Pin, operation: str, differences: Sequence[Difference]) -> None:
        self.counts.differing += 1
        mirror = pin.decision.authority.other
        for kind in sorted({each.kind for each in differences}):
            means.telemetry.mismatch(mirror, operation, kind)
        await means.mismatches.note(pin.conversation_sid, operation, pin.stage, mirror, differences)


@dataclass(frozen=True, slots=True)
class _Call:
    """A read that was made, what it said, and how to make it again."""

    operation: str
    answer: object
    repeat: Repeat

    async def at(self, means: Means, place: Place) -> object:
        """Return what the read says at *place*, a refusal included; raises a failure."""
        try:
            with means.telemetry.call(place.side, self.operation, Role.SHADOW):
                return await self.repeat(place)
        except BackendError:
            raise
        except AnswerError as error:
            return error


def _still(differences: Sequence[Difference], before: Sequence[Difference]) -> Sequence[Difference]:
    """Return those of the differences that were there before."""
    seen = {(each.path, each.kind) for each in before}
    return [each for each in differences if (each.path, each.kind) in seen]


class _Quietly:
    """A block whose failure is counted, and told to the log alone."""

    def __init__(self, counts: Counts, operation: str) -> None:
        self._counts = counts
        self._operation = operation

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self._counts.failed += 1
        if isinstance(error, TwilioCompatError):
            _log.info("%s could not be compared: %s", self._operation, error)
        else:
            _log.warning("%s could not be compared", self._operation, exc_info=error)
        return True
