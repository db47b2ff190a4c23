"""The pins of one service in one process, and in two that share a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.rollout.clock import Clock, turns
from tests.rollout.memory_documents import MemoryDocuments
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.rollout.staging import pins as module
from twilio_compat.rollout.staging.fresh import LASTS
from twilio_compat.rollout.staging.kill_switch import KillSwitch
from twilio_compat.rollout.staging.pin import PAUSE, Pin
from twilio_compat.rollout.staging.pins import GRACE, KIND, LONGEST, SETTLING, Pins
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target

ONE, OTHER = Target(conversation_sid="CH" + "1" * 32), Target(conversation_sid="CH" + "2" * 32)
SID = "CH" + "1" * 32
OFF, DUALWRITE, SHADOW, LIVE, RAMPDOWN, COMPLETE = Stage


class SettableFlag:
    """Says what a test has set, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Stage | None = OFF
        self.asked: list[Target] = []
        self.open = asyncio.Event()
        self.open.set()

    async def stage(self, target: Target) -> Stage | None:
        self.asked.append(target)
        await self.open.wait()
        return self.answer

    async def close(self) -> None: ...


class Queues:
    """What waits to be mirrored."""

    def __init__(self) -> None:
        self.waiting: set[tuple[str, Side]] = set()
        self.asked: list[tuple[str, Side]] = []

    async def drained(self, pin: Pin, side: Side) -> bool:
        self.asked.append((pin.conversation_sid, side))
        return (pin.conversation_sid, side) not in self.waiting


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def flag() -> SettableFlag:
    return SettableFlag()


@pytest.fixture
def queues() -> Queues:
    return Queues()


@pytest.fixture
def switch(documents: MemoryDocuments, clock: Clock) -> KillSwitch:
    return KillSwitch(documents, clock=clock, now=clock.now)


OpenPins = Callable[[], Pins]


@pytest.fixture
def open_pins(documents: MemoryDocuments, flag: SettableFlag, queues: Queues, clock: Clock) -> OpenPins:
    """Return what opens the pins of another process."""

    def opened() -> Pins:
        switch = KillSwitch(documents, clock=clock, now=clock.now)
        return Pins(documents, flag, switch, queues.drained, clock=clock, now=clock.now, sleep=clock.sleep)

    return opened


@pytest.fixture
def pins(open_pins: OpenPins) -> Pins:
    return open_pins()


async def look(pins: Pins, clock: Clock, target: Target = ONE) -> Pin:
    """Return the pin as it is a second later."""
    clock.move(LASTS)
    return await pins.of(target)


# New conversations


async def test_a_new_conversation_gets_the_stage_that_the_flag_names(pins: Pins, flag: SettableFlag) -> None:
    flag.answer = LIVE
    target = Target.new(unique_name="order-1", service="IS1", creator="alice")
    assert LIVE is await pins.new(target)
    pin = await pins.pin(replace(target, conversation_sid=SID), LIVE)
    assert (LIVE, LIVE, True, True) == (pin.stage, pin.wanted, pin.copied, pin.was_live)
    assert pin == await pins.of(ONE)


async def test_it_is_off_where_the_flag_has_no_answer(pins: Pins, flag: SettableFlag) -> None:
    flag.answer = None
    assert OFF is await pins.new(Target.new())


async def test_it_is_off_where_the_rollout_is_killed(
    pins: Pins, flag: SettableFlag, switch: KillSwitch
) -> None:
    flag.answer = LIVE
    await switch.kill("a reason")
    assert OFF is await pins.new(Target.new())
    assert [] == flag.asked


async def test_it_is_pinned_once(pins: Pins, open_pins: OpenPins) -> None:
    first = await pins.pin(ONE, SHADOW)
    assert first == await open_pins().pin(ONE, OFF) == await pins.pin(ONE, LIVE)


async def test_the_flag_is_always_asked_about_the_same(
    pins: Pins, open_pins: OpenPins, flag: SettableFlag, clock: Clock
) -> None:
    about = Target(conversation_sid=SID, key="order-1", service="IS1", unique_name="order-1", creator="alice")
    await pins.pin(about, OFF)
    await look(open_pins(), clock)
    assert [about] == flag.asked


# Conversations without a pin


async def test_a_conversation_without_a_pin_is_off_and_stays_without(
    pins: Pins, documents: MemoryDocuments
) -> None:
    assert Pin(about=ONE) == await pins.of(ONE)
    assert [] == await pins.list()
    assert not [each for each in documents.calls if each.startswith(("put", "change"))]


async def test_it_is_noted_that_it_should_be_moved(pins: Pins, flag: SettableFlag) -> None:
    flag.answer = LIVE
    pin = await pins.of(ONE)
    assert (OFF, LIVE, False) == (pin.stage, pin.wanted, pin.copied)
    assert [pin] == await pins.list()


async def test_a_conversation_needs_a_sid(pins: Pins) -> None:
    with pytest.raises(ValueError, match="has no sid yet"):
        await pins.of(Target.new())


# What it costs


async def test_calls_cost_nothing_for_a_second(pins: Pins, documents: MemoryDocuments, clock: Clock) -> None:
    await pins.of(ONE)
    documents.taken()
    for _ in range(100):
        await pins.of(ONE)
    clock.move(LASTS / 2 - 0.01)
    await pins.of(ONE)
    assert [] == documents.taken()


async def test_a_busy_conversation_waits_for_no_store_at_all(
    pins: Pins, documents: MemoryDocuments, clock: Clock
) -> None:
    await pins.of(ONE)
    documents.taken()
    for _ in range(100):
        documents.open.clear()
        await asyncio.wait_for(pins.of(ONE), 1)
        documents.open.set()
        await turns()
        clock.move(0.1)
    reads = documents.taken()
    assert 20 >= reads.count(f"get {KIND}")
    assert {f"get {KIND}", "get rollout"} == set(reads)


async def test_callers_who_ask_at_once_share_a_read(pins: Pins, documents: MemoryDocuments) -> None:
    await asyncio.gather(*(pins.of(ONE) for _ in range(10)))
    assert 1 == documents.taken().count(f"get {KIND}")


async def test_conversations_that_nobody_asks_for_are_forgotten(
    pins: Pins, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEPT_AT", 10)
    pins._sweep_at = 10
    for number in range(100):
        await pins.of(Target(conversation_sid=f"CH{number:032x}"))
        clock.move(1)
    assert len(pins._known) <= 10


# Flags that change


async def test_a_flag_moves_a_conversation_step_by_step(pins: Pins, flag: SettableFlag, clock: Clock) -> None:
    await pins.pin(ONE, DUALWRITE)
    flag.answer = COMPLETE
    stages = [(await look(pins, clock)).stage for _ in range(7)]
    assert [SHADOW, SHADOW, SHADOW, SHADOW, LIVE, RAMPDOWN, COMPLETE] == stages


async def test_and_back_as_far_as_there_is_a_mirror(pins: Pins, flag: SettableFlag, clock: Clock) -> None:
    await pins.pin(ONE, RAMPDOWN)
    flag.answer = OFF
    stages = [(await look(pins, clock)).stage for _ in range(8)]
    assert [LIVE, LIVE, LIVE, LIVE, SHADOW, DUALWRITE, OFF, OFF] == stages
    flag.answer = LIVE
    assert (OFF, LIVE) == ((pin := await look(pins, clock)).stage, pin.wanted)


async def test_without_an_answer_a_conversation_stays(pins: Pins, flag: SettableFlag, clock: Clock) -> None:
    await pins.pin(ONE, SHADOW)
    flag.answer = None
    pin = await look(pins, clock)
    assert (SHADOW, SHADOW) == (pin.stage, pin.wanted)


async def test_of_two_processes_one_takes_the_step(
    pins: Pins, open_pins: OpenPins, flag: SettableFlag
) -> None:
    await pins.pin(ONE, DUALWRITE)
    flag.answer = COMPLETE
    looking = asyncio.gather(*(open_pins().of(ONE) for _ in range(5)))
    flag.open.clear()
    await turns()
    flag.open.set()
    assert [(SHADOW, None)] * 5 == [(each.stage, each.towards) for each in await looking]


# Handovers


async def test_a_handover_waits_until_nothing_waits_to_be_mirrored(
    pins: Pins, flag: SettableFlag, queues: Queues, clock: Clock
) -> None:
    await pins.pin(ONE, SHADOW)
    queues.waiting.add((SID, Side.ACS))
    flag.answer = LIVE
    assert LIVE is (await look(pins, clock)).towards
    clock.move(SETTLING - LASTS - 0.1)
    assert [] == queues.asked, "before, somebody may not know of it"
    clock.move(LASTS + 0.1)
    assert (SHADOW, LIVE) == ((pin := await pins.of(ONE)).stage, pin.towards)
    assert [(SID, Side.ACS)] == queues.asked
    queues.waiting.clear()
    pin = await look(pins, clock)
    assert (LIVE, None, True) == (pin.stage, pin.towards, pin.was_live)


async def test_who_writes_waits_for_the_end_of_a_handover(
    pins: Pins, flag: SettableFlag, clock: Clock
) -> None:
    await pins.pin(ONE, SHADOW)
    flag.answer = LIVE
    clock.move(LASTS)
    begun = clock()
    pin = await pins.for_writing(ONE)
    assert LIVE is pin.stage
    assert SETTLING <= clock() - begun < SETTLING + 2 * module.PACE + 0.01
    assert pins.is_current(pin)


async def test_a_handover_that_takes_too_long_lets_writes_go_on_where_they_were(
    pins: Pins, flag: SettableFlag, queues: Queues, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await pins.pin(ONE, LIVE)
    queues.waiting.add((SID, Side.TWILIO))
    flag.answer = SHADOW
    clock.move(LASTS)
    begun = clock()
    pin = await pins.for_writing(ONE)
    assert (LIVE, None) == (pin.stage, pin.towards)
    assert LONGEST <= clock() - begun < LONGEST + 2 * module.PACE + 0.01
    assert [f"{SID} stays live: what waits to be mirrored did not become nothing within 10.0 s"] == (
        caplog.messages
    )
    assert None is (await look(pins, clock)).towards, "not at once again"
    clock.move(PAUSE.total_seconds())
    assert SHADOW is (await pins.of(ONE)).towards


async def test_another_process_ends_a_handover_whose_beginner_is_gone(
    pins: Pins, open_pins: OpenPins, flag: SettableFlag, queues: Queues, clock: Clock
) -> None:
    await pins.pin(ONE, SHADOW)
    flag.answer = LIVE
    assert LIVE is (await look(pins, clock)).towards
    await pins.close()
    clock.move(60)
    other = open_pins()
    assert LIVE is (await other.of(ONE)).towards
    assert [] == queues.asked, "it sees the handover for the first time"
    clock.move(SETTLING)
    assert LIVE is (await other.of(ONE)).stage


async def test_a_pin_from_before_a_handover_is_not_current_any_more_when_it_ends(
    pins: Pins, open_pins: OpenPins, flag: SettableFlag, clock: Clock
) -> None:
    """Whoever has noted a write before then is seen by `drained`; whoever has not begins again."""
    await pins.pin(ONE, SHADOW)
    flag.answer = SHADOW
    slow = open_pins()
    before = await slow.for_writing(ONE)
    assert slow.is_current(before)
    flag.answer = LIVE
    assert LIVE is (await pins.of(ONE)).towards
    clock.move(GRACE - 0.01)
    assert slow.is_current(before)
    clock.move(0.01)
    assert not slow.is_current(before)
    assert LIVE is (await pins.of(ONE)).towards, "it ends no earlier"
    clock.move(SETTLING - GRACE + LASTS)
    assert LIVE is (await pins.of(ONE)).stage
    assert LIVE is (await slow.for_writing(ONE)).stage


async def test_a_pin_that_was_found_moved_is_not_current(
    pins: Pins, flag: SettableFlag, clock: Clock
) -> None:
    await pins.pin(ONE, DUALWRITE)
    flag.answer = DUALWRITE
    before = await pins.for_writing(ONE)
    flag.answer = SHADOW
    await look(pins, clock)
    assert not pins.is_current(before)
    assert not pins.is_current(Pin(about=OTHER))


# The kill switch


@pytest.mark.parametrize("stage", [DUALWRITE, SHADOW])
async def test_killing_sends_what_twilio_has_to_twilio_alone(
    pins: Pins, open_pins: OpenPins, switch: KillSwitch, flag: SettableFlag, clock: Clock, stage: Stage
) -> None:
    await pins.pin(ONE, stage)
    flag.answer = stage
    other = open_pins()
    assert [stage, stage] == [(await each.of(ONE)).stage for each in (pins, other)]
    clock.move(LASTS - 0.01)
    await switch.kill("a reason")
    clock.move(LASTS)
    assert [OFF, OFF] == [(await each.of(ONE)).stage for each in (pins, other)]
    await switch.resume()
    pin = await look(pins, clock)
    assert (OFF, stage, False) == (pin.stage, pin.wanted, pin.copied), "its mirror is out of date"


async def test_it_is_honoured_although_the_pin_was_read_a_moment_ago(
    pins: Pins, switch: KillSwitch, flag: SettableFlag, clock: Clock
) -> None:
    await pins.pin(ONE, SHADOW)
    flag.answer = SHADOW
    await pins.of(OTHER)
    clock.move(0.4)
    assert SHADOW is (await pins.of(ONE)).stage
    await switch.kill("a reason")
    clock.move(0.6)
    await pins.of(OTHER)
    assert OFF is (await pins.of(ONE)).stage, "the pin is 0.6 s old, the look at the switch was a second"


@pytest.mark.parametrize("stage", [LIVE, RAMPDOWN])
async def test_killing_waits_until_twilio_has_everything(
    pins: Pins, switch: KillSwitch, queues: Queues, flag: SettableFlag, clock: Clock, stage: Stage
) -> None:
    await pins.pin(ONE, stage)
    queues.waiting.add((SID, Side.TWILIO))
    await switch.kill("a reason")
    pin = await look(pins, clock)
    assert (stage, OFF) == (pin.stage, pin.towards)
    clock.move(SETTLING)
    assert stage is (await pins.of(ONE)).stage
    queues.waiting.clear()
    assert OFF is (await look(pins, clock)).stage
    assert [] == flag.asked, "it works without a flag service"


async def test_what_twilio_does_not_have_stays(pins: Pins, switch: KillSwitch, clock: Clock) -> None:
    await pins.pin(ONE, COMPLETE)
    await switch.kill("a reason")
    assert (COMPLETE, None) == ((pin := await look(pins, clock)).stage, pin.towards)


async def test_a_sweep_moves_those_that_nobody_uses(pins: Pins, switch: KillSwitch, clock: Clock) -> None:
    await pins.pin(ONE, SHADOW)
    await pins.pin(OTHER, LIVE)
    await switch.kill("a reason")
    for _ in range(5):
        clock.move(LASTS)
        await pins.sweep()
    assert [OFF, OFF] == [each.stage for each in await pins.list()]


# Operators


async def test_an_operator_wins_over_the_flag_until_release(
    pins: Pins, open_pins: OpenPins, flag: SettableFlag, clock: Clock
) -> None:
    await pins.pin(ONE, SHADOW)
    flag.answer = SHADOW
    held = await pins.set(SID, DUALWRITE)
    assert (DUALWRITE, DUALWRITE, True) == (held.stage, held.wanted, held.held)
    assert DUALWRITE is (await look(open_pins(), clock)).stage
    released = await pins.release(SID)
    assert (SHADOW, SHADOW, False) == (released.stage, released.wanted, released.held)


async def test_a_conversation_without_a_pin_can_be_held_at_off(
    pins: Pins, open_pins: OpenPins, flag: SettableFlag, clock: Clock
) -> None:
    flag.answer = LIVE
    await pins.set(SID, OFF)
    pin = await look(open_pins(), clock)
    assert (OFF, OFF, True) == (pin.stage, pin.wanted, pin.held)


async def test_a_move_begins_a_mirror_and_lets_the_conversation_go_on_when_it_has_everything(
    pins: Pins, open_pins: OpenPins, flag: SettableFlag, clock: Clock
) -> None:
    flag.answer = SHADOW
    assert OFF is (await pins.of(ONE)).stage
    begun = await open_pins().begin_copy(SID)
    assert (DUALWRITE, False) == (begun.stage, begun.copied)
    assert begun == await look(pins, clock) == await look(pins, clock)
    copied = await pins.all_copied(SID)
    assert (SHADOW, True) == (copied.stage, copied.copied)


async def test_a_move_back_from_complete_begins_one_at_twilio(
    pins: Pins, flag: SettableFlag, clock: Clock
) -> None:
    flag.answer = LIVE
    await pins.pin(ONE, COMPLETE)
    begun = await pins.begin_copy(SID)
    assert (RAMPDOWN, False, begun) == (begun.stage, begun.copied, await look(pins, clock))
    assert LIVE is (await pins.all_copied(SID)).stage


async def test_a_move_that_was_killed_meanwhile_completes_nothing(
    pins: Pins, switch: KillSwitch, flag: SettableFlag, clock: Clock
) -> None:
    flag.answer = SHADOW
    await pins.begin_copy(SID)
    await switch.kill("a reason")
    await look(pins, clock)
    pin = await pins.all_copied(SID)
    assert (OFF, False) == (pin.stage, pin.copied)


async def test_an_operator_loses_nothing_that_is_known_of_a_conversation(
    pins: Pins, flag: SettableFlag
) -> None:
    about = replace(ONE, service="IS1", creator="alice")
    await pins.of(about)
    assert about == (await pins.set(SID, OFF)).about


async def test_a_conversation_that_is_gone_has_no_pin_any_more(
    pins: Pins, open_pins: OpenPins, documents: MemoryDocuments
) -> None:
    await pins.pin(ONE, LIVE)
    await pins.of(ONE)
    await pins.forget(SID)
    await open_pins().forget("CH" + "9" * 32)
    assert ([], OFF) == (await pins.list(), (await pins.of(ONE)).stage)


async def test_one_that_is_deleted_while_it_is_looked_at_is_not_pinned_again(
    pins: Pins, open_pins: OpenPins, flag: SettableFlag
) -> None:
    await pins.pin(ONE, DUALWRITE)
    flag.open.clear()
    flag.answer = SHADOW
    looking = asyncio.ensure_future(pins.of(ONE))
    await turns()
    await open_pins().forget(SID)
    flag.open.set()
    assert OFF is (await looking).stage
    assert [] == await pins.list()


# Faults


async def test_a_store_that_fails_is_told_once_nothing_is_known_any_more(
    pins: Pins, documents: MemoryDocuments, clock: Clock
) -> None:
    await pins.of(ONE)
    documents.failure = ServiceUnavailableError("The database failed")
    clock.move(LASTS * 0.9)
    assert OFF is (await pins.of(ONE)).stage
    clock.move(LASTS)
    with pytest.raises(ServiceUnavailableError):
        await pins.of(ONE)
    documents.failure = None
    assert OFF is (await pins.of(ONE)).stage
    await pins.close()


async def test_who_looks_at_what_is_kept_moves_nothing(
    pins: Pins, flag: SettableFlag, documents: MemoryDocuments, clock: Clock
) -> None:
    flag.answer = SHADOW
    assert Pin(about=ONE) == await pins.kept(ONE)
    pinned = await pins.pin(ONE, DUALWRITE)
    clock.move(LASTS)
    assert pinned == await pins.kept(ONE)
    assert [] == flag.asked
