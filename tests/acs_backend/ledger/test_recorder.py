"""Many senders, several processes, lost answers and foreign writers, in every interleaving a seed can draw."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.clients import AcsUser
from acs_backend.ledger.foresight import NOTICE
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.listings import Listings
from acs_backend.ledger.recorder import Recorder, Sending
from acs_backend.ledger.writer_lease import WriterLease
from acs_backend.retries import Retries
from acs_backend.store import conversations, messages, writers
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from tests.acs_backend.thread_model import ThreadModel
from twilio_compat.errors import ClosedError

THREAD = "19:thread@thread.v2"
SENDER: Any = AcsUser("8:acs:sender", None)  # type: ignore[arg-type]  # nobody asks for its token here


class RefusedError(Exception):
    """The service said no."""


class Time:
    """A clock that all processes share; it moves when somebody waits for it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class SlowDatabase(Database):
    """A database on the other side of a network: others go on while it begins a transaction, and while it ends it."""

    def __init__(self, url: str, dawdle: Callable[[], Awaitable[None]]) -> None:
        super().__init__(url)
        self._dawdle = dawdle

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[AsyncConnection]:
        await self._dawdle()
        async with super().write(durable=durable) as connection:
            yield connection
        await self._dawdle()


class Process:
    """What one process has: its connection to the store, its lease, its recorder."""

    def __init__(self, store: str, model: ThreadModel, chance: random.Random, time: Time) -> None:
        self.database = SlowDatabase(store, self.dawdle)
        self.ledger = Ledger(
            self.database,
            Listings(model.clients(), Retries(deadline=10, attempt_timeout=10), largest_page=4),
        )
        self.time = time
        lease = WriterLease(self.database, deadline=10, clock=lambda: time.now, sleep=time.sleep)
        self.recorder = Recorder(
            self.database,
            self.ledger,
            lease,
            doubt=0,
            clock=lambda: time.now,
            sleep=lambda seconds: self.dawdle(),
            patience=30,
        )
        self.model = model
        self.chance = chance

    async def make_conversation(self) -> None:
        row = conversations.adopted(THREAD, topic="t", created_by="c", created_at=0)
        async with self.database.write() as connection:
            assert await conversations.add(connection, replace(row, native=False))

    async def send(self, mutation_id: str, fate: str) -> LedgerRow | None:
        """Send as `Sender` does, at the pace that chance draws; return the row, None for a send that failed."""
        for _ in range(self.chance.randrange(400)):
            await asyncio.sleep(0)
        try:
            async with self.recorder.sending(SENDER, THREAD, mutation_id) as sending:
                if self.chance.random() < 0.3:
                    with self.recorder.set_aside(sending):
                        await self.dawdle()
                await self.dawdle()
                if fate == "refused":
                    raise RefusedError
                line = self.model.add(mutation_id)
                await self.dawdle()
                if fate == "unclear":
                    self.recorder.cast_doubt(sending)
                    await self.dawdle()
                    line = self.model.add(mutation_id)
                    await self.dawdle()
                if fate == "cancelled":
                    raise asyncio.CancelledError
                sending.message_id = line.message_id
        except (RefusedError, asyncio.CancelledError):
            return None
        return await self.recorder.index(sending)

    async def dawdle(self) -> None:
        self.time.now += self.chance.choice([0, 0, 0, NOTICE / 4])
        for _ in range(self.chance.choice([0, 1, 3, 10, 40])):
            await asyncio.sleep(0)


async def write_past(model: ThreadModel, process: Process, count: int) -> None:
    async with process.database.write() as connection:
        await conversations.mark_native(connection, THREAD)
    await process.time.sleep(NOTICE)
    for _ in range(count):
        await process.dawdle()
        model.add()


async def simulate(
    store: str, seed: int, fates: Sequence[str], processes: int, foreign: int
) -> tuple[ThreadModel, list[LedgerRow], dict[int, LedgerRow]]:
    """Run all sends; return the thread, the rows that the senders got, and the ledger after a last listing."""
    chance, model = random.Random(seed), ThreadModel(slowness=seed % 30)
    time = Time()
    running = [Process(store, model, chance, time) for _ in range(processes)]
    await running[0].make_conversation()
    senders = [chance.choice(running).send(f"mutation {number}", fate) for number, fate in enumerate(fates)]
    got = await asyncio.gather(*senders, *([write_past(model, running[0], foreign)] if foreign else []))
    for each in running:
        await each.recorder.close()
    await running[0].ledger.catch_up(SENDER, THREAD, size=4, down_to=lambda entry: entry.sequence <= 1)
    listing = await running[0].ledger._listings.read(SENDER, THREAD, size=200, known=lambda entry: False)
    await running[0].ledger.absorb(THREAD, listing)
    ledger = await running[0].ledger.rows(THREAD, [each.message_id for each in model.messages])
    for each in running:
        await each.database.close()
    return model, [each for each in got if each is not None], ledger


async def test_a_send_that_looks_is_not_overtaken_by_one_that_need_not(tmp_path: Path) -> None:
    model = ThreadModel(gate=asyncio.Event())
    process = Process(f"sqlite:///{tmp_path}/store.db", model, random.Random(0), Time())
    await process.make_conversation()

    async def post(mutation_id: str) -> asyncio.Future[LedgerRow]:
        async with process.recorder.sending(SENDER, THREAD, mutation_id) as sending:
            sending.message_id = model.add(mutation_id).message_id
        return asyncio.ensure_future(process.recorder.index(sending))

    first = await post("first")
    await until(lambda: model.pages_read == 1)
    looking = await post("looking")
    first_gate, model.gate = model.gate, asyncio.Event()
    assert first_gate is not None
    first_gate.set()
    await until(lambda: model.pages_read == 2)
    settled = await post("settled")
    assert [0, 2] == [(await first).index, (await settled).index]
    model.gate.set()
    assert 1 == (await looking).index
    await process.recorder.close()
    await process.database.close()


async def test_a_send_that_looks_does_not_overtake_one_that_is_not_answered_yet(tmp_path: Path) -> None:
    model = ThreadModel(gate=asyncio.Event())
    process = Process(f"sqlite:///{tmp_path}/store.db", model, random.Random(0), Time())
    await process.make_conversation()

    async def begin(mutation_id: str) -> tuple[asyncio.Event, asyncio.Task[LedgerRow]]:
        """Have a message created; it is answered when the event is set."""
        answered, count = asyncio.Event(), len(model.messages)

        async def send() -> LedgerRow:
            async with process.recorder.sending(SENDER, THREAD, mutation_id) as sending:
                sending.message_id = model.add(mutation_id).message_id
                await answered.wait()
            return await process.recorder.index(sending)

        task = asyncio.create_task(send())
        await until(lambda: len(model.messages) > count)
        return answered, task

    sends = [await begin(each) for each in ("early", "listing")]
    sends[1][0].set()
    await until(lambda: model.pages_read == 1)
    sends += [await begin(each) for each in ("slow", "looking")]
    sends[3][0].set()
    first_gate, model.gate = model.gate, asyncio.Event()
    assert first_gate is not None
    first_gate.set()
    await until(lambda: model.pages_read == 2)
    sends[0][0].set()
    assert 0 == (await sends[0][1]).index
    sends[2][0].set()
    model.gate.set()
    assert [0, 1, 2, 3] == [(await task).index for _, task in sends]
    await process.recorder.close()
    await process.database.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until *condition* holds; nothing tells when."""
    while not condition():  # noqa: ASYNC110  # no event stands for it
        await asyncio.sleep(0)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes on one store, with a conversation; each learns of the other only by looking."""
    model, time = ThreadModel(), Time()
    one, other = (Process(f"sqlite:///{tmp_path}/store.db", model, random.Random(0), time) for _ in range(2))
    await one.make_conversation()
    yield one, other
    for each in (one, other):
        await each.recorder.close()
        await each.database.close()


async def post(process: Process, mutation_id: str) -> Sending:
    """Have a message sent, and not written down yet."""
    async with process.recorder.sending(SENDER, THREAD, mutation_id) as sending:
        sending.message_id = process.model.add(mutation_id).message_id
    return sending


async def index_of(process: Process, mutation_id: str) -> int | None:
    return (await process.recorder.index(await post(process, mutation_id))).index


async def test_what_a_process_left_when_it_died_is_found_when_its_lease_has_ended(
    two: tuple[Process, Process],
) -> None:
    one, other = two
    assert 0 == await index_of(one, "0")
    await one.time.sleep(4)
    assert 1 == await index_of(other, "1")
    await one.time.sleep(17)
    assert 2 == await index_of(one, "2")
    await post(other, "3, which the other process does not live to write down")
    await one.time.sleep(25)
    assert 4 == await index_of(one, "4")


async def test_what_a_process_left_in_doubt_when_it_closed_is_found_by_the_next_sender(
    two: tuple[Process, Process],
) -> None:
    one, other = two
    assert 0 == await index_of(one, "0")
    async with other.recorder.sending(SENDER, THREAD, "1") as sending:
        other.model.add("1")
        other.recorder.cast_doubt(sending)
    await other.recorder.close()
    assert 2 == await index_of(one, "2")


async def test_a_process_that_leaves_nothing_behind_takes_its_lease_with_it(
    two: tuple[Process, Process],
) -> None:
    one, other = two
    assert 0 == await index_of(other, "0")
    await other.recorder.close()
    async with one.database.read() as connection:
        assert frozenset() == await writers.all_but(connection, "")


async def test_nobody_waits_for_a_send_that_is_set_aside(tmp_path: Path) -> None:
    process = Process(f"sqlite:///{tmp_path}/store.db", ThreadModel(), random.Random(0), Time())
    await process.make_conversation()
    assert 0 == await index_of(process, "0")
    pages_read = process.model.pages_read
    async with process.recorder.sending(SENDER, THREAD, "2") as sending:
        with process.recorder.set_aside(sending):
            assert 1 == await index_of(process, "1")
        sending.message_id = process.model.add("2").message_id
    assert 2 == (await process.recorder.index(sending)).index
    assert pages_read == process.model.pages_read
    await process.recorder.close()
    await process.database.close()


async def test_a_send_that_may_have_had_its_effect_cannot_be_set_aside(tmp_path: Path) -> None:
    process = Process(f"sqlite:///{tmp_path}/store.db", ThreadModel(), random.Random(0), Time())
    await process.make_conversation()
    async with process.recorder.sending(SENDER, THREAD, "0") as sending:
        ticket = sending.ticket
        process.recorder.cast_doubt(sending)
        with process.recorder.set_aside(sending):
            assert ticket == sending.ticket
    await process.recorder.close()
    await process.database.close()


async def test_a_send_that_is_set_aside_ends_with_the_backend(tmp_path: Path) -> None:
    process = Process(f"sqlite:///{tmp_path}/store.db", ThreadModel(), random.Random(0), Time())
    await process.make_conversation()

    async def wait_for_the_end() -> None:
        async with process.recorder.sending(SENDER, THREAD, "0") as sending:
            with process.recorder.set_aside(sending):
                await process.recorder.close()

    with pytest.raises(ClosedError):
        await wait_for_the_end()
    await process.database.close()


class Calm(random.Random):
    """Draws the first of whatever there is: nobody dawdles, and time stands still."""

    def choice(self, seq: Any) -> Any:
        return seq[0]


async def test_indexes_are_told_while_earlier_ones_are_written(tmp_path: Path) -> None:
    process = Process(f"sqlite:///{tmp_path}/store.db", ThreadModel(), Calm(), Time())
    await process.make_conversation()
    assert [0, 1] == [await index_of(process, str(number)) for number in range(2)]
    async with process.database.write():
        assert 2 == await asyncio.wait_for(index_of(process, "2"), 30)
        await asyncio.sleep(0)
        assert process.recorder._door.locked()
        assert [3, 4] == [await asyncio.wait_for(index_of(process, str(number)), 30) for number in (3, 4)]
    assert 5 == await index_of(process, "5")
    await process.recorder.close()
    async with process.database.read() as connection:
        assert 6 == await messages.count(connection, THREAD)
    await process.database.close()


numbers = itertools.count()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    fates=st.lists(
        st.sampled_from(["sent"] * 9 + ["refused", "unclear", "cancelled"]), min_size=10, max_size=40
    ),
    processes=st.integers(1, 3),
    foreign=st.sampled_from([0, 0, 3]),
)
def test_every_message_has_its_rank_as_its_index_and_its_sender_knew_it(
    tmp_path: Path, seed: int, fates: list[str], processes: int, foreign: int
) -> None:
    store = f"sqlite:///{tmp_path}/{next(numbers)}.db"
    model, got, ledger = asyncio.run(simulate(store, seed, fates, processes, foreign))
    first_copies = list(
        {each.mutation_id or str(each.message_id): each for each in reversed(model.messages)}.values()
    )
    expected = {
        each.message_id: rank
        for rank, each in enumerate(sorted(first_copies, key=lambda each: each.message_id))
    }
    indexed = {message_id: row.index for message_id, row in ledger.items() if row.index is not None}
    assert expected == indexed
    assert all(each.index == indexed[each.message_id] for each in got)
    assert fates.count("sent") + fates.count("unclear") == len(got)
