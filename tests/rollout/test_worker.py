"""The outbox is carried out: each conversation in its order, once, and whatever one of them does to the worker.

The mirror is a script here, and time moves when a test says so; both queues are those of a real store.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rollout.clock import SteppedTime
from tests.rollout.two_sides import SERVICE_SID, TwoSides, two_sides
from tests.support.waiting import eventually
from twilio_compat.account import Errand
from twilio_compat.errors import LimitError, ServiceTimeoutError, ServiceUnavailableError
from twilio_compat.rollout.mirroring import worker as working
from twilio_compat.rollout.mirroring.mirror import Mirror
from twilio_compat.rollout.mirroring.worker import ATTEMPTS, LEASED, REFUSALS, Worker
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import QUEUES, Entry
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target

A, B, C = ("CH" + each * 32 for each in "abc")
SIDE = Side.TWILIO


class Script(Mirror):
    """Does for each entry what a test wants, and remembers what it was asked for, and when."""

    def __init__(self, office: Office, time: SteppedTime) -> None:
        super().__init__(office)
        self.time = time
        self.begun: list[tuple[str, str | None]] = []
        self.done: list[tuple[str, str | None]] = []
        self.moments: list[float] = []
        self.acts: dict[str, Callable[[], Awaitable[bool | None]]] = {}
        """By conversation: what to do with each of its entries."""

    async def apply(self, pin: Pin | None, side: Side, entry: Entry) -> bool:
        name = (entry.conversation_sid[2:3], entry.sid)
        self.begun.append(name)
        self.moments.append(self.time.seconds)
        act = self.acts.get(entry.conversation_sid)
        if act is not None and await act() is False:
            return False
        self.done.append(name)
        return True


class Process:
    """One process: its office, its worker, and its script."""

    def __init__(self, sides: TwoSides, time: SteppedTime) -> None:
        self.office = sides.another_office()
        self.script = Script(self.office, time)
        self.worker = Worker(
            self.office,
            self.script,
            sides.acs.errands,
            sides.acs.leases,
            now=time.now,
            clock=time,
            sleep=time.sleep,
            chance=lambda: 0.5,
        )

    async def close(self) -> None:
        await self.worker.close()
        await self.office.close()


class Running:
    """Both sides, and processes that share them."""

    def __init__(self, sides: TwoSides, time: SteppedTime) -> None:
        self.sides = sides
        self.time = time
        self.processes: list[Process] = []

    def open(self) -> Process:
        self.processes.append(Process(self.sides, self.time))
        return self.processes[-1]

    async def pin(self, sid: str, stage: Stage = Stage.LIVE) -> None:
        await self.sides.office.pins.pin(target(sid), stage)

    async def add(self, sid: str, *names: str, side: Side = SIDE) -> None:
        entries = (Entry(what="message", conversation_sid=sid, sid=each) for each in names)
        await self.sides.office.outbox.add(side, *entries)

    async def waiting(self) -> int:
        return sum([(await self.sides.office.outbox.backlog(side)).waiting for side in Side])

    async def dead(self) -> list[str]:
        return [each.last_error or "" for each in await self.sides.office.outbox.dead(SIDE, limit=10)]

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and have the workers look, whatever they wait for."""
        self.time.move(seconds)
        for each in self.processes:
            each.worker.wake()

    async def empty(self, *, passing: float = 0.0) -> None:
        """Wait until nothing waits any more; time passes meanwhile, by so many seconds at each look."""

        async def is_empty() -> bool:
            self.time.move(passing)
            return await self.waiting() == 0

        await eventually(is_empty)


def target(sid: str) -> Target:
    return Target(conversation_sid=sid, service=SERVICE_SID)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    time = SteppedTime()
    async with two_sides(tmp_path, time) as sides:
        sides.acs.errands._clock = time.now
        sides.acs.leases._clock = time.now
        made = Running(sides, time)
        await made.pin(A)
        await made.pin(B)
        yield made
        for each in made.processes:
            await each.close()


def raising(error: Exception, times: int = 10**9) -> Callable[[], Awaitable[bool | None]]:
    left = [error] * min(times, 10**4)

    async def act() -> bool | None:
        if left:
            raise left.pop()
        return None

    return act


async def begun(process: Process, count: int) -> None:
    """Wait until so many entries were begun, and what became of them was noted."""

    async def is_so() -> bool:
        return len(process.script.begun) >= count and not process.worker._under_way

    await eventually(is_so)


async def test_a_conversation_is_told_in_order_and_holds_no_other_up(running: Running) -> None:
    process, gate = running.open(), asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    process.script.acts[A] = wait
    await running.add(A, "1", "2", "3")
    await running.add(B, "1", "2", "3")
    process.worker.wake()

    async def b_is_done() -> bool:
        return process.script.done == [("b", "1"), ("b", "2"), ("b", "3")]

    await eventually(b_is_done)
    assert [("a", "1")] == [each for each in process.script.begun if each[0] == "a"]
    gate.set()
    await running.empty()
    assert [("a", "1"), ("a", "2"), ("a", "3")] == process.script.done[3:]


async def test_two_processes_carry_out_each_entry_once_and_no_line_at_the_same_time(running: Running) -> None:
    at_work: dict[str, int] = {A: 0, B: 0}
    processes = [running.open(), running.open()]

    def alone(sid: str) -> Callable[[], Awaitable[bool | None]]:
        async def act() -> None:
            at_work[sid] += 1
            assert 1 == at_work[sid]
            await asyncio.sleep(0)
            at_work[sid] -= 1

        return act

    for process in processes:
        process.script.acts |= {sid: alone(sid) for sid in (A, B)}
    names = [f"{number:02}" for number in range(20)]
    for name in names:
        await running.add(A, name)
        await running.add(B, name)
        for process in processes:
            process.worker.wake()
    await running.empty()
    done = [each for process in processes for each in process.script.done]
    assert sorted((letter, name) for letter in "ab" for name in names) == sorted(done)
    for process in processes:
        for letter in "ab":
            mine = [name for which, name in process.script.done if which == letter]
            assert sorted(mine, key=str) == mine


async def test_what_is_refused_is_given_up_its_line_goes_on_and_it_can_be_done_again(
    running: Running,
) -> None:
    process = running.open()
    process.script.acts[A] = raising(LimitError("too much", code=20422), REFUSALS)
    await running.add(A, "refused", "next")
    process.worker.wake()
    for attempt in range(1, REFUSALS):
        await begun(process, attempt)
        assert [] == await running.dead()
        running.pass_time(300)
    await running.empty()
    assert [("a", "refused")] * REFUSALS + [("a", "next")] == process.script.begun
    (text,) = await running.dead()
    assert "too much" in text
    assert not await running.sides.office.outbox.drained(A, SIDE)
    assert 1 == await process.office.outbox.revive(SIDE)
    process.worker.wake()
    await running.empty()
    assert [] == await running.dead()
    assert ("a", "refused") == process.script.done[-1]


async def test_what_does_not_go_through_is_tried_ever_later_and_given_up_after_hours(
    running: Running,
) -> None:
    process = running.open()
    process.script.acts[A] = raising(ServiceUnavailableError("down"))
    await running.add(A, "1")
    process.worker.wake()
    for attempt in range(1, ATTEMPTS):
        await begun(process, attempt)
        due = await running.sides.acs.errands.next_due(QUEUES[SIDE])
        assert due is not None
        running.pass_time((due - running.time.now()).total_seconds())
    await running.empty()
    moments = process.script.moments
    pauses = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert sorted(pauses) == pytest.approx(pauses)
    assert pytest.approx([0.5, 300.0]) == [pauses[0], pauses[-1]]
    assert 2 * 3600 <= moments[-1] - moments[0] <= 4 * 3600
    assert 1 == len(await running.dead())


@pytest.mark.parametrize("error", [KeyError("no such field"), TypeError("garbage")])
async def test_a_fault_in_one_entry_stops_no_other_line_and_is_given_up_in_the_end(
    running: Running, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    process = running.open()
    process.script.acts[A] = raising(error)
    await running.add(A, "1")
    await running.add(B, "1")
    process.worker.wake()
    await begun(process, 2)
    assert [("b", "1")] == process.script.done
    assert "because of a fault in this library" in caplog.text
    for attempt in range(3, ATTEMPTS + 2):
        running.pass_time(301)
        await begun(process, attempt)
    await running.empty()
    assert 1 == len(await running.dead())


async def test_an_entry_that_nobody_can_read_stops_nobody(running: Running) -> None:
    process = running.open()
    errand = Errand(
        queue=QUEUES[SIDE], line=A, key="other", content={"what": "message"}, due=running.time.now()
    )
    await running.sides.acs.errands.add([errand])
    await running.add(B, "1")
    process.worker.wake()
    await begun(process, 1)
    assert [("b", "1")] == process.script.done
    due = await running.sides.acs.errands.next_due(QUEUES[SIDE])
    assert due is not None
    assert 300 == pytest.approx((due - running.time.now()).total_seconds())


async def test_a_side_that_hangs_holds_up_its_own_conversation_alone_and_is_asked_again_later(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "LONGEST", 1.0)
    process = running.open()
    hangs = [True]

    async def hang() -> None:
        if hangs:
            hangs.clear()
            await asyncio.Event().wait()

    process.script.acts[A] = hang
    await running.add(A, "1")
    await running.add(B, "1", "2")
    process.worker.wake()
    await begun(process, 3)
    assert [("b", "1"), ("b", "2")] == process.script.done
    running.pass_time(working.UNCLEAR + 1)
    await running.empty()
    assert ("a", "1") == process.script.done[-1]


async def test_closing_waits_for_no_store_that_hangs(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "GOODBYE", 0.05)
    process = running.open()
    begun, hanging = asyncio.Event(), asyncio.Event()

    async def hang(*_: object, **__: object) -> None:
        begun.set()
        await hanging.wait()

    process.script.acts[A] = hang
    await running.add(A, "1")
    process.worker.wake()
    await begun.wait()
    monkeypatch.setattr(process.worker._errands, "retry", hang)
    await process.worker.close()
    assert not hanging.is_set()


async def test_what_came_of_an_entry_is_not_taken_back_by_a_process_that_ends(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "GOODBYE", 0.05)
    process = running.open()
    errands, noted = process.worker._errands, asyncio.Event()
    retry = errands.retry

    async def retry_and_hang(*given: Any, **more: Any) -> None:
        await retry(*given, **more)
        noted.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(errands, "retry", retry_and_hang)
    process.script.acts[A] = raising(LimitError("too long", code=50303))
    await running.add(A, "1")
    process.worker.wake()
    await noted.wait()
    due = await errands.next_due(QUEUES[SIDE])
    await process.worker.close()
    assert due == await errands.next_due(QUEUES[SIDE])


@pytest.mark.parametrize(("side", "pause"), [(Side.TWILIO, 15.0), (Side.ACS, 0.5)])
async def test_what_may_still_arrive_at_twilio_is_waited_for_before_it_is_looked_for(
    running: Running, side: Side, pause: float
) -> None:
    process = running.open()
    if side is Side.ACS:
        await running.sides.office.pins.forget(A)
        await running.pin(A, Stage.SHADOW)
    process.script.acts[A] = raising(ServiceTimeoutError("no answer"), 1)
    await running.add(A, "1", side=side)
    process.worker.wake()
    await begun(process, 1)
    due = await running.sides.acs.errands.next_due(QUEUES[side])
    assert due is not None
    assert pause == pytest.approx((due - running.time.now()).total_seconds(), abs=0.01)


async def test_what_is_too_much_for_one_go_is_gone_on_with_at_once_and_is_no_failure(
    running: Running,
) -> None:
    process, left = running.open(), [False] * (2 * ATTEMPTS)

    async def some() -> bool | None:
        return left.pop() if left else None

    process.script.acts[A] = some
    await running.add(A, "1")
    process.worker.wake()
    await running.empty()
    assert [("a", "1")] == process.script.done
    assert [] == await running.dead()


async def test_a_conversation_that_is_being_copied_is_told_nothing_until_it_is(running: Running) -> None:
    sid, process = "CH" + "c" * 32, running.open()
    await running.pin(sid, Stage.COMPLETE)
    pins = running.sides.office.pins
    await pins.set(sid, Stage.RAMPDOWN)
    await pins.begin_copy(sid)
    await running.add(sid, "1")
    process.worker.wake()
    for _ in range(2 * ATTEMPTS):  # none of which is a failure
        due = await running.sides.acs.errands.next_due(QUEUES[SIDE])
        if due is not None and due > running.time.now():
            running.pass_time((due - running.time.now()).total_seconds())
        await asyncio.sleep(0.005)
    assert [] == process.script.begun
    assert (1, []) == (await running.waiting(), await running.dead())
    await pins.all_copied(sid)
    running.pass_time(10)
    await running.empty()
    assert [("c", "1")] == process.script.done


async def test_a_side_that_has_the_authority_by_now_is_told_nothing(running: Running) -> None:
    process = running.open()
    await running.add(A, "1", side=Side.ACS)
    process.worker.wake()
    await running.empty()
    assert [] == process.script.begun


async def test_nothing_is_dropped_by_what_was_known_of_a_conversation_a_moment_ago(running: Running) -> None:
    """Another process has handed it over, and is the first to write to ACS; Twilio is told of that."""
    sid, process = "CH" + "d" * 32, running.open()
    await running.pin(sid, Stage.SHADOW)
    assert Stage.SHADOW is (await process.office.pins.of(target(sid))).stage
    other = running.sides.office.pins
    await other.set(sid, Stage.LIVE)
    await other.of(target(sid))
    running.time.move(3)
    before = (await process.office.pins.of(target(sid))).stage
    while (await other.of(target(sid))).stage is not Stage.LIVE:
        running.time.move(0.1)
        await asyncio.sleep(0)
    await running.add(sid, "1")
    process.worker.wake()
    await running.empty()
    assert (Stage.SHADOW, [("d", "1")]) == (before, process.script.done)


async def test_what_is_late_waits_for_its_turn_in_its_conversation(running: Running) -> None:
    process, gate, at_work = running.open(), asyncio.Event(), list[int]()

    async def wait() -> None:
        at_work.append(1)
        assert 1 == len(at_work)
        await gate.wait()
        at_work.pop()

    process.script.acts[A] = wait
    late = Entry(what="message", conversation_sid=A, sid="late", is_late=True)
    await running.sides.office.outbox.add(SIDE, late)
    await running.add(A, "1")
    process.worker.wake()

    async def is_at_work() -> bool:
        return bool(at_work)

    await eventually(is_at_work)
    running.pass_time(5)
    process.worker.wake()
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert not await running.sides.office.outbox.drained(A, SIDE)
    gate.set()
    await running.empty()
    assert [("a", "1"), ("a", "late")] == process.script.done


async def test_one_process_sees_to_what_others_have_left_and_another_takes_its_place(
    running: Running,
) -> None:
    first, second = running.open(), running.open()
    first.worker.look_after()
    second.worker.look_after()

    async def minds() -> bool:
        return first.worker._minds_all != second.worker._minds_all

    await eventually(minds)
    minder, other = (first, second) if first.worker._minds_all else (second, first)
    await running.add(A, "left")
    await running.empty(passing=0.1)
    assert [("a", "left")] == minder.script.done
    await minder.close()
    running.time.move(LEASED)

    async def is_taken() -> bool:
        running.time.move(0.5)
        return other.worker._minds_all

    await eventually(is_taken)
    await running.add(A, "left again")
    await running.empty(passing=0.1)
    assert [("a", "left again")] == other.script.done


async def test_closing_carries_out_what_waits(running: Running) -> None:
    process = running.open()
    await running.add(A, "1", "2", "3")
    process.worker.wake()
    await process.worker.close()
    await process.worker.close()
    assert (0, ["1", "2", "3"]) == (await running.waiting(), [name for _, name in process.script.done])


@pytest.mark.parametrize(("side", "pause"), [(Side.TWILIO, working.UNCLEAR), (Side.ACS, 0.0)])
async def test_closing_waits_for_nobody_who_hangs_and_others_go_on_as_soon_as_that_has_no_effect_any_more(
    running: Running, monkeypatch: pytest.MonkeyPatch, side: Side, pause: float
) -> None:
    monkeypatch.setattr(working, "GOODBYE", 0.05)
    await running.pin(C, Stage.LIVE if side is Side.TWILIO else Stage.DUALWRITE)
    process = running.open()

    async def hang() -> None:
        await asyncio.Event().wait()

    process.script.acts[C] = hang
    await running.add(C, "1", side=side)
    process.worker.wake()

    async def is_begun() -> bool:
        return bool(process.script.begun)

    await eventually(is_begun)
    await process.worker.close()
    assert (1, set()) == (await running.waiting(), {*process.worker._under_way})
    second = running.open()
    second.worker.wake()
    running.pass_time(pause + 1)
    await running.empty()
    assert [("c", "1")] == second.script.done
