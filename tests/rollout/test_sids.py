"""The documents that say what a thing is called on either side."""

from __future__ import annotations

import asyncio

import pytest

from tests.rollout.clock import Clock
from tests.rollout.memory_documents import MemoryDocuments
from twilio_compat.rollout import sids as module
from twilio_compat.rollout.sids import UNMAPPED, Pair, Sids
from twilio_compat.rollout.staging.fresh import LASTS
from twilio_compat.rollout.staging.pin import Pin, evolve, handed_over, pinned
from twilio_compat.rollout.staging.stages import Stage
from twilio_compat.rollout.staging.target import Target

SID = "CH" + "1" * 32
HELLO = Pair(
    what="message", public="IMp", twilio="IMt", public_index=3, twilio_index=7, media=(("MEp", "MEt"),)
)
ALICE = Pair(what="participant", public="MBp", twilio="MBt")
ROOM = Pair(what="conversation", public=SID, twilio="CHt")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def sids(documents: MemoryDocuments, clock: Clock) -> Sids:
    return Sids(documents, clock=clock)


@pytest.fixture
def elsewhere(documents: MemoryDocuments, clock: Clock) -> Sids:
    """Return what another process knows."""
    return Sids(documents, clock=clock)


@pytest.fixture
def live(clock: Clock) -> Pin:
    return pinned(Target(conversation_sid=SID), Stage.LIVE, clock.now())


async def test_a_conversation_that_never_was_live_costs_no_look(
    sids: Sids, documents: MemoryDocuments, clock: Clock
) -> None:
    for stage in (Stage.OFF, Stage.DUALWRITE, Stage.SHADOW):
        pin = pinned(Target(conversation_sid=SID), stage, clock.now())
        assert UNMAPPED is await sids.of(pin, at_once=True)
    assert [] == documents.calls


@pytest.mark.parametrize("pair", [HELLO, ALICE, ROOM, UNMAPPED.gone("IMgone", 4)])
async def test_a_pair_is_read_as_it_was_kept(sids: Sids, elsewhere: Sids, live: Pin, pair: Pair) -> None:
    assert pair == await sids.record(SID, pair)
    assert [(pair,)] * 2 == [(await each.of(live)).pairs for each in (sids, elsewhere)]


async def test_one_thing_is_found_by_either_of_its_sids(sids: Sids) -> None:
    for pair in (HELLO, ALICE):
        await sids.record(SID, pair)
        assert [pair, pair] == [await sids.find(SID, each) for each in (pair.public, pair.twilio)]
    assert await sids.find(SID, "IMother") is None
    assert await sids.find("CH" + "2" * 32, "IMp") is None


async def test_a_conversation_is_found_by_what_twilio_calls_it(sids: Sids) -> None:
    await sids.record(SID, ROOM)
    assert [SID, "CHother"] == [await sids.conversation(each) for each in ("CHt", "CHother")]


async def test_of_two_who_mirror_the_same_the_first_counts(sids: Sids, elsewhere: Sids, live: Pin) -> None:
    second = Pair(what="message", public="IMp", twilio="IMtwice", public_index=3, twilio_index=8)
    assert [HELLO, HELLO] == [await sids.record(SID, HELLO), await elsewhere.record(SID, second)]
    assert (HELLO,) == (await elsewhere.of(live)).pairs
    assert await sids.find(SID, "IMtwice") is None


async def test_who_makes_a_pair_knows_it_at_once_and_the_others_within_a_second(
    sids: Sids, elsewhere: Sids, live: Pin, clock: Clock
) -> None:
    assert [UNMAPPED, UNMAPPED] == [await each.of(live) for each in (sids, elsewhere)]
    await sids.record(SID, HELLO)
    assert "IMt" == (await sids.of(live)).twilio.sid("IMp")
    assert "IMp" == (await elsewhere.of(live)).twilio.sid("IMp")
    assert "IMt" == (await elsewhere.of(live, at_once=True)).twilio.sid("IMp")
    await sids.record(SID, ALICE)
    clock.move(LASTS)
    assert "MBt" == (await elsewhere.of(live)).twilio.sid("MBp")


async def test_a_map_is_not_older_than_the_stage(
    sids: Sids, elsewhere: Sids, live: Pin, clock: Clock
) -> None:
    """What was mirrored before Twilio had the authority back is known as soon as it has it."""
    await elsewhere.of(live)
    await sids.record(SID, HELLO)
    clock.move(0.1)
    back = handed_over(evolve(live, Stage.OFF, killed=False, now=clock.now()), clock.now())
    assert Stage.SHADOW is back.stage
    assert "IMp" == (await elsewhere.of(back)).public.sid("IMt")


async def test_only_what_is_new_is_read(
    sids: Sids, live: Pin, documents: MemoryDocuments, clock: Clock
) -> None:
    await sids.record(SID, HELLO)
    first = await sids.of(live)
    await sids.record(SID, ALICE)
    second = await sids.of(live)
    assert (HELLO, ALICE) == second.pairs
    clock.move(LASTS)
    assert second is await sids.of(live)
    assert first is not second
    documents.taken()
    for _ in range(20):
        await sids.of(live)
    assert [] == documents.taken()


async def test_a_pair_that_was_half_kept_is_kept_whole_the_next_time(
    sids: Sids, documents: MemoryDocuments
) -> None:
    await sids.record(SID, HELLO)
    await documents.delete(f"rollout-twilio-sids {SID}", "IMt")
    assert await sids.find(SID, "IMt") is None
    await sids.record(SID, HELLO)
    assert HELLO == await sids.find(SID, "IMt")


async def test_what_is_forgotten_leaves_nothing(
    sids: Sids, elsewhere: Sids, live: Pin, documents: MemoryDocuments
) -> None:
    for pair in (HELLO, ALICE, ROOM):
        await sids.record(SID, pair)
    await sids.of(live)
    await sids.forget(SID)
    await elsewhere.forget(SID)
    assert {} == documents._kept
    assert () == (await sids.of(live)).pairs


async def test_maps_that_nobody_uses_are_forgotten(
    sids: Sids, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEPT_AT", 10)
    sids._sweep_at = 10
    for number in range(50):
        await sids.of(pinned(Target(conversation_sid=f"CH{number:032x}"), Stage.LIVE, clock.now()))
        clock.move(LASTS)
    assert len(sids._known) <= 10


async def test_closing_ends_what_is_being_read(sids: Sids, live: Pin, documents: MemoryDocuments) -> None:
    documents.open.clear()
    reading = asyncio.ensure_future(sids.of(live))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await sids.close()
    with pytest.raises(asyncio.CancelledError):
        await reading
