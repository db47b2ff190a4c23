"""Stores of earlier versions become what a new one is, with everything that was in them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import Connection, insert, inspect, select, text, update

from acs_backend.store import (
    adoptions,
    changes,
    conversations,
    identities,
    messages,
    participants,
    schema,
    upgrades,
)
from tests.acs_backend.store.databases import execute, opened
from twilio_compat.errors import ConfigurationError

FIRST_SCHEMA = (Path(__file__).parent / "schema_1.sql").read_text()


@pytest.fixture
async def old_store(shared_store: str) -> str:
    """Name a store of the first version, of each kind."""
    script = FIRST_SCHEMA.partition("\n")[2]
    if shared_store.startswith("postgresql"):
        script = script.replace("(version INTEGER", "(version SERIAL")
    await execute(shared_store, *script.split(";\n")[:-1])
    return shared_store


def shape(connection: Connection) -> dict[str, dict[str, Any]]:
    """Describe all tables, whatever the order of columns and constraints."""
    found = inspect(connection)
    return {
        table: {
            "columns": {
                each["name"]: {"type": repr(each["type"]), **_without(each, "name", "type", "comment")}
                for each in found.get_columns(table)
            },
            "primary key": found.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(each["column_names"] for each in found.get_unique_constraints(table)),
            "indexes": sorted(
                (each["name"], each["column_names"], each["unique"])
                for each in found.get_indexes(table)
                if "duplicates_constraint" not in each
            ),
            "foreign keys": [
                (each["constrained_columns"], each["referred_table"], each["referred_columns"])
                for each in found.get_foreign_keys(table)
            ],
            "definition": _numbering(connection, table),
        }
        for table in found.get_table_names()
        if table != "sqlite_sequence"
    }


def _without(values: Any, *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _numbering(connection: Connection, table: str) -> bool:
    """Say whether SQLite never gives a number of a row twice, which reflection does not tell."""
    if connection.dialect.name != "sqlite":
        return False
    written = text("SELECT sql FROM sqlite_master WHERE name = :table")
    return "AUTOINCREMENT" in str(connection.scalar(written, {"table": table}))


async def look(url: str, what: Callable[[Connection], Any]) -> Any:
    async with opened(url) as database, database.read() as connection:
        return await connection.run_sync(what)


async def version_of(url: str) -> int:
    (found,) = await execute(url, "SELECT version FROM schema_version")
    return int(found)


async def test_an_upgraded_store_has_the_schema_of_a_new_one(old_store: str, new_store_beside: str) -> None:
    expected = await look(new_store_beside, shape)
    assert set(schema.metadata.tables) == set(expected)
    assert expected == await look(old_store, shape)
    assert schema.VERSION == await version_of(old_store) == await version_of(new_store_beside)


async def test_everything_that_was_in_the_store_is_still_there(old_store: str) -> None:
    async with opened(old_store) as database, database.read() as connection:
        alice = identities.IdentityRow(
            identity="alice",
            acs_id="8:acs:alice",
            sid="US1",
            friendly_name="Alice",
            attributes={"mood": "good"},
            native=True,
            created_at=11,
        )
        assert alice == await identities.find(connection, "alice")
        room = await conversations.by_sid(connection, "CH1")
        assert room is not None
        assert ("19:room", "room", "Room", "Topic", {"n": 1}) == (
            room.thread_id,
            room.unique_name,
            room.friendly_name,
            room.topic,
            room.attributes,
        )
        member = (await participants.of_thread(connection, "19:room"))["8:acs:alice"]
        assert ({"seat": 2}, 16, 17, None) == (
            member.attributes,
            member.created_at,
            member.updated_at,
            member.last_read_index,
        )
        assert {
            1800000000000: messages.LedgerRow(1800000000000, 0, "IM1", "mutation"),
            1800000000001: messages.LedgerRow(1800000000001, None, "IM2", None, deleted=True),
        } == await messages.rows(connection, "19:room", [1800000000000, 1800000000001])
        standing = (await messages.standings(connection, ["19:room"]))["19:room"]
        assert messages.Standing(True, 15, 1800000000001, 1) == standing
        assert {"overflow": "a long text"} == await messages.overflow_contents(
            connection, "19:room", ["overflow"]
        )
        assert [("writer", 18)] == [tuple(row) for row in await connection.execute(select(schema.writers))]
        media = (await connection.execute(select(schema.media))).one()
        assert ("ME1", 19, "19:room", 1800000000000) == (
            media.sid,
            media.size,
            media.thread_id,
            media.message_id,
        )


async def test_an_upgraded_store_can_be_written_to(old_store: str) -> None:
    async with opened(old_store) as database:
        async with database.write() as connection:
            await changes.add(connection, changes.Kind.USER, now=1, acs_id="8:acs:alice", content={"a": 1})
        async with database.read() as connection:
            found = await changes.after(connection, 0, limit=9)
    assert [(1, {"a": 1})] == [(each.change_id, each.content) for each in found]


async def test_an_upgraded_store_keeps_what_a_message_is_promised(old_store: str) -> None:
    promised = adoptions.Adoption("another mutation", "IM3", 7, 12)
    async with opened(old_store) as database:
        async with database.write() as connection:
            assert await adoptions.promise(connection, "19:room", promised)
            assert not await adoptions.promise(connection, "19:room", adoptions.Adoption("m", "IM1", 9))
            assert not await adoptions.promise(connection, "19:room", adoptions.Adoption("m", "IM9", 0))
            assert not await adoptions.promise(connection, "19:room", adoptions.Adoption("m", "IM9", 7))
        async with database.read() as connection:
            assert {"another mutation": promised} == await adoptions.of(
                connection, "19:room", ["another mutation", "m"]
            )
            standing = (await messages.standings(connection, ["19:room"]))["19:room"]
    assert (8, True) == (standing.next_index, standing.adopting)


async def test_opening_an_upgraded_store_again_changes_nothing(old_store: str) -> None:
    once = await look(old_store, shape)
    assert once == await look(old_store, shape)
    assert schema.VERSION == await version_of(old_store)


def open_and_close(url: str) -> None:
    asyncio.run(look(url, lambda connection: None))


async def outcomes(work: Callable[[str], None], url: str, processes: int) -> list[int | None]:
    """Run *work* in several processes at once and return their exit codes."""
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=work, args=(url,)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        await asyncio.to_thread(worker.join)
    return [worker.exitcode for worker in workers]


async def test_of_processes_that_open_an_old_store_at_once_one_upgrades_it(old_store: str) -> None:
    assert [0, 0, 0] == await outcomes(open_and_close, old_store, 3)
    assert schema.VERSION == await version_of(old_store)


def be_killed_in_the_last_step(url: str) -> None:
    last = upgrades.STEPS[schema.VERSION]

    def step(connection: Connection) -> None:
        last(connection)
        os.kill(os.getpid(), signal.SIGKILL)

    upgrades.STEPS = MappingProxyType({**upgrades.STEPS, schema.VERSION: step})
    open_and_close(url)


async def test_a_process_that_is_killed_half_way_leaves_the_old_store(
    old_store: str, new_store_beside: str
) -> None:
    assert [-signal.SIGKILL] == await outcomes(be_killed_in_the_last_step, old_store, 1)
    assert 1 == await version_of(old_store)
    assert await look(new_store_beside, shape) == await look(old_store, shape)


async def test_there_is_a_step_to_every_version() -> None:
    assert list(range(2, schema.VERSION + 1)) == sorted(upgrades.STEPS)


async def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(shared_store: str) -> None:
    async with opened(shared_store) as database, database.write() as connection:
        await connection.execute(update(schema.versions).values(version=schema.VERSION + 1))
    with pytest.raises(ConfigurationError, match="newer version"):
        await look(shared_store, shape)
    assert schema.VERSION + 1 == await version_of(shared_store)


async def test_a_database_of_something_else_is_refused_and_left_as_it_is(shared_store: str) -> None:
    await execute(shared_store, "CREATE TABLE messages (text VARCHAR(10))")
    with pytest.raises(ConfigurationError, match=r"tables of something else \(messages\)"):
        await look(shared_store, shape)
    await execute(shared_store, "SELECT text FROM messages")


async def test_tables_of_other_names_are_no_obstacle(shared_store: str) -> None:
    await execute(shared_store, "CREATE TABLE bookings (id INTEGER)")
    async with opened(shared_store) as database, database.write() as connection:
        await connection.execute(insert(schema.writers).values(writer="w", until=1))
    assert [] == await execute(shared_store, "SELECT id FROM bookings")
