"""What is to be mirrored is noted before it is written, and told once it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acs_backend.queues import Queues
from acs_backend.store.database import Database
from tests.acs_backend.clock import Clock
from tests.acs_backend.store.databases import opened
from twilio_compat.account import Backlog
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.rollout.outbox import LATE, QUEUES, UNCONFIRMED, Entry, Outbox, entry_of, to_content
from twilio_compat.rollout.staging.stages import Side

ROOM = "CH" + "1" * 32
MESSAGE = Entry(what="message", conversation_sid=ROOM)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(f"sqlite:///{tmp_path / 'store.db'}") as found:
        yield found


@pytest.fixture
def queues(database: Database, clock: Clock) -> Queues:
    return Queues(database, clock=clock)


@pytest.fixture
async def outbox(queues: Queues, clock: Clock) -> AsyncIterator[Outbox]:
    outbox = Outbox(queues, now=clock)
    yield outbox
    await outbox.close()


async def due(queues: Queues, side: Side = Side.ACS) -> list[Entry]:
    """Return what can be carried out now, and have it done."""
    found: list[Entry] = []
    while taken := await queues.take(QUEUES[side], limit=10, hold=30):
        for each in taken:
            found.append(entry_of(each.errand.content))
            await queues.done(each.errand_id)
    return found


async def test_an_intent_is_due_once_it_is_settled(outbox: Outbox, queues: Queues) -> None:
    intent = await outbox.intend(Side.ACS, MESSAGE)
    assert [] == await due(queues)
    outbox.settle(intent, sid="IM1", index=7)
    await outbox.close()
    assert [Entry(what="message", conversation_sid=ROOM, sid="IM1", index=7)] == await due(queues)


async def test_an_intent_that_nobody_settles_comes_due_by_itself(
    outbox: Outbox, queues: Queues, clock: Clock
) -> None:
    await outbox.intend(Side.ACS, MESSAGE)
    clock.move(UNCONFIRMED.total_seconds())
    assert [MESSAGE] == await due(queues)


async def test_what_settles_after_the_intent_was_looked_at_is_looked_at_again(
    outbox: Outbox, queues: Queues, clock: Clock
) -> None:
    intent = await outbox.intend(Side.ACS, MESSAGE)
    clock.move(UNCONFIRMED.total_seconds())
    await due(queues)
    outbox.settle(intent, sid="IM1", index=7)
    await outbox.close()
    assert ["IM1"] == [each.sid for each in await due(queues)]


async def test_what_was_not_written_is_taken_back(outbox: Outbox, queues: Queues, clock: Clock) -> None:
    await outbox.withdraw(await outbox.intend(Side.TWILIO, MESSAGE))
    clock.move(UNCONFIRMED.total_seconds())
    assert [] == await due(queues, Side.TWILIO)
    assert await outbox.drained(ROOM, Side.TWILIO)


async def test_a_side_is_drained_when_it_was_told_of_everything_intents_and_late_ones_included(
    outbox: Outbox, queues: Queues, clock: Clock
) -> None:
    assert await outbox.drained(ROOM, Side.ACS)
    intent = await outbox.intend(Side.ACS, MESSAGE)
    assert not await outbox.drained(ROOM, Side.ACS)
    assert await outbox.drained(ROOM, Side.TWILIO)
    await outbox.withdraw(intent)
    await outbox.add(Side.ACS, Entry(what="message", conversation_sid=ROOM, is_late=True))
    assert not await outbox.drained(ROOM, Side.ACS)
    clock.move(LATE.total_seconds())
    await due(queues)
    assert await outbox.drained(ROOM, Side.ACS)


async def test_what_was_given_up_counts_as_not_told_until_it_was_repeated(
    outbox: Outbox, queues: Queues
) -> None:
    await outbox.add(Side.ACS, MESSAGE)
    (taken,) = await queues.take(QUEUES[Side.ACS], limit=1, hold=30)
    await queues.bury(taken.errand_id, error="refused")
    assert not await outbox.drained(ROOM, Side.ACS)
    assert Backlog(waiting=0, dead=1) == await outbox.backlog(Side.ACS)
    assert [MESSAGE] == [entry_of(each.errand.content) for each in await outbox.dead(Side.ACS, limit=5)]
    assert 1 == await outbox.revive(Side.ACS)
    assert [MESSAGE] == await due(queues)
    assert await outbox.drained(ROOM, Side.ACS)


async def test_of_several_writers_each_waits_for_those_before(outbox: Outbox, queues: Queues) -> None:
    first, second = [await outbox.intend(Side.ACS, MESSAGE) for _ in range(2)]
    outbox.settle(second, sid="IM2")
    await asyncio.sleep(0)
    assert [] == await due(queues)
    outbox.settle(first, sid="IM1")
    await outbox.close()
    assert ["IM1", "IM2"] == [each.sid for each in await due(queues)]


async def test_a_store_that_fails_when_a_write_is_settled_fails_nobody(
    outbox: Outbox, queues: Queues, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    async def fail(*_: object, **__: object) -> bool:
        raise ServiceUnavailableError("The store is down")

    intent = await outbox.intend(Side.ACS, MESSAGE)
    with monkeypatch.context() as patch:
        patch.setattr(queues, "amend", fail)
        outbox.settle(intent, sid="IM1")
        await outbox.close()
    clock.move(UNCONFIRMED.total_seconds())
    assert [MESSAGE] == await due(queues)


@pytest.mark.parametrize(
    "entry",
    [
        MESSAGE,
        Entry(what="message", conversation_sid=ROOM, sid="IM1", index=0, is_late=True),
        Entry(what="user", sid="bob 🙂"),
    ],
)
def test_an_entry_is_read_as_it_was_kept(entry: Entry) -> None:
    assert entry == entry_of(to_content(entry))
