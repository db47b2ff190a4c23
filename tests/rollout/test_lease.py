"""What one process does at a time."""

from __future__ import annotations

import asyncio

import pytest

from tests.rollout.clock import turns
from twilio_compat.errors import ConflictError, ServiceUnavailableError
from twilio_compat.rollout.moving.lease import HELD, leased


class MemoryLeases:
    """Leases that end when a test says so."""

    def __init__(self) -> None:
        self.holders: dict[str, str] = {}
        self.failure: Exception | None = None

    async def hold(self, name: str, holder: str, *, seconds: float) -> bool:
        assert HELD == seconds
        if self.failure is not None:
            raise self.failure
        return self.holders.setdefault(name, holder) == holder

    async def release(self, name: str, holder: str) -> None:
        if self.holders.get(name) == holder:
            del self.holders[name]


class Naps:
    """Sleep that ends when a test says so."""

    def __init__(self) -> None:
        self.asleep: list[asyncio.Future[None]] = []

    async def __call__(self, seconds: float) -> None:
        assert HELD / 3 == seconds
        self.asleep.append(asyncio.get_running_loop().create_future())
        await self.asleep[-1]

    async def over(self) -> None:
        await turns()
        self.asleep.pop().set_result(None)
        await turns()


@pytest.fixture
def leases() -> MemoryLeases:
    return MemoryLeases()


async def test_it_is_held_in_the_block_and_given_up_after_it(leases: MemoryLeases) -> None:
    async with leased(leases, "one", busy="busy"):
        with pytest.raises(ConflictError, match="busy"):
            async with leased(leases, "one", busy="busy"):
                pass
    async with leased(leases, "one", busy="busy"):
        pass
    assert {} == leases.holders


async def test_it_is_given_up_after_a_failure(leases: MemoryLeases) -> None:
    with pytest.raises(ValueError, match="a mistake"):
        async with leased(leases, "one", busy="busy"):
            raise ValueError("a mistake")
    assert {} == leases.holders


async def test_a_block_that_has_lost_it_is_called_off(leases: MemoryLeases) -> None:
    naps = Naps()

    async def work() -> None:
        async with leased(leases, "one", busy="somebody else", sleep=naps):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await naps.over()
    assert not task.done()
    leases.holders["one"] = "another process"
    await naps.over()
    with pytest.raises(ConflictError, match="somebody else"):
        await task
    assert {"one": "another process"} == leases.holders


async def test_a_store_that_fails_for_a_moment_does_not_end_it(leases: MemoryLeases) -> None:
    naps = Naps()

    async def work() -> None:
        async with leased(leases, "one", busy="busy", sleep=naps):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await turns()
    leases.failure = ServiceUnavailableError("the store is down")
    await naps.over()
    leases.failure = None
    await naps.over()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {} == leases.holders
