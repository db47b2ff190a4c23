"""What is read from the store is known for a second."""

from __future__ import annotations

import asyncio

import pytest

from tests.rollout.clock import Clock, turns
from twilio_compat.rollout.staging.fresh import LASTS, Fresh


class Source:
    """Counts reads; each takes as long as a test says."""

    def __init__(self) -> None:
        self.reads = 0
        self.value: str | None = "one"
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> str | None:
        self.reads += 1
        value = self.value
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return value


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def fresh(source: Source, clock: Clock) -> Fresh[str | None]:
    return Fresh(source, clock=clock, what="The value")


async def test_a_value_is_read_once_as_long_as_it_is_young(
    fresh: Fresh[str], source: Source, clock: Clock
) -> None:
    assert ["one"] * 3 == [await fresh.get() for _ in range(3)]
    clock.move(LASTS / 2 - 0.01)
    assert ("one", 1) == (await fresh.get(), source.reads)


async def test_one_that_is_nothing_is_known_as_well(fresh: Fresh[str], source: Source) -> None:
    source.value = None
    assert [None, None] == [await fresh.get(), await fresh.get()]
    assert 1 == source.reads


async def test_from_half_its_age_on_it_is_read_again_while_nobody_waits(
    fresh: Fresh[str], source: Source, clock: Clock
) -> None:
    await fresh.get()
    source.value = "two"
    clock.move(LASTS / 2)
    source.open.clear()
    assert ["one", "one"] == [await fresh.get(), await fresh.get()]
    source.open.set()
    await turns()
    assert ("two", 2) == (await fresh.get(), source.reads)


async def test_who_would_be_told_something_too_old_waits(
    fresh: Fresh[str], source: Source, clock: Clock
) -> None:
    await fresh.get()
    source.value = "two"
    clock.move(LASTS)
    assert ["two"] * 3 == await asyncio.gather(*(fresh.get() for _ in range(3)))
    assert 2 == source.reads


async def test_its_age_counts_from_when_the_read_began(
    fresh: Fresh[str], source: Source, clock: Clock
) -> None:
    source.open.clear()
    asking = asyncio.ensure_future(fresh.get())
    await turns()
    clock.move(0.75)
    source.open.set()
    await asking
    assert 0.75 == fresh.age


async def test_what_was_just_written_counts_more_than_a_read_that_began_before(
    fresh: Fresh[str], source: Source
) -> None:
    source.open.clear()
    asking = asyncio.ensure_future(fresh.get())
    await turns()
    fresh.put("written")
    source.open.set()
    assert ["written", "written", 1] == [await asking, await fresh.get(), source.reads]


async def test_what_is_to_be_forgotten_is_not_taken_from_a_read_that_began_before(
    fresh: Fresh[str], source: Source
) -> None:
    source.open.clear()
    asking = asyncio.ensure_future(fresh.get())
    await turns()
    source.value = "two"
    fresh.forget()
    source.open.set()
    assert ["two", "two", 2] == [await asking, await fresh.get(), source.reads]


async def test_a_read_that_fails_is_told_to_who_waits_and_tried_again(
    fresh: Fresh[str], source: Source
) -> None:
    source.failure = ConnectionError("no store")
    with pytest.raises(ConnectionError, match="no store"):
        await fresh.get()
    source.failure = None
    assert "one" == await fresh.get()


async def test_one_that_fails_while_nobody_waits_is_noted(
    fresh: Fresh[str], source: Source, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "twilio_compat.rollout")
    await fresh.get()
    source.failure = ConnectionError("no store")
    clock.move(LASTS * 0.75)
    assert "one" == await fresh.get()
    await turns()
    assert ["The value could not be read: no store"] == caplog.messages
    clock.move(LASTS / 4)
    with pytest.raises(ConnectionError):
        await fresh.get()


async def test_a_caller_who_gives_up_takes_nothing_from_the_others(fresh: Fresh[str], source: Source) -> None:
    source.open.clear()
    first, second = (asyncio.ensure_future(fresh.get()) for _ in range(2))
    await turns()
    first.cancel()
    source.open.set()
    assert "one" == await second


async def test_closing_ends_a_read(fresh: Fresh[str], source: Source) -> None:
    await fresh.close()
    source.open.clear()
    asking = asyncio.ensure_future(fresh.get())
    await turns()
    await fresh.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
