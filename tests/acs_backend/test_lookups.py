"""What many ask at once is looked up once; what is asked later is looked up later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import AcsBackend
from acs_backend.event_sources.lookups import Lookups
from acs_backend.store import conversations, participants
from acs_backend.store.changes import Change, Kind
from acs_backend.store.database import Database
from acs_backend.store.participants import Participant
from tests.acs_backend.deployment import Deployment
from twilio_compat.errors import ServiceUnavailableError

LISTENERS = [f"user-{number}" for number in range(50)]
THREAD = conversations.adopted("thread", topic="Room", created_by="user-0", created_at=0)


class SlowDatabase(Database):
    """A store that counts what is read, and answers when a gate is open."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reads = 0
        self.gate = asyncio.Event()
        self.reading = asyncio.Event()
        self.down = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        self.reads += 1
        if self.down:
            raise ServiceUnavailableError("out of reach")
        async with super().read() as connection:
            yield connection
            self.reading.set()
            await self.gate.wait()


@pytest.fixture
async def database(deployment: Deployment) -> AsyncIterator[SlowDatabase]:
    database = SlowDatabase(deployment.settings.database_url)
    async with database.write() as connection:
        await conversations.add(connection, THREAD)
        for number, acs_id in enumerate(LISTENERS):
            await participants.save(connection, member(acs_id, last_read_index=number))
    database.gate.set()
    yield database
    await database.close()


@pytest.fixture
def lookups(backend: AcsBackend, database: SlowDatabase) -> Lookups:
    async def flush() -> None:
        await asyncio.sleep(0)

    return Lookups(database, backend.identities, flush=flush)


def member(acs_id: str, last_read_index: int) -> Participant:
    return Participant(
        thread_id="thread",
        acs_id=acs_id,
        sid=f"MB{acs_id}",
        attributes={},
        created_at=0,
        updated_at=0,
        last_read_index=last_read_index,
    )


def change(kind: Kind = Kind.CONVERSATION, acs_id: str | None = None) -> Change:
    return Change(change_id=1, changed_at=0, kind=kind, thread_id="thread", acs_id=acs_id, content={})


async def horizon(lookups: Lookups, acs_id: str) -> int | None:
    """Return what a listener is told of its own standing."""
    return (await lookups.facts(acs_id, [change()])).members["thread", acs_id].last_read_index


async def name(lookups: Lookups) -> str | None:
    return (await lookups.facts("user-0", [change()])).conversations["thread"].friendly_name


async def rename(database: Database, name: str) -> None:
    async with database.write() as connection:
        await conversations.save(connection, replace(THREAD, friendly_name=name))


async def test_fifty_listeners_take_one_transaction_and_get_each_its_own(
    lookups: Lookups, database: SlowDatabase
) -> None:
    told = await asyncio.gather(*(horizon(lookups, each) for each in LISTENERS))
    assert list(range(50)) == told
    assert 1 == database.reads


async def test_those_who_come_one_by_one_are_gathered_too(lookups: Lookups, database: SlowDatabase) -> None:
    tasks: list[asyncio.Future[int | None]] = []
    for each in LISTENERS:
        tasks.append(asyncio.ensure_future(horizon(lookups, each)))
        await asyncio.sleep(0)
    assert list(range(50)) == await asyncio.gather(*tasks)
    assert 1 == database.reads


async def test_who_asks_while_others_are_answered_is_told_what_was_written_meanwhile(
    lookups: Lookups, database: SlowDatabase
) -> None:
    database.gate.clear()
    early = asyncio.ensure_future(name(lookups))
    await database.reading.wait()
    await rename(database, "Den")
    late = asyncio.ensure_future(name(lookups))
    database.gate.set()
    assert ["Room", "Den"] == [await early, await late]


async def test_nothing_is_kept_for_the_next_who_asks(lookups: Lookups, database: SlowDatabase) -> None:
    for expected in ("Den", "Attic"):
        await rename(database, expected)
        assert expected == await name(lookups)


async def test_the_others_are_answered_where_the_first_gives_up(
    lookups: Lookups, database: SlowDatabase
) -> None:
    database.gate.clear()
    tasks = [asyncio.ensure_future(horizon(lookups, each)) for each in LISTENERS]
    await database.reading.wait()
    tasks[0].cancel()
    database.gate.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(told[0], asyncio.CancelledError)
    assert list(range(1, 50)) == told[1:]
    assert 2 == database.reads


async def test_a_failure_is_everybodys_and_not_the_next_ones(
    lookups: Lookups, database: SlowDatabase
) -> None:
    database.down = True
    told = await asyncio.gather(*(name(lookups) for _ in LISTENERS), return_exceptions=True)
    assert {ServiceUnavailableError} == {type(each) for each in told}
    assert 1 == database.reads
    database.down = False
    assert "Room" == await name(lookups)


async def test_a_change_of_a_user_says_everything_itself(lookups: Lookups, database: SlowDatabase) -> None:
    await lookups.facts("user-0", [change(Kind.USER, "user-1")])
    assert 0 == database.reads


async def test_a_typist_is_looked_up_and_nobody_else(lookups: Lookups, database: SlowDatabase) -> None:
    facts = await lookups.facts("user-0", [change(Kind.TYPING, "user-1")])
    assert [("thread", "user-1")] == list(facts.members)
    assert {} == facts.newest
