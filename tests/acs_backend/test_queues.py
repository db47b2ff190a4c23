"""Errands are done in the order of their lines, at least once, and by one process at a time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

from acs_backend.queues import KEPT, Queues
from acs_backend.store import schema
from acs_backend.store.database import Database
from tests.acs_backend.clock import Clock
from tests.acs_backend.store.databases import opened
from twilio_compat.account import Backlog, Errand, TakenErrand

T = TypeVar("T")

QUEUE = "webhooks"
HOLD = 30.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(shared_store: str) -> AsyncIterator[Database]:
    async with opened(shared_store) as found:
        yield found


@pytest.fixture
def queues(database: Database, clock: Clock) -> Queues:
    return Queues(database, clock=clock)


@pytest.fixture
async def elsewhere(shared_store: str, clock: Clock) -> AsyncIterator[Queues]:
    """Return the queues of another process."""
    async with opened(shared_store) as database:
        yield Queues(database, clock=clock)


def errand(clock: Clock, key: str, *, line: str = "CH1", queue: str = QUEUE, after: float = 0) -> Errand:
    return Errand(queue=queue, line=line, key=key, content={"key": key}, due=clock.at(after))


def errands(clock: Clock, line: str, *keys: str) -> list[Errand]:
    return [errand(clock, each, line=line) for each in keys]


async def take(queues: Queues, limit: int = 100) -> Sequence[TakenErrand]:
    return await queues.take(QUEUE, limit=limit, hold=HOLD)


async def keys(queues: Queues, limit: int = 100) -> list[str]:
    return [each.errand.key for each in await take(queues, limit)]


async def test_an_errand_is_taken_as_it_was_added(queues: Queues, elsewhere: Queues, clock: Clock) -> None:
    added = errand(clock, "a")
    assert 1 == await queues.add([added])
    (taken,) = await take(elsewhere)
    assert (added, 0, None) == (taken.errand, taken.attempts, taken.last_error)


async def test_what_is_added_twice_is_done_once(queues: Queues, elsewhere: Queues, clock: Clock) -> None:
    both = errands(clock, "CH1", "a", "b", "a")
    assert 2 == await queues.add(both)
    assert 0 == await elsewhere.add(both)
    assert 1 == await queues.add([errand(clock, "a", queue="other"), *both])
    (first,) = await take(queues)
    await queues.done(first.errand_id)
    assert 0 == await elsewhere.add(both)
    assert ["b"] == await keys(queues)


async def test_of_several_who_add_the_same_at_once_one_does(
    queues: Queues, elsewhere: Queues, clock: Clock
) -> None:
    batch = errands(clock, "CH1", *map(str, range(20)))
    added = await asyncio.gather(*(each.add(batch) for each in (queues, elsewhere) * 4))
    assert 20 == sum(added)
    assert Backlog(waiting=20, dead=0, oldest=clock.now) == await queues.backlog(QUEUE)


async def test_nothing_is_added_where_there_is_nothing_to_add(queues: Queues) -> None:
    assert 0 == await queues.add([])
    assert await queues.next_due(QUEUE) is None
    assert [] == await take(queues)


async def test_of_each_line_the_first_is_taken(queues: Queues, clock: Clock) -> None:
    await queues.add([*errands(clock, "CH1", "a1", "a2"), *errands(clock, "CH2", "b1", "b2")])
    assert {"a1", "b1"} == {*await keys(queues)}
    assert [] == await keys(queues)


async def test_of_several_who_take_at_once_nobody_gets_what_another_has(
    queues: Queues, elsewhere: Queues, clock: Clock
) -> None:
    await queues.add([errand(clock, str(n), line=str(n)) for n in range(40)])
    taken = await asyncio.gather(*(keys(each, 7) for each in (queues, elsewhere) * 4))
    assert sorted(map(str, range(40))) == sorted(key for each in taken for key in each)


async def test_the_next_of_a_line_comes_when_the_first_is_done(queues: Queues, clock: Clock) -> None:
    await queues.add(errands(clock, "CH1", "a", "b"))
    (first,) = await take(queues)
    await queues.done(first.errand_id)
    assert ["b"] == await keys(queues)
    assert 1 == (await queues.backlog(QUEUE)).waiting


async def test_a_failing_one_blocks_its_line_until_it_is_tried_again(queues: Queues, clock: Clock) -> None:
    await queues.add(errands(clock, "CH1", "a", "b"))
    (first,) = await take(queues)
    await queues.retry(first.errand_id, at=clock.at(10), error="answered 500\0")
    assert clock.at(10) == await queues.next_due(QUEUE)
    clock.move(9)
    assert [] == await keys(queues)
    clock.move(1)
    (again,) = await take(queues)
    assert ("a", 1, "answered 500?") == (again.errand.key, again.attempts, again.last_error)


async def test_one_that_is_not_due_holds_up_its_line_alone(queues: Queues, clock: Clock) -> None:
    await queues.add([errand(clock, "late", after=60), *errands(clock, "CH1", "behind")])
    await queues.add(errands(clock, "CH2", "other"))
    assert ["other"] == await keys(queues)
    clock.move(60)
    assert "late" in await keys(queues)


async def test_one_that_nobody_has_taken_can_be_amended(
    queues: Queues, elsewhere: Queues, clock: Clock
) -> None:
    await queues.add([errand(clock, "a", after=60), errand(clock, "b")])
    assert [] == await keys(queues)
    assert await elsewhere.amend(QUEUE, "a", content={"more": 1}, due=clock.now)
    (taken,) = await take(queues)
    assert ("a", {"more": 1}, clock.now) == (taken.errand.key, taken.errand.content, taken.errand.due)


async def test_one_that_was_taken_or_is_over_or_unknown_is_neither_amended_nor_withdrawn(
    queues: Queues, elsewhere: Queues, clock: Clock
) -> None:
    await queues.add([errand(clock, "a")])
    (taken,) = await take(queues)
    for key in ("a", "unknown"):
        assert not await elsewhere.amend(QUEUE, key, content={}, due=clock.now)
        assert not await elsewhere.withdraw(QUEUE, key)
    await queues.done(taken.errand_id)
    assert not await elsewhere.amend(QUEUE, "a", content={}, due=clock.now)


async def test_one_whose_taker_is_gone_can_be_amended(queues: Queues, clock: Clock) -> None:
    await queues.add([errand(clock, "a")])
    await take(queues)
    clock.move(HOLD + 1)
    assert await queues.amend(QUEUE, "a", content={"more": 1}, due=clock.now)


async def test_the_line_of_one_that_was_withdrawn_goes_on(queues: Queues, clock: Clock) -> None:
    await queues.add([errand(clock, "a", after=60), errand(clock, "b")])
    assert await queues.withdraw(QUEUE, "a")
    assert ["b"] == await keys(queues)
    assert 0 == await queues.add([errand(clock, "a")])


async def test_what_waits_in_a_line_is_counted_with_what_was_given_up(queues: Queues, clock: Clock) -> None:
    await queues.add([*errands(clock, "CH1", "a", "b"), *errands(clock, "CH2", "c")])
    first, _ = await take(queues)
    await queues.bury(first.errand_id, error="gone")
    assert Backlog(waiting=1, dead=1, oldest=clock.now) == await queues.of_line(QUEUE, "CH1")
    assert Backlog(waiting=0, dead=0) == await queues.of_line(QUEUE, "CH3")


async def test_one_that_was_given_up_lets_its_line_go_on(queues: Queues, clock: Clock) -> None:
    await queues.add(errands(clock, "CH1", "a", "b"))
    (first,) = await take(queues)
    await queues.bury(first.errand_id, error="gone")
    assert ["b"] == await keys(queues)
    (buried,) = await queues.dead(QUEUE, limit=10)
    assert ("a", "gone", 1) == (buried.errand.key, buried.last_error, buried.attempts)
    assert Backlog(waiting=1, dead=1, oldest=clock.now) == await queues.backlog(QUEUE)


async def test_the_first_of_those_that_were_given_up_are_told_first(queues: Queues, clock: Clock) -> None:
    await queues.add([errand(clock, key, line=key) for key in "abc"])
    for each in sorted(await take(queues), key=lambda each: each.errand.key, reverse=True):
        await queues.bury(each.errand_id, error="gone")
        clock.move(1)
    assert ["c", "b"] == [each.errand.key for each in await queues.dead(QUEUE, limit=2)]


async def test_whose_holder_died_is_taken_by_the_next(
    queues: Queues, elsewhere: Queues, clock: Clock
) -> None:
    await queues.add(errands(clock, "CH1", "a", "b"))
    await take(queues)
    clock.move(HOLD - 1)
    assert [] == await keys(elsewhere)
    clock.move(1)
    (again,) = await take(elsewhere)
    assert ("a", 1) == (again.errand.key, again.attempts)


async def test_who_is_done_too_late_does_not_release_what_another_holds(
    queues: Queues, elsewhere: Queues, clock: Clock
) -> None:
    await queues.add(errands(clock, "CH1", "a", "b", "c"))
    (slow,) = await take(queues)
    clock.move(HOLD)
    (quick,) = await take(elsewhere)
    await elsewhere.done(quick.errand_id)
    assert ["b"] == await keys(elsewhere)
    await queues.done(slow.errand_id)
    await queues.retry(slow.errand_id, at=clock.now, error="late")
    await queues.bury(slow.errand_id, error="late")
    assert [] == await keys(queues)
    assert Backlog(waiting=2, dead=0, oldest=clock.at(-HOLD)) == await queues.backlog(QUEUE)


async def test_those_that_were_given_up_are_done_again_before_what_came_after_them(
    queues: Queues, clock: Clock
) -> None:
    await queues.add([*errands(clock, "CH1", "a", "b"), *errands(clock, "CH2", "c")])
    for each in await take(queues):
        await queues.bury(each.errand_id, error="gone")
    assert 2 == await queues.revive(QUEUE)
    taken = {each.errand.key: each.attempts for each in await take(queues)}
    assert {"a": 0, "c": 0} == taken
    assert [] == await queues.dead(QUEUE, limit=10)
    assert 0 == await queues.revive(QUEUE)


async def test_some_of_those_that_were_given_up_are_done_again(queues: Queues, clock: Clock) -> None:
    await queues.add([errand(clock, key, line=key) for key in "abc"])
    for each in await take(queues):
        await queues.bury(each.errand_id, error="gone")
    assert 2 == await queues.revive(QUEUE, ["a", "c", "unknown"])
    assert {"a", "c"} == {*await keys(queues)}
    assert ["b"] == [each.errand.key for each in await queues.dead(QUEUE, limit=10)]


async def test_what_is_revived_waits_for_whoever_holds_its_line(queues: Queues, clock: Clock) -> None:
    await queues.add(errands(clock, "CH1", "a", "b"))
    (first,) = await take(queues)
    await queues.bury(first.errand_id, error="gone")
    (second,) = await take(queues)
    await queues.revive(QUEUE)
    assert [] == await keys(queues)
    await queues.done(second.errand_id)
    assert ["a"] == await keys(queues)


async def test_what_is_revived_behind_one_that_is_put_off_waits_for_it(queues: Queues, clock: Clock) -> None:
    await queues.add(errands(clock, "CH1", "a", "b"))
    (first,) = await take(queues)
    await queues.bury(first.errand_id, error="gone")
    (second,) = await take(queues)
    await queues.bury(second.errand_id, error="gone")
    await queues.revive(QUEUE, ["a"])
    (again,) = await take(queues)
    await queues.retry(again.errand_id, at=clock.at(60), error="again")
    await queues.revive(QUEUE, ["b"])
    assert [] == await keys(queues)
    assert clock.at(60) == await queues.next_due(QUEUE)


async def test_queues_know_nothing_of_each_other(queues: Queues, clock: Clock) -> None:
    await queues.add([errand(clock, "a", queue="one"), errand(clock, "a", queue="two")])
    assert ["one"] == [each.errand.queue for each in await queues.take("one", limit=9, hold=HOLD)]
    assert Backlog(waiting=1, dead=0, oldest=clock.now) == await queues.backlog("two")
    assert Backlog(waiting=0, dead=0) == await queues.backlog("three")
    assert 0 == await queues.revive("two")


async def test_what_is_unknown_is_no_trouble(queues: Queues, clock: Clock) -> None:
    await queues.done(17)
    await queues.retry(17, at=clock.now, error="x")
    await queues.bury(17, error="x")


async def finish(queues: Queues, *, dead: int) -> None:
    """Bury some of what is due, and be done with the rest."""
    while taken := await take(queues):
        for each in taken:
            if dead:
                dead -= 1
                await queues.bury(each.errand_id, error="gone")
            else:
                await queues.done(each.errand_id)


async def test_what_is_over_is_forgotten_after_a_week_and_not_before(
    queues: Queues, database: Database, clock: Clock
) -> None:
    await queues.add([errand(clock, f"old {n}", line=str(n)) for n in range(90)])
    await finish(queues, dead=20)
    await queues.add([errand(clock, "waits", line="waits", after=KEPT.total_seconds() * 2)])
    clock.move(KEPT.total_seconds())
    await queues.add([errand(clock, f"new {n}", line=str(n)) for n in range(20)])
    assert 0 == await queues.add([errand(clock, "old 25")])
    assert 20 == (await queues.backlog(QUEUE)).dead
    clock.move(1)
    await queues.add([errand(clock, f"newer {n}", line=str(n)) for n in range(100)])
    async with database.read() as connection:
        count = await connection.scalar(select(func.count()).select_from(schema.errands))
    assert 1 + 20 + 100 == count
    assert 1 == await queues.add([errand(clock, "old 25", line="again")])


async def test_what_is_over_is_forgotten_though_every_process_adds_the_same(
    database: Database, clock: Clock
) -> None:
    processes = [Queues(database, clock=clock) for _ in range(2)]
    await processes[0].add([errand(clock, f"old {n}", line=str(n)) for n in range(90)])
    await finish(processes[0], dead=0)
    clock.move(KEPT.total_seconds() + 1)
    for number in range(110):
        assert [1, 0] == [await each.add([errand(clock, f"{number}")]) for each in processes]
    async with database.read() as connection:
        count = await connection.scalar(select(func.count()).select_from(schema.errands))
    assert 110 == count


async def test_long_lines_and_many_lines_are_served_from_indexes(tmp_path: Path, clock: Clock) -> None:
    async with opened(f"sqlite:///{tmp_path / 'store.db'}") as database:
        queues = Queues(database, clock=clock)
        await queues.add([errand(clock, f"{n}", line=str(n % 7)) for n in range(2000)])
        async with database.read() as connection:
            with recorded(connection.engine.sync_engine) as statements:
                await some_of_everything(Queues(database, clock=clock), clock)
            assert len(statements) > 20
            for statement, values in statements:
                rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                plan = [str(row) for row in rows]
                assert [] == [each for each in plan if "SCAN" in each and "CONSTANT" not in each], statement


async def some_of_everything(queues: Queues, clock: Clock) -> None:
    taken = await take(queues, 3)
    await queues.done(taken[0].errand_id)
    await queues.retry(taken[1].errand_id, at=clock.at(9), error="x")
    await queues.bury(taken[2].errand_id, error="x")
    await queues.dead(QUEUE, limit=5)
    await queues.revive(QUEUE, [taken[2].errand.key])
    await queues.backlog(QUEUE)
    await queues.next_due(QUEUE)
    await queues.add([errand(clock, f"more {n}", line=str(n)) for n in range(200)])


@contextmanager
def recorded(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements on errands that are more than an insertion, with their values."""
    seen: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        if "errand" in statement and not statement.startswith("INSERT"):
            seen.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


# Against a model


@dataclass
class ModelErrand:
    """What a reader of the port's words knows of an errand."""

    key: str
    line: int
    due: datetime
    state: str = "waiting"
    attempts: int = 0


class Work(RuleBasedStateMachine):
    """Two takers, of whom each may be slow or die, and a clock that moves when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.clock = Clock()
        url = f"sqlite:///{Path(self.directory.name) / 'store.db'}"
        self.databases = [Database(url), Database(url)]
        self.takers = [Queues(each, clock=self.clock) for each in self.databases]
        self.all: list[ModelErrand] = []
        self.holds: dict[int, tuple[ModelErrand, datetime]] = {}
        """By line: what is held, and until when."""
        self.taken: list[tuple[int, ModelErrand]] = []
        """Everything that was ever taken, with its number: a taker may come back to it at any time."""

    def run(self, awaitable: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(awaitable)

    def teardown(self) -> None:
        for each in self.databases:
            self.run(each.close())
        self.loop.close()
        self.directory.cleanup()

    def head(self, line: int) -> ModelErrand | None:
        return next((each for each in self.all if each.line == line and each.state == "waiting"), None)

    def held(self, line: int) -> ModelErrand | None:
        found, until = self.holds.get(line, (None, self.clock.now))
        return found if until > self.clock.now else None

    def ready(self) -> list[ModelErrand]:
        heads = [self.head(line) for line in range(3) if self.held(line) is None]
        return [each for each in heads if each is not None and each.due <= self.clock.now]

    def over(self, errand: ModelErrand) -> None:
        """Let a line go on if *errand* is what was held there."""
        if self.holds.get(errand.line, (None, None))[0] is errand:
            del self.holds[errand.line]

    @rule(
        keys=st.lists(st.integers(0, 12), min_size=1, max_size=4),
        after=st.sampled_from([0, 0, 20]),
        taker=st.integers(0, 1),
    )
    def add(self, keys: list[int], after: float, taker: int) -> None:
        known = {each.key for each in self.all}
        fresh = [each for each in dict.fromkeys(keys) if str(each) not in known]
        new = [ModelErrand(str(each), each % 3, self.clock.at(after)) for each in fresh]
        batch = [
            Errand(queue=QUEUE, line=str(key % 3), key=str(key), content={}, due=self.clock.at(after))
            for key in keys
        ]
        assert len(new) == self.run(self.takers[taker].add(batch))
        self.all += new

    @rule(seconds=st.sampled_from([0.001, 1, 15, 30]))
    def wait(self, seconds: float) -> None:
        self.clock.move(seconds)

    @rule(taker=st.integers(0, 1), limit=st.integers(1, 4))
    def take(self, taker: int, limit: int) -> None:
        ready = {each.key: each for each in self.ready()}
        found = self.run(self.takers[taker].take(QUEUE, limit=limit, hold=HOLD))
        for each in found:
            model = ready.pop(each.errand.key)
            assert (str(model.line), model.attempts) == (each.errand.line, each.attempts)
            model.attempts += 1
            self.holds[model.line] = (model, self.clock.at(HOLD))
            self.taken.append((each.errand_id, model))
        assert len(found) == limit or not ready or self.has_stale_lines()

    def has_stale_lines(self) -> bool:
        """Whether the first of a line was put off past its hold, which costs whoever takes next a place."""
        heads = [self.head(line) for line in range(3)]
        return any(each is not None and each.due > self.clock.now for each in heads)

    @rule(data=st.data(), taker=st.integers(0, 1))
    def be_done(self, data: st.DataObject, taker: int) -> None:
        if self.taken:
            number, model = data.draw(st.sampled_from(self.taken))
            self.run(self.takers[taker].done(number))
            if model.state == "waiting":
                self.over(model)
            model.state = "done"

    @rule(data=st.data(), taker=st.integers(0, 1), after=st.sampled_from([0, 10, 100]))
    def fail(self, data: st.DataObject, taker: int, after: float) -> None:
        if self.taken:
            number, model = data.draw(st.sampled_from(self.taken))
            self.run(self.takers[taker].retry(number, at=self.clock.at(after), error="failed"))
            if model.state == "waiting":
                model.due = self.clock.at(after)
                self.over(model)

    @rule(data=st.data(), taker=st.integers(0, 1))
    def give_up(self, data: st.DataObject, taker: int) -> None:
        if self.taken:
            number, model = data.draw(st.sampled_from(self.taken))
            self.run(self.takers[taker].bury(number, error="gone"))
            if model.state == "waiting":
                model.state = "dead"
                self.over(model)

    @rule(keys=st.none() | st.lists(st.integers(0, 12), max_size=3), taker=st.integers(0, 1))
    def revive(self, keys: list[int] | None, taker: int) -> None:
        wanted = None if keys is None else [*map(str, keys)]
        dead = [each for each in self.all if each.state == "dead" and (wanted is None or each.key in wanted)]
        assert len(dead) == self.run(self.takers[taker].revive(QUEUE, wanted))
        for each in dead:
            each.state, each.due, each.attempts = "waiting", self.clock.now, 0

    @invariant()
    def the_backlog_is_told(self) -> None:
        waiting = [each for each in self.all if each.state == "waiting"]
        dead = [each for each in self.all if each.state == "dead"]
        found = self.run(self.takers[0].backlog(QUEUE))
        assert (len(waiting), len(dead)) == (found.waiting, found.dead)
        told = {each.errand.key for each in self.run(self.takers[1].dead(QUEUE, limit=99))}
        assert {each.key for each in dead} == told

    @invariant()
    def nobody_sleeps_past_what_is_ready(self) -> None:
        due = self.run(self.takers[1].next_due(QUEUE))
        waiting = any(each.state == "waiting" for each in self.all)
        assert waiting == (due is not None)
        if self.ready():
            assert due is not None
            assert due <= self.clock.now


TestWork = Work.TestCase
TestWork.settings = settings(max_examples=60, stateful_step_count=40)


def test_a_week_is_kept() -> None:
    assert timedelta(days=7) == KEPT
