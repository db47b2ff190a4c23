"""Which stage each conversation is in: read before every call, so that a read costs nothing most of the time.

Theory of operation
-------------------
A conversation that is made gets the stage that the flag names for it (`Pins.new`), and keeps that as its pin (`Pins.pin`).
One that was there before has no pin, and is off. `Pins.of` tells the pin as it was at most a second ago. Whenever it is
read it evolves by one step (`twilio_compat.rollout.staging.pin.evolve`): towards what the flag says by then, or to off where the
rollout is killed. Pins are documents, each changed in one transaction and only by who has seen what is there; so of two
processes that would move one at once, one does, and the other finds it moved.

Between two looks another process may have moved a conversation, and a write may go where it should not any more. Three
rules see to it that this never matters where it could, which is where the authority changes:

1. Who writes takes the pin with `Pins.for_writing`, which waits while the conversation is handed over; notes durably
   what is to be mirrored; and only then writes, if `Pins.is_current` still says so. Otherwise it begins again.
2. A handover is finished at the earliest `SETTLING` seconds after it is seen. No process has a pin from before that is
   still current then, so all writes that may have begun under it were noted, and are seen by
3. ``drained``, which must say whether nothing is noted any more that is to be mirrored to the side in question. Only if
   so, that side gets the authority. A handover that takes longer than `LONGEST` seconds is given up, and tried again
   later; those who wait go on where they were.

A pin goes on whenever somebody looks at it. `Pins.sweep` looks at all of them, for those that nobody uses.

A move from off, or back from complete, is for `Pins.begin_copy` and `Pins.all_copied`. Between the two, what is written
is noted for the mirror and has to wait there (`Pin.copied` is False) until what came before is copied. A write that
began before the first of the two is not noted, and may still be under way for as long as a request may take: whoever
copies looks once more at the end of the conversation after that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

from twilio_compat.account import Documents
from twilio_compat.records import JSONObject
from twilio_compat.rollout.staging.fresh import LASTS, Fresh
from twilio_compat.rollout.staging.kill_switch import KillSwitch
from twilio_compat.rollout.staging.pin import (
    Pin,
    all_copied,
    begun,
    evolve,
    from_content,
    given_up,
    handed_over,
    pinned,
    to_content,
)
from twilio_compat.rollout.staging.stages import DECISIONS, Side, Stage
from twilio_compat.rollout.staging.target import Flag, Target

KIND: Final = "rollout-pin"
"""The kind of their documents; the name is the sid of the conversation."""
LIVE: Final = ("rollout", "live")
"""Kind and name of the document that is there once ACS was to have the authority over any conversation."""
GRACE: Final = 2.0
"""Seconds for which a write may go by a pin."""
SETTLING: Final = 2.5
"""Seconds that a handover takes at least: more than `GRACE`, since no two clocks run alike."""
LONGEST: Final = 10.0
"""Seconds after which a handover is given up."""
PACE: Final = 0.1
"""Seconds between two looks of who waits for one."""
SWEPT_AT: Final = 4096
"""Conversations that are known before those that were not asked for lately are forgotten."""
SWEPT_AT_ONCE: Final = 16
"""Conversations that a sweep moves at a time."""

Drained: TypeAlias = Callable[[Pin, Side], Awaitable[bool]]
"""Says whether nothing waits to be mirrored from a conversation to a side; what was given up waits, too."""

_log = logging.getLogger(__name__)


class Pins:
    """The pins of one service, as one process sees them. Belongs to the event loop in which it is first used."""

    def __init__(
        self,
        documents: Documents,
        flag: Flag,
        switch: KillSwitch,
        drained: Drained,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep,
    ) -> None:
        """Keep them among *documents*, the service's. *clock* is monotonic, in seconds; *now* dates what changes."""
        self._documents = documents
        self._flag = flag
        self._switch = switch
        self._drained = drained
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._known: dict[str, _Known] = {}
        self._sweep_at = SWEPT_AT
        self._is_live = False

    # Conversations that are made

    async def new(self, target: Target) -> Stage:
        """Return the stage in which to make a conversation: what the flag says; off without an answer, or killed."""
        if await self._switch.state() is not None:
            return Stage.OFF
        return await self._flag.stage(target) or Stage.OFF

    async def pin(self, target: Target, stage: Stage) -> Pin:
        """Pin a conversation that is made in *stage*, and return its pin; where it has one already, that one.

        One that ACS is to have must be pinned before it is made there, since without a pin it is looked for at Twilio.
        """
        new = pinned(target, stage, self._now())
        await self._note_live(new)
        return await self._change(_sid(target), lambda old: new if old is None else old)

    async def forget(self, conversation_sid: str) -> None:
        """Forget the pin of a conversation that is gone."""
        await self._documents.delete(KIND, conversation_sid)
        if (known := self._known.pop(conversation_sid, None)) is not None:
            await known.pin.close()

    # Conversations that are there

    async def of(self, target: Target) -> Pin:
        """Return the pin of a conversation, at most a second old. Raises what the store raises where it must be read."""
        return await self._of(target, LASTS)

    async def for_writing(self, target: Target) -> Pin:
        """Return the pin to write by, as soon as the conversation is not being handed over; then see `is_current`."""
        pin = await self.of(target)
        while pin.towards is not None:
            await self._sleep(PACE)
            pin = await self._of(target, PACE)
        return pin

    async def kept(self, target: Target) -> Pin:
        """Return the pin of a conversation as it is kept: for who looks, and is not to move it by that."""
        document = await self._documents.get(KIND, _sid(target))
        return Pin(about=target) if document is None else from_content(document.name, document.content)

    def is_current(self, pin: Pin) -> bool:
        """Say whether to write by *pin*, now that what is to be mirrored was noted; otherwise take it once more."""
        known = self._known.get(pin.conversation_sid)
        return known is not None and known.pin.last == pin and known.pin.age < GRACE

    async def list(self) -> Sequence[Pin]:
        """Return all pins there are, in the order in which they were made."""
        return [from_content(each.name, each.content) for each in await self._documents.list(KIND)]

    async def sweep(self) -> None:
        """Look at all pins, so that those move, too, whose conversations nobody uses.

        All are read at once; only those that are to move are looked at one by one, some at a time.
        """
        killed = await self._switch.state() is not None
        moving = [each for each in await self.list() if await self._is_to_move(each, killed=killed)]
        for place in range(0, len(moving), SWEPT_AT_ONCE):
            await asyncio.gather(*(self.of(each.about) for each in moving[place : place + SWEPT_AT_ONCE]))

    @property
    def knows_live(self) -> bool:
        """Whether this process itself has had ACS get the authority over a conversation."""
        return self._is_live

    async def ever_live(self) -> bool:
        """Say whether ACS has, or had, the authority over any conversation, or is about to."""
        return self._is_live or await self._documents.get(*LIVE) is not None

    # What an operator says

    async def set(self, conversation_sid: str, stage: Stage) -> Pin:
        """Have a conversation go to *stage* whatever the flag says, until `release`; return its pin after the first step."""
        return await self._amend(conversation_sid, lambda pin: replace(pin, wanted=stage, held=True))

    async def release(self, conversation_sid: str) -> Pin:
        """Let the flag count again."""
        return await self._amend(conversation_sid, lambda pin: replace(pin, held=False))

    async def begin_copy(self, conversation_sid: str) -> Pin:
        """Have writes noted for the mirror, which is then to be filled; nothing where they are noted already."""
        return await self._amend(conversation_sid, lambda pin: begun(pin, self._now()))

    async def all_copied(self, conversation_sid: str) -> Pin:
        """Note that the mirror has everything, so that the conversation may go on; nothing where mirroring has ended."""
        return await self._amend(conversation_sid, all_copied)

    async def close(self) -> None:
        """Look at nothing any more."""
        known, self._known = self._known, {}
        await asyncio.gather(*(each.pin.close() for each in known.values()))

    async def _of(self, target: Target, lasts: float) -> Pin:
        killed = await self._switch.state() is not None
        known = self._known_of(target)
        if known.killed is not killed:
            known.pin.forget()
            known.killed = killed
        return await known.pin.get(lasts)

    async def _amend(self, conversation_sid: str, change: Callable[[Pin], Pin]) -> Pin:
        """Change a pin, and look at it."""
        known = self._known.get(conversation_sid)
        target = Target(conversation_sid=conversation_sid) if known is None else known.target
        await self._change(conversation_sid, lambda old: change(old or Pin(about=target)))
        self._known_of(target).pin.forget()
        return await self.of(target)

    async def _is_to_move(self, pin: Pin, *, killed: bool) -> bool:
        answer = None if killed or pin.held else await self._flag.stage(pin.about)
        return pin.towards is not None or evolve(pin, answer, killed=killed, now=self._now()) != pin

    async def _evaluate(self, known: _Known) -> Pin:
        """Read a pin, let it evolve by one step, and keep what came of it, unless another process was faster."""
        killed = await self._switch.state() is not None
        document = await self._documents.get(KIND, _sid(known.target))
        found = None if document is None else from_content(document.name, document.content)
        pin = Pin(about=known.target) if found is None else found
        answer = None if killed or pin.held else await self._flag.stage(pin.about)
        after = evolve(pin, answer, killed=killed, now=self._now())
        if pin.towards is not None and after.towards is pin.towards:
            after = await self._hand_over(known, after)
        if after != pin:
            await self._note_live(after)
            unpinned = Pin(about=known.target)
            after = await self._change(
                _sid(known.target), lambda old: after if old == found else old or unpinned
            )
        known.killed = killed
        known.sees(after, self._clock())
        return after

    async def _hand_over(self, known: _Known, pin: Pin) -> Pin:
        """Return the pin after the handover if that is over by now, or took too long."""
        passed = known.handed_over_for(pin, self._clock())
        if pin.towards is None or passed < SETTLING:
            return pin
        if await self._drained(pin, DECISIONS[pin.towards].authority):
            return handed_over(pin, self._now())
        if passed < LONGEST:
            return pin
        text = "%s stays %s: what waits to be mirrored did not become nothing within %s s"
        _log.warning(text, pin.conversation_sid, pin.stage, LONGEST)
        return given_up(pin, self._now())

    async def _note_live(self, pin: Pin) -> None:
        """Have all processes know that not everything is at Twilio, before it is so."""
        then = pin.stage if pin.towards is None else pin.towards
        if DECISIONS[then].authority is Side.ACS and not self._is_live:
            await self._documents.put(*LIVE, {})
            self._is_live = True

    async def _change(self, conversation_sid: str, change: Callable[[Pin | None], Pin]) -> Pin:
        """Keep the pin that *change* makes of the one that is there, and return it; write nothing where it is the same."""

        def changed(content: JSONObject | None) -> JSONObject:
            old = None if content is None else from_content(conversation_sid, content)
            new = change(old)
            if new == (old or Pin(about=new.about)):
                raise _UnchangedError(new)
            return to_content(new)

        try:
            document = await self._documents.change(KIND, conversation_sid, changed)
        except _UnchangedError as kept:
            return kept.pin
        return from_content(conversation_sid, document.content)

    def _known_of(self, target: Target) -> _Known:
        known = self._known.get(_sid(target))
        if known is None:
            self._sweep()
            known = self._known[_sid(target)] = _Known(target, self._evaluate, self._clock)
        return known

    def _sweep(self) -> None:
        """Forget those that nobody asked for lately, once there are many."""
        if len(self._known) < self._sweep_at:
            return
        self._known = {sid: each for sid, each in self._known.items() if not each.is_idle}
        self._sweep_at = max(SWEPT_AT, 2 * len(self._known))


class _UnchangedError(Exception):
    """There is nothing to write: the pin is as it should be."""

    def __init__(self, pin: Pin) -> None:
        super().__init__(pin.conversation_sid)
        self.pin = pin


class _Known:
    """What a process knows of one conversation."""

    def __init__(
        self,
        target: Target,
        evaluate: Callable[[_Known], Coroutine[None, None, Pin]],
        clock: Callable[[], float],
    ) -> None:
        self.target = target
        self.killed: bool | None = None
        """Whether the rollout was killed when the pin was evaluated."""
        what = f"The pin of {target.conversation_sid}"
        self.pin: Fresh[Pin] = Fresh(lambda: evaluate(self), clock=clock, what=what)
        self._handover: tuple[datetime | None, float] = (None, 0.0)

    @property
    def is_idle(self) -> bool:
        """Whether what is known is of no use any more."""
        return self.pin.age > GRACE and not self.pin.is_reading

    def sees(self, pin: Pin, at: float) -> None:
        """Note when a handover was first seen."""
        if pin.towards is not None and self._handover[0] != pin.since:
            self._handover = (pin.since, at)

    def handed_over_for(self, pin: Pin, at: float) -> float:
        """Return for how many seconds the handover of *pin* has been seen."""
        return at - self._handover[1] if self._handover[0] == pin.since else 0.0


def _sid(target: Target) -> str:
    if target.conversation_sid is None:
        raise ValueError("The conversation has no sid yet")
    return target.conversation_sid
