"""One stream of two sides that fail, are slow, refuse or say too much."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime

import pytest

from tests.rollout.clock import turns
from tests.rollout.fake_sides import NOON, SERVICE_SID, FakeOffice, conversation, message, synchronized
from tests.support.waiting import eventually
from twilio_compat.account import account_actor, on_behalf_of
from twilio_compat.errors import ClosedError, ServiceUnavailableError, TokenError
from twilio_compat.events import (
    ConversationJoined,
    ConversationLeft,
    Event,
    MessageAdded,
    SourceInterrupted,
    SourceRefused,
    SourceRestored,
    Synchronized,
    UserUpdated,
)
from twilio_compat.records import UserRecord
from twilio_compat.rollout.events import MOST, subscribe
from twilio_compat.rollout.staging.stages import Stage

HERE, THERE = "CH" + "1" * 32, "CH" + "2" * 32
ALICE = on_behalf_of("alice", SERVICE_SID)
DOWN = ServiceUnavailableError("It cannot be reached")


@pytest.fixture
def world() -> FakeOffice:
    """Return an office in which one conversation is at Twilio, and another one on ACS."""
    made = FakeOffice()
    made.pin(THERE, Stage.LIVE)
    return made


@asynccontextmanager
async def heard(
    world: FakeOffice, *, patience: float = 10.0, period: float = 0.005
) -> AsyncIterator[AsyncIterator[Event]]:
    """Subscribe, and be impatient."""
    opened = subscribe(world.office, ALICE, period=period, patience=patience, retry=0.005)
    async with asyncio.timeout(30), opened as events:
        yield events


async def _all(events: AsyncIterator[Event]) -> list[Event]:
    return [each async for each in events]


def _sids(event: Event) -> list[str]:
    assert isinstance(event, Synchronized)
    return [each.sid for each in event.conversations]


async def test_that_a_side_that_cannot_be_opened_is_tried_again(world: FakeOffice) -> None:
    world.acs.failures = [DOWN, DOWN]
    world.twilio.tell(synchronized(HERE))
    world.acs.tell(synchronized(THERE))
    async with heard(world) as events:
        first = await anext(events)
    assert [HERE, THERE] == _sids(first)
    assert (1, 3) == (world.twilio.opened, world.acs.opened)


async def test_that_a_slow_side_is_not_waited_for_forever_and_what_it_has_joins_later(
    world: FakeOffice,
) -> None:
    world.twilio.tell(synchronized(HERE))
    async with heard(world, patience=0.02) as events:
        first = await anext(events)
        world.acs.tell(synchronized(HERE, THERE))
        joined = await anext(events)
    assert [HERE] == _sids(first)
    assert ConversationJoined(conversation=conversation(THERE)) == joined


async def test_that_news_of_a_side_that_is_up_waits_for_the_other_one_and_keeps_its_order(
    world: FakeOffice,
) -> None:
    world.twilio.tell(synchronized(HERE), *(MessageAdded(message=message(HERE, each)) for each in range(3)))
    async with heard(world) as events:
        first = asyncio.ensure_future(anext(events))
        await eventually(lambda: _is(world.twilio.taken == 4))
        world.acs.tell(synchronized(THERE), MessageAdded(message=message(THERE, 0)))
        told = [await first, *[await anext(events) for _ in range(4)]]
    assert [HERE, THERE] == _sids(told[0])
    assert [0, 1, 2, 0] == [each.message.index for each in told if isinstance(each, MessageAdded)]


async def test_that_a_user_whom_twilio_refuses_has_acs_alone() -> None:
    world = FakeOffice()
    world.twilio.failures = [TokenError("None of Twilio's")]
    world.acs.tell(synchronized(THERE))
    async with heard(world) as events:
        first = await anext(events)
        world.pin(THERE, Stage.COMPLETE)
        world.acs.kept[THERE] = []
        joined = await anext(events)
        world.acs.tell(MessageAdded(message=message(THERE, 0)))
        added = await anext(events)
    assert ([], 1) == (_sids(first), world.twilio.opened)
    assert ConversationJoined(conversation=conversation(THERE)) == joined
    assert MessageAdded(message=message(THERE, 0)) == added


async def test_that_where_both_sides_refuse_the_last_one_ends_the_stream(world: FakeOffice) -> None:
    one, other = TokenError("Twilio's"), TokenError("of ACS")
    world.twilio.failures, world.acs.failures = [one], [other]
    async with heard(world) as events:
        told = await _all(events)
    assert [SourceRefused(error=other)] == told


async def test_that_a_token_that_has_ended_ends_the_stream(world: FakeOffice) -> None:
    ended = TokenError("It has ended")
    world.twilio.tell(synchronized(HERE))
    world.acs.tell(synchronized(THERE))
    async with heard(world) as events:
        first = await anext(events)
        world.twilio.tell(SourceRefused(error=ended))
        told = await _all(events)
    assert [HERE, THERE] == _sids(first)
    assert [SourceRefused(error=ended)] == told


async def test_that_only_the_interruption_of_a_side_that_has_anything_is_told(
    world: FakeOffice, caplog: pytest.LogCaptureFixture
) -> None:
    world.twilio.tell(synchronized())
    world.acs.tell(synchronized(THERE))
    async with heard(world) as events:
        await anext(events)
        with caplog.at_level(logging.WARNING):
            world.twilio.tell(SourceInterrupted(error=DOWN), SourceRestored())
            await eventually(lambda: _is(world.twilio.taken == 3))
        world.acs.tell(SourceInterrupted(error=DOWN), SourceRestored())
        told = [await anext(events), await anext(events)]
    assert [SourceInterrupted(error=DOWN), SourceRestored()] == told
    assert "twilio are interrupted" in caplog.text


async def test_that_a_side_that_breaks_off_is_opened_again_and_what_was_missed_is_told_once(
    world: FakeOffice,
) -> None:
    world.twilio.tell(synchronized(HERE), MessageAdded(message=message(HERE, 0)))
    world.acs.tell(synchronized(THERE))
    async with heard(world) as events:
        told = [await anext(events), await anext(events)]
        world.twilio.kept[HERE] = [message(HERE, each) for each in range(3)]
        world.twilio.tell(DOWN, synchronized(HERE), *(MessageAdded(message=message(HERE, 2)),) * 2)
        told += [await anext(events) for _ in range(3)]
        world.twilio.tell(MessageAdded(message=message(HERE, 3)))
        told.append(await anext(events))
    assert [0, 1, 2, 3] == [each.message.index for each in told if isinstance(each, MessageAdded)]
    assert SourceInterrupted(error=DOWN) == told[2]


@pytest.mark.parametrize("what", ["pins", "sids", "place", "ever_live"])
async def test_that_while_the_store_fails_news_is_kept_in_order(world: FakeOffice, what: str) -> None:
    world.twilio.tell(synchronized(HERE))
    world.acs.tell(synchronized(THERE))
    async with heard(world) as events:
        await anext(events)
        world.failures[what] = DOWN
        world.twilio.tell(*(MessageAdded(message=message(HERE, each)) for each in range(3)))
        interrupted = await anext(events)
        world.failures.clear()
        told = [await anext(events) for _ in range(4)]
    assert SourceInterrupted(error=DOWN) == interrupted
    assert [SourceRestored(), *(MessageAdded(message=message(HERE, each)) for each in range(3))] == told


async def test_that_a_stream_that_is_opened_while_the_store_fails_waits_for_it(world: FakeOffice) -> None:
    world.failures = dict.fromkeys(("pins", "sids", "place", "ever_live", "all_pins"), DOWN)
    world.twilio.tell(synchronized(HERE))
    world.acs.tell(synchronized(THERE))
    async with heard(world, patience=0.01) as events:
        interrupted = await anext(events)
        world.failures.clear()
        told = [await anext(events) for _ in range(3)]
    assert [SourceInterrupted(error=DOWN), SourceRestored()] == [interrupted, told[0]]
    assert [HERE] == _sids(told[1])
    assert ConversationJoined(conversation=conversation(THERE)) == told[2]


async def test_that_a_conversation_that_is_gone_after_a_handover_is_told_as_deleted(
    world: FakeOffice,
) -> None:
    world.twilio.tell(synchronized(HERE))
    world.acs.tell(synchronized())
    async with heard(world) as events:
        await anext(events)
        world.pin(HERE, Stage.LIVE)
        told = await anext(events)
    assert ConversationLeft(conversation_sid=HERE, reason="deleted") == told


async def test_that_the_account_hears_of_acs_alone_what_it_has_the_authority_over(world: FakeOffice) -> None:
    first = Synchronized(
        conversations=(conversation(HERE), conversation(THERE)), written_at={HERE: NOON, THERE: NOON}
    )
    user = UserRecord(sid="US1", identity="alice", friendly_name=None, attributes={})
    world.acs.tell(
        first,
        MessageAdded(message=message(HERE, 0)),
        UserUpdated(user=user),
        MessageAdded(message=message(THERE, 0)),
    )
    async with subscribe(world.office, account_actor(world.service_sid)) as events:
        told = [await anext(events), await anext(events)]
    written: dict[str, datetime] = {THERE: NOON}
    assert [
        Synchronized(conversations=(conversation(THERE),), written_at=written),
        MessageAdded(message=message(THERE, 0)),
    ] == told
    assert (0, 1) == (world.twilio.opened, world.acs.closed)


async def _read(world: FakeOffice, how: str) -> None:
    async with heard(world) as events:
        await anext(events)
        match how:
            case "left":
                return
            case "failed":
                raise KeyError(how)
            case "closed":
                assert isinstance(events, AsyncGenerator)
                await events.aclose()
            case _:
                await anext(events)


@pytest.mark.parametrize("how", ["left", "failed", "closed", "cancelled"])
async def test_that_no_task_is_left_behind(world: FakeOffice, how: str) -> None:
    world.twilio.tell(synchronized(HERE))
    world.acs.tell(synchronized(THERE))
    before = asyncio.all_tasks()
    reader = asyncio.create_task(_read(world, how))
    if how == "cancelled":
        await eventually(lambda: _is(world.acs.taken == 1))
        await turns()
        reader.cancel()
    await asyncio.wait({reader})
    assert (how == "cancelled") == reader.cancelled()
    if how == "failed":
        assert isinstance(reader.exception(), KeyError)
    assert set() == asyncio.all_tasks() - before - {reader}
    assert (1, 1, 1, 1) == (world.twilio.opened, world.twilio.closed, world.acs.opened, world.acs.closed)


async def test_that_who_reads_slowly_slows_both_sides_down(world: FakeOffice) -> None:
    count = 3 * MOST
    world.twilio.tell(
        synchronized(HERE), *(MessageAdded(message=message(HERE, each)) for each in range(count))
    )
    world.acs.tell(synchronized(THERE))
    async with heard(world) as events:
        await anext(events)
        await turns(2 * count)
        assert world.twilio.taken <= 2 * MOST + 5
        told = [await anext(events) for _ in range(count + 1)]
    assert [*range(count)] == [each.message.index for each in told if isinstance(each, MessageAdded)]


@pytest.mark.parametrize("error", [ClosedError("The backend was closed"), KeyError("a mistake")])
async def test_that_a_side_that_ends_for_good_ends_the_stream_with_its_error(
    world: FakeOffice, error: Exception
) -> None:
    world.twilio.tell(synchronized(HERE), error)
    world.acs.tell(synchronized(THERE))
    with pytest.raises(type(error)):
        async with heard(world) as events, aclosing(events) as told:  # type: ignore[type-var]
            await _all(told)


async def _is(holds: bool) -> bool:
    return holds
