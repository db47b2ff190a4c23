"""Writers in several processes while the authority goes to and fro: none writes to the side that has lost it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.rollout.clock import VirtualTime
from tests.rollout.memory_documents import MemoryDocuments
from twilio_compat.account import Document
from twilio_compat.records import JSONObject
from twilio_compat.rollout.staging.kill_switch import KillSwitch
from twilio_compat.rollout.staging.pin import Pin, from_content
from twilio_compat.rollout.staging.pins import GRACE, KIND, Pins
from twilio_compat.rollout.staging.stages import DECISIONS, Side, Stage
from twilio_compat.rollout.staging.target import Target

SID = "CH" + "1" * 32
ONE = Target(conversation_sid=SID)


class FarDocuments(MemoryDocuments):
    """Documents in a store that takes its time, on the way there and on the way back."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def get(self, kind: str, name: str) -> Document | None:
        await self._world.pause()
        found = await super().get(kind, name)
        await self._world.pause()
        return found

    async def change(
        self, kind: str, name: str, change: Callable[[JSONObject | None], JSONObject]
    ) -> Document:
        await self._world.pause()
        changed = await super().change(kind, name, change)
        await self._world.pause()
        return changed


class World:
    """One conversation, its store, and what is noted for its mirror."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.time = VirtualTime()
        self.documents = FarDocuments(self)
        self.wanted = Stage.SHADOW
        self.noted: set[object] = set()
        self.written: list[Side] = []
        self.again = 0

    def process(self) -> Pins:
        """Open the pins of a process."""
        clock, now, sleep = self.time, self.time.now, self.time.sleep
        switch = KillSwitch(self.documents, clock=clock, now=now)
        return Pins(self.documents, self, switch, self.drained, clock=clock, now=now, sleep=sleep)

    async def stage(self, target: Target) -> Stage:
        await self.pause()
        return self.wanted

    async def close(self) -> None: ...

    async def drained(self, pin: Pin, side: Side) -> bool:
        await self.pause()
        empty = not self.noted
        await self.pause()
        return empty

    async def pause(self, *seconds: float) -> None:
        """Take as long as one of these, or as a store does."""
        await self.time.sleep(self.chance.choice(seconds or (0.001, 0.002, 0.005, 0.2)))

    @property
    def authority(self) -> Side:
        """Who has it, as the store says at this moment."""
        return DECISIONS[from_content(SID, self.documents.content(KIND, SID)).stage].authority

    async def write(self, pins: Pins) -> None:
        """Write as `twilio_compat.rollout.staging.pins` says that one must."""
        while True:
            pin = await pins.for_writing(ONE)
            await self.pause(0.0, 0.0, 0.0, 1.5, GRACE, 5.0)
            self.noted.add(note := object())
            await self.pause()
            if pins.is_current(pin):
                break
            self.noted.discard(note)
            self.again += 1
        await self.pause(0.01, 0.1, 4.0)
        assert self.authority is pin.decision.authority, "at the moment of the write"
        self.written.append(pin.decision.authority)
        await self.pause()
        self.noted.discard(note)

    async def write_often(self, pins: Pins) -> None:
        for _ in range(15):
            await self.write(pins)
            await self.pause(0.1, 3.0)

    async def change_ones_mind(self) -> None:
        while True:
            await self.pause(5.0, 20.0)
            self.wanted = self.chance.choice((Stage.SHADOW, Stage.LIVE))

    async def play(self) -> None:
        processes = [self.process() for _ in range(3)]
        await processes[0].pin(ONE, Stage.SHADOW)
        changing = asyncio.ensure_future(self.change_ones_mind())
        await asyncio.gather(*(self.write_often(pins) for pins in processes for _ in range(2)))
        changing.cancel()
        for pins in processes:
            await pins.close()


async def played(seed: int) -> World:
    """Return the world after 90 writes of six writers in three processes."""
    world = World(seed)
    await world.time.run(asyncio.ensure_future(world.play()))
    return world


@pytest.mark.parametrize("seed", range(20))
async def test_nobody_writes_to_a_side_that_has_lost_the_authority(seed: int) -> None:
    assert 90 == len((await played(seed)).written)


async def test_such_runs_do_hand_over_and_do_begin_again() -> None:
    """Otherwise the test above would prove nothing."""
    worlds = [await played(seed) for seed in range(3)]
    assert {*Side} == {side for each in worlds for side in each.written}
    assert all(each.again > 0 for each in worlds)
