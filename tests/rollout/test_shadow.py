"""Comparison of reads and of news, off the caller's path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.rollout.clock import VirtualTime, turns
from tests.rollout.memory_documents import MemoryDocuments
from tests.rollout.test_comparison import message
from twilio_compat.account import AccountBackend
from twilio_compat.errors import NotFoundError, ServiceUnavailableError
from twilio_compat.events import Event, MessageAdded
from twilio_compat.rollout.comparing.mismatches import Mismatches
from twilio_compat.rollout.comparing.shadow import EVENTS, UNDER_WAY, Counts, Means, Shadow, ignored
from twilio_compat.rollout.comparing.streams import QUIET
from twilio_compat.rollout.outbox import Outbox
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.sids import UNMAPPED, Pair, Sids
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.pins import Pins
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target
from twilio_compat.rollout.telemetry import Telemetry
from twilio_compat.settings import Settings

SID = "CH" + "1" * 32
PIN = Pin(about=Target(conversation_sid=SID), stage=Stage.SHADOW)
BACKEND = cast(AccountBackend, object())

Says = Callable[[], Awaitable[object]]


class World:
    """What a shadow asks, as a test has it. What either side says is taken one by one; the last is said on."""

    def __init__(self) -> None:
        self.pin = PIN
        self.waiting: list[bool] = [False]
        self.says: dict[Side, list[object]] = {Side.TWILIO: ["same"], Side.ACS: ["same"]}
        self.asked: list[Side] = []
        self.open = asyncio.Event()
        self.open.set()

    async def of(self, target: Target) -> Pin:
        return self.pin

    async def drained(self, conversation_sid: str, side: Side) -> bool:
        assert (SID, self.pin.decision.mirror) == (conversation_sid, side)
        return not (self.waiting.pop(0) if len(self.waiting) > 1 else self.waiting[0])

    async def repeat(self, place: Place) -> object:
        self.asked.append(place.side)
        await self.open.wait()
        said = self.says[place.side]
        answer = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def means(world: World, documents: MemoryDocuments, time: VirtualTime) -> Means:
    return Means(
        sides=Sides(twilio=BACKEND, acs=BACKEND),
        sids=Sids(documents),
        pins=cast(Pins, world),
        outbox=cast(Outbox, world),
        telemetry=Telemetry(),
        mismatches=Mismatches(documents),
        sample=1.0,
        clock=time,
        sleep=time.sleep,
    )


@pytest.fixture
async def shadow(means: Means) -> Any:
    shadow = Shadow(means)
    yield shadow
    await shadow.close()


def here(pin: Pin = PIN) -> Place:
    return Place(pin, pin.decision.authority, BACKEND, UNMAPPED)


async def watched(shadow: Shadow, world: World, answer: object = "same", pin: Pin = PIN) -> Counts:
    shadow.watch(here(pin), "messages.get", answer, world.repeat)
    await shadow.idle()
    return shadow.counts


async def kept(means: Means) -> Sequence[str]:
    return [f"{path['path']}" for each in await means.mismatches.list() for path in each.differences]


async def test_an_answer_that_is_the_same_is_counted_and_nothing_is_kept(
    shadow: Shadow, world: World, documents: MemoryDocuments
) -> None:
    assert Counts(alike=1) == await watched(shadow, world)
    assert [Side.ACS] == world.asked
    assert [] == documents.calls


async def test_an_answer_that_stays_another_is_kept(shadow: Shadow, world: World, means: Means) -> None:
    world.says = {Side.TWILIO: [message()], Side.ACS: [message(body="bye")]}
    assert Counts(differing=1) == await watched(shadow, world, message())
    assert [Side.ACS, Side.TWILIO, Side.ACS] == world.asked
    assert ["body"] == await kept(means)


async def test_the_mirror_of_a_live_conversation_is_twilio(
    shadow: Shadow, world: World, means: Means
) -> None:
    world.pin = replace(PIN, stage=Stage.LIVE)
    world.says[Side.TWILIO] = ["other"]
    assert Counts(differing=1) == await watched(shadow, world, pin=world.pin)
    assert [Side.TWILIO, Side.ACS, Side.TWILIO] == world.asked
    (found,) = await means.mismatches.list()
    assert (Stage.LIVE, Side.TWILIO) == (found.stage, found.mirror)


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.DUALWRITE, Stage.RAMPDOWN, Stage.COMPLETE])
async def test_other_stages_are_not_compared(shadow: Shadow, world: World, stage: Stage) -> None:
    world.pin = replace(PIN, stage=stage)
    assert Counts() == await watched(shadow, world, pin=world.pin)
    assert [] == world.asked


async def test_an_error_that_both_answer_is_the_same(shadow: Shadow, world: World) -> None:
    world.says[Side.ACS] = [NotFoundError("gone", code=50500)]
    assert Counts(alike=1) == await watched(shadow, world, NotFoundError("not here", code=50500))


async def test_an_error_that_one_of_them_answers_is_a_mismatch(
    shadow: Shadow, world: World, means: Means
) -> None:
    world.says[Side.ACS] = [NotFoundError("gone", code=50500)]
    assert Counts(differing=1) == await watched(shadow, world)
    assert ["error"] == await kept(means)


async def test_what_waits_to_be_mirrored_is_no_mismatch(shadow: Shadow, world: World) -> None:
    world.waiting = [True]
    world.says[Side.ACS] = ["other"]
    assert Counts(lagging=1) == await watched(shadow, world)
    assert [] == world.asked


async def test_what_began_to_wait_meanwhile_is_no_mismatch(
    shadow: Shadow, world: World, means: Means
) -> None:
    world.waiting = [False, True]
    world.says[Side.ACS] = ["other"]
    assert Counts(lagging=1) == await watched(shadow, world)
    assert [] == await kept(means)


async def test_an_authority_that_says_otherwise_by_then_is_no_mismatch(shadow: Shadow, world: World) -> None:
    world.says = {Side.TWILIO: ["other"], Side.ACS: ["other"]}
    assert Counts(lagging=1) == await watched(shadow, world)


async def test_a_mirror_that_comes_after_is_no_mismatch(shadow: Shadow, world: World) -> None:
    world.says[Side.ACS] = ["other", "same"]
    assert Counts(lagging=1) == await watched(shadow, world)


async def test_a_conversation_that_moved_meanwhile_is_no_mismatch(shadow: Shadow, world: World) -> None:
    world.says[Side.ACS] = ["other"]
    world.open.clear()
    shadow.watch(here(), "messages.get", "same", world.repeat)
    await turns()
    world.pin = replace(PIN, stage=Stage.LIVE)
    world.open.set()
    await shadow.idle()
    assert Counts(lagging=1) == shadow.counts


async def test_a_mirror_that_fails_is_no_mismatch_and_never_shows(shadow: Shadow, world: World) -> None:
    world.says[Side.ACS] = [ServiceUnavailableError("down"), RuntimeError("a mistake")]
    assert Counts(failed=1) == await watched(shadow, world)
    assert Counts(failed=2) == await watched(shadow, world)


async def test_a_store_that_fails_never_shows(
    shadow: Shadow, world: World, documents: MemoryDocuments
) -> None:
    documents.failure = ServiceUnavailableError("the store is down")
    world.says[Side.ACS] = ["other"]
    assert Counts(differing=1, failed=1) == await watched(shadow, world)


async def test_a_failure_of_the_authority_is_not_compared(shadow: Shadow, world: World) -> None:
    assert Counts() == await watched(shadow, world, ServiceUnavailableError("down"))


async def test_what_comes_while_all_are_busy_is_dropped_and_counted(shadow: Shadow, world: World) -> None:
    world.open.clear()
    for _ in range(UNDER_WAY + 3):
        shadow.watch(here(), "messages.get", "same", world.repeat)
    assert 3 == shadow.counts.dropped
    world.open.set()
    await shadow.idle()
    assert Counts(alike=UNDER_WAY, dropped=3) == shadow.counts


async def test_a_share_of_the_reads_is_compared(means: Means, world: World) -> None:
    chances = iter([0.0, 0.24, 0.25, 0.9])
    shadow = Shadow(replace(means, sample=0.25, chance=lambda: next(chances)))
    for _ in range(4):
        await watched(shadow, world)
    assert Counts(alike=2) == shadow.counts


async def test_a_share_of_nothing_asks_nothing(means: Means, world: World) -> None:
    shadow = Shadow(replace(means, sample=0.0))
    assert Counts() == await watched(shadow, world)
    shadow.told(Side.ACS, MessageAdded(message=message()))
    assert Counts() == await watched(Shadow(), world)


async def test_fields_that_the_settings_name_are_passed_over(means: Means, world: World) -> None:
    fields = ignored(Settings(rollout_ignore=" body, attributes ,"))
    assert {"body", "attributes"} == fields
    world.says[Side.ACS] = [message(body="bye")]
    assert Counts(alike=1) == await watched(Shadow(replace(means, ignore=fields)), world, message())


async def test_closing_calls_off_what_is_under_way(shadow: Shadow, world: World) -> None:
    world.open.clear()
    shadow.watch(here(), "messages.get", "same", world.repeat)
    await turns()
    await shadow.close()
    assert Counts() == await watched(shadow, world)


# News


async def rest(time: VirtualTime, seconds: float) -> None:
    await time.run(asyncio.ensure_future(time.sleep(seconds)))
    await turns()


def news(number: int) -> Event:
    return MessageAdded(message=message(number))


async def test_news_that_both_tell_are_alike(shadow: Shadow, time: VirtualTime) -> None:
    for side in (Side.TWILIO, Side.ACS):
        for number in range(3):
            shadow.told(side, news(number), "alice")
    await rest(time, 3 * QUIET)
    assert Counts(alike=1) == shadow.counts


async def test_news_that_the_mirror_does_not_tell_are_a_mismatch(
    shadow: Shadow, time: VirtualTime, means: Means
) -> None:
    for side, number in ((Side.TWILIO, 1), (Side.TWILIO, 2), (Side.ACS, 2)):
        shadow.told(side, news(number))
    await rest(time, 3 * QUIET)
    assert Counts(differing=1) == shadow.counts
    assert [f"added[{message(1).sid}]"] == await kept(means)
    assert EVENTS == (await means.mismatches.list())[0].operation


async def test_news_that_are_told_late_are_waited_for(
    shadow: Shadow, time: VirtualTime, world: World
) -> None:
    world.waiting = [True]
    shadow.told(Side.TWILIO, news(1))
    await rest(time, 3 * QUIET)
    assert 0 == shadow.counts.differing < shadow.counts.lagging
    shadow.told(Side.ACS, news(1))
    await rest(time, 3 * QUIET)
    assert 1 == shadow.counts.alike


async def test_news_of_a_conversation_that_is_not_compared_are_forgotten(
    shadow: Shadow, time: VirtualTime, world: World
) -> None:
    world.pin = replace(PIN, stage=Stage.DUALWRITE)
    shadow.told(Side.TWILIO, news(1))
    await rest(time, 3 * QUIET)
    assert Counts() == shadow.counts


async def test_what_is_kept_has_nothing_of_what_people_wrote(
    shadow: Shadow, world: World, documents: MemoryDocuments
) -> None:
    world.says = {Side.TWILIO: [message()], Side.ACS: [message(body="a secret")]}
    await watched(shadow, world, message())
    assert "a secret" not in json.dumps(documents.content("rollout-mismatch", "001"))


async def test_news_that_came_before_their_names_were_known_are_compared_by_these(
    shadow: Shadow, time: VirtualTime, world: World, means: Means
) -> None:
    world.pin = replace(PIN, stage=Stage.LIVE, was_live=True)
    shadow.told(Side.ACS, news(1))
    there = replace(message(1), sid="IM" + "f" * 32)
    shadow.told(Side.TWILIO, MessageAdded(message=there))
    await means.sids.record(SID, Pair(what="message", public=message(1).sid, twilio=there.sid))
    await rest(time, 3 * QUIET)
    assert Counts(alike=1) == shadow.counts
