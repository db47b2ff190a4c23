from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from acs_backend.leases import Leases
from tests.acs_backend.clock import Clock
from tests.acs_backend.store.databases import opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def leases(shared_store: str, clock: Clock) -> AsyncIterator[Leases]:
    async with opened(shared_store) as database:
        yield Leases(database, clock=clock)


@pytest.fixture
async def elsewhere(shared_store: str, clock: Clock) -> AsyncIterator[Leases]:
    """Return the leases of another process."""
    async with opened(shared_store) as database:
        yield Leases(database, clock=clock)


async def test_of_several_who_want_a_lease_at_once_one_gets_it(leases: Leases, elsewhere: Leases) -> None:
    got = await asyncio.gather(
        *(each.hold("timers", f"p{n}", seconds=30) for n, each in enumerate((leases, elsewhere) * 4))
    )
    assert 1 == sum(got)


async def test_a_lease_is_kept_by_its_holder_until_it_ends(
    leases: Leases, elsewhere: Leases, clock: Clock
) -> None:
    assert await leases.hold("timers", "one", seconds=30)
    clock.move(29)
    assert not await elsewhere.hold("timers", "two", seconds=30)
    assert await leases.hold("timers", "one", seconds=30)
    clock.move(29)
    assert not await elsewhere.hold("timers", "two", seconds=30)
    clock.move(1)
    assert await elsewhere.hold("timers", "two", seconds=30)
    assert not await leases.hold("timers", "one", seconds=30)


async def test_leases_of_other_names_are_others(leases: Leases, elsewhere: Leases) -> None:
    assert await leases.hold("timers", "one", seconds=30)
    assert await elsewhere.hold("webhooks", "two", seconds=30)


async def test_a_lease_that_is_given_up_is_free_at_once(leases: Leases, elsewhere: Leases) -> None:
    await leases.hold("timers", "one", seconds=30)
    await leases.release("timers", "one")
    assert await elsewhere.hold("timers", "two", seconds=30)


async def test_nobody_gives_up_what_another_holds(leases: Leases, elsewhere: Leases, clock: Clock) -> None:
    await leases.hold("timers", "one", seconds=30)
    clock.move(30)
    await elsewhere.hold("timers", "two", seconds=30)
    await leases.release("timers", "one")
    await leases.close()
    assert not await leases.hold("timers", "three", seconds=30)


async def test_closing_gives_up_everything(leases: Leases, elsewhere: Leases) -> None:
    await leases.hold("timers", "one", seconds=30)
    await leases.hold("webhooks", "one", seconds=30)
    await leases.close()
    assert await elsewhere.hold("timers", "two", seconds=30)
    assert await elsewhere.hold("webhooks", "two", seconds=30)
