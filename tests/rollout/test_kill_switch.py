"""The kill switch: heard of by everybody within a second."""

from __future__ import annotations

import pytest

from tests.rollout.clock import Clock, turns
from tests.rollout.memory_documents import MemoryDocuments
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.rollout.staging.fresh import LASTS
from twilio_compat.rollout.staging.kill_switch import Kill, KillSwitch


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def switch(documents: MemoryDocuments, clock: Clock) -> KillSwitch:
    return KillSwitch(documents, clock=clock, now=clock.now)


@pytest.fixture
def elsewhere(documents: MemoryDocuments, clock: Clock) -> KillSwitch:
    """Return the switch as another process sees it."""
    return KillSwitch(documents, clock=clock, now=clock.now)


async def test_nothing_is_killed_to_begin_with(switch: KillSwitch) -> None:
    assert await switch.state() is None
    assert not await switch.resume()


async def test_who_kills_sees_it_at_once_and_the_others_within_a_second(
    switch: KillSwitch, elsewhere: KillSwitch, clock: Clock
) -> None:
    assert await elsewhere.state() is None
    killed = await switch.kill("too many mismatches")
    assert Kill("too many mismatches", clock.now()) == killed == await switch.state()
    clock.move(LASTS)
    assert killed == await elsewhere.state()


async def test_resuming_is_seen_likewise(switch: KillSwitch, elsewhere: KillSwitch, clock: Clock) -> None:
    await switch.kill("a reason")
    await elsewhere.state()
    assert await switch.resume()
    assert await switch.state() is None
    clock.move(LASTS)
    assert await elsewhere.state() is None


async def test_to_kill_again_changes_the_reason_alone(switch: KillSwitch, clock: Clock) -> None:
    first = await switch.kill("one")
    clock.move(60)
    assert Kill("two", first.since) == await switch.kill("two")


async def test_looking_costs_a_read_per_half_second_at_most(
    switch: KillSwitch, documents: MemoryDocuments, clock: Clock
) -> None:
    for _ in range(100):
        await switch.state()
        await turns()
        clock.move(0.05)
    assert len(documents.taken()) <= 11


async def test_a_store_that_fails_is_noticed_once_nothing_is_known(
    switch: KillSwitch, documents: MemoryDocuments, clock: Clock
) -> None:
    await switch.state()
    documents.failure = ServiceUnavailableError("The database failed")
    clock.move(LASTS / 2)
    assert await switch.state() is None
    clock.move(LASTS / 2)
    with pytest.raises(ServiceUnavailableError):
        await switch.state()
    await switch.close()
