"""Two processes on one store, of each kind: pins, kill switch and sids, changed by both at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from acs_backend.documents import Documents
from tests.acs_backend.store.databases import opened
from tests.rollout.clock import Clock
from twilio_compat.rollout.sids import Pair, Sids
from twilio_compat.rollout.staging.fresh import LASTS
from twilio_compat.rollout.staging.kill_switch import KillSwitch
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.pins import SETTLING, Pins
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target

SID = "CH" + "1" * 32
ONE = Target(conversation_sid=SID)
OFF, DUALWRITE, SHADOW, LIVE, RAMPDOWN, COMPLETE = Stage


@dataclass
class World:
    """What the processes have in common, beside the store."""

    clock: Clock = field(default_factory=Clock)
    wanted: Stage = OFF
    waiting: bool = False

    async def stage(self, target: Target) -> Stage:
        return self.wanted

    async def drained(self, pin: Pin, side: Side) -> bool:
        return not self.waiting

    async def close(self) -> None: ...


class Process:
    """One process."""

    def __init__(self, documents: Documents, world: World) -> None:
        clock = world.clock
        self.switch = KillSwitch(documents, clock=clock, now=clock.now)
        self.pins = Pins(
            documents, world, self.switch, world.drained, clock=clock, now=clock.now, sleep=clock.sleep
        )
        self.sids = Sids(documents, clock=clock)

    async def close(self) -> None:
        await self.pins.close()
        await self.sids.close()
        await self.switch.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def both(shared_store: str, world: World) -> AsyncIterator[Sequence[Process]]:
    async with AsyncExitStack() as stack:
        processes = []
        for _ in range(2):
            database = await stack.enter_async_context(opened(shared_store))
            processes.append(Process(Documents(database, clock=world.clock.now), world))
            stack.push_async_callback(processes[-1].close)
        yield processes


async def stages(both: Sequence[Process], world: World) -> list[tuple[Stage, Stage | None]]:
    """Return where both see the conversation a second later."""
    world.clock.move(LASTS)
    found = await asyncio.gather(*(each.pins.of(ONE) for each in both))
    return [(pin.stage, pin.towards) for pin in found]


async def test_of_two_who_pin_a_conversation_at_once_one_does(both: Sequence[Process]) -> None:
    pinning = [each.pins.pin(ONE, stage) for stage in (LIVE, OFF, SHADOW) for each in both]
    pins = await asyncio.gather(*pinning)
    assert 1 == len(set(pins))
    assert [pins[0]] == await both[1].pins.list()


async def test_a_conversation_goes_up_and_comes_back_in_both(both: Sequence[Process], world: World) -> None:
    await both[0].pins.pin(ONE, DUALWRITE)
    world.wanted = COMPLETE
    seen = {(await stages(both, world))[0] for _ in range(12)}
    assert {(SHADOW, LIVE), (COMPLETE, None)} <= seen
    assert [(COMPLETE, None)] * 2 == await stages(both, world)
    world.wanted = OFF
    assert [(COMPLETE, None)] * 2 == await stages(both, world), "until it was copied"
    await both[1].pins.begin_copy(SID)
    assert [(RAMPDOWN, None)] * 2 == await stages(both, world)
    await both[0].pins.all_copied(SID)
    for _ in range(12):
        await stages(both, world)
    assert [(OFF, None)] * 2 == await stages(both, world)
    assert (await both[0].pins.of(ONE)).was_live


async def test_a_handover_that_one_began_the_other_ends(both: Sequence[Process], world: World) -> None:
    first, second = both
    await first.pins.pin(ONE, SHADOW)
    world.wanted, world.waiting = LIVE, True
    assert (SHADOW, LIVE) in await stages(both, world)
    await first.pins.close()
    await stages([second], world)
    world.clock.move(SETTLING)
    assert [(SHADOW, LIVE)] == await stages([second], world)
    world.waiting = False
    assert [(LIVE, None)] == await stages([second], world)
    assert LIVE is (await first.pins.for_writing(ONE)).stage


async def test_both_stop_within_a_second_when_one_kills(both: Sequence[Process], world: World) -> None:
    await both[0].pins.pin(ONE, SHADOW)
    world.wanted = SHADOW
    assert [(SHADOW, None)] * 2 == await stages(both, world)
    await both[0].switch.kill("too many mismatches")
    assert [(OFF, None)] * 2 == await stages(both, world)
    assert [False, True] == sorted(await asyncio.gather(*(each.switch.resume() for each in both)))


async def test_an_operator_who_speaks_while_others_look_is_heard(
    both: Sequence[Process], world: World
) -> None:
    """Looks change the pin as well, so each must see what the other has written."""
    await both[0].pins.pin(ONE, SHADOW)
    for stage in (DUALWRITE, SHADOW) * 5:
        world.wanted = OFF
        world.clock.move(LASTS)
        await asyncio.gather(both[0].pins.of(ONE), both[1].pins.set(SID, stage), both[0].pins.of(ONE))
        world.clock.move(LASTS)
        pins = [await each.pins.of(ONE) for each in both]
        assert [(stage, True, True)] * 2 == [(pin.wanted, pin.held, pin.copied) for pin in pins]
        assert [stage] * 2 == [pin.stage for pin in pins]


async def test_names_that_no_pin_could_hold_are_held(both: Sequence[Process]) -> None:
    about = Target(conversation_sid=SID, key="a\0b\ud800", unique_name="☃", creator="a\0")
    await both[0].pins.pin(about, OFF)
    assert about == (await both[1].pins.of(ONE)).about


async def test_of_two_who_mirror_the_same_the_first_counts_for_both(both: Sequence[Process]) -> None:
    first, second = (Pair(what="message", public="IMp", twilio=f"IMt{n}") for n in range(2))
    kept = await asyncio.gather(both[0].sids.record(SID, first), both[1].sids.record(SID, second))
    assert 1 == len(set(kept))
    found = [await each.sids.find(SID, kept[0].twilio) for each in both]
    assert [kept[0], kept[0]] == found
    loser = second if kept[0] == first else first
    assert await both[0].sids.find(SID, loser.twilio) is None


async def test_both_know_all_pairs_that_either_made(both: Sequence[Process], world: World) -> None:
    pin = await both[0].pins.pin(ONE, LIVE)

    async def record(process: Process, first: int) -> None:
        for index in range(first, 20, 2):
            name = f"{index:02}"
            pair = Pair(
                what="message",
                public=f"IMp{name}",
                twilio=f"IMt{name}",
                public_index=index,
                twilio_index=2 * index,
            )
            await process.sids.record(SID, pair)
            assert f"IMp{name}" == (await process.sids.of(pin)).public.sid(f"IMt{name}")

    await asyncio.gather(*(record(each, first) for first, each in enumerate(both)))
    maps = [await each.sids.of(pin, at_once=True) for each in both]
    assert [20, 20] == [len(each.pairs) for each in maps]
    assert [[2 * index for index in range(20)]] * 2 == [
        [each.twilio.index(index) for index in range(20)] for each in maps
    ]
