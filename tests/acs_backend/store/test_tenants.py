"""Stores of tenants: beside that of the deployment, apart from it and from each other, and gone once they are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from acs_backend.store import changes, schema
from acs_backend.store.changes import Kind
from acs_backend.store.database import Database
from tests.acs_backend.store.databases import execute, opened
from twilio_compat.errors import ClosedError, NotFoundError

ONE, TWO = "IS" + "1" * 32, "IS" + "2" * 32


async def put(database: Database, writer: str) -> None:
    async with database.write() as connection:
        await connection.execute(insert(schema.writers).values(writer=writer, until=1))


async def found(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(schema.writers.c.writer))).scalars())


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as closing:
        yield closing


def tenant(database: Database, sid: str, stack: AsyncExitStack) -> Database:
    opened_here = database.of_tenant(sid)
    stack.push_async_callback(opened_here.close)
    return opened_here


async def test_what_is_in_one_store_is_in_no_other(url: str, stack: AsyncExitStack) -> None:
    async with opened(url) as database:
        one, two = tenant(database, ONE, stack), tenant(database, TWO, stack)
        for each, writer in ((database, "default"), (one, "one"), (two, "two")):
            await put(each, writer)
        assert [["default"], ["one"], ["two"]] == [await found(each) for each in (database, one, two)]


async def test_every_process_finds_the_store_of_a_tenant(shared_store: str, stack: AsyncExitStack) -> None:
    async with opened(shared_store) as database, opened(shared_store) as elsewhere:
        await put(tenant(database, ONE, stack), "one")
        assert ["one"] == await found(tenant(elsewhere, ONE, stack))


async def test_a_tenant_can_be_opened_by_many_at_once(shared_store: str, stack: AsyncExitStack) -> None:
    async with opened(shared_store) as database:
        tenants = [tenant(database, ONE, stack) for _ in range(5)]
        await asyncio.gather(*(put(each, str(number)) for number, each in enumerate(tenants)))
        assert sorted("01234") == sorted(await found(tenants[0]))


async def test_a_dropped_store_is_gone_for_who_has_it_open(shared_store: str, stack: AsyncExitStack) -> None:
    async with opened(shared_store) as database, opened(shared_store) as elsewhere:
        one, same = tenant(database, ONE, stack), tenant(elsewhere, ONE, stack)
        await put(database, "default")
        await put(one, "one")
        assert ["one"] == await found(same)
        await one.drop()
        for _ in range(2):
            with pytest.raises(NotFoundError, match="Service Instance not found") as caught:
                await found(same)
            assert 50050 == caught.value.code
            with pytest.raises(NotFoundError):
                await put(same, "late")
        with pytest.raises(ClosedError):
            await found(one)
        assert ["default"] == await found(database)


async def test_nothing_is_left_of_a_dropped_store(
    shared_store: str, tmp_path: Path, stack: AsyncExitStack
) -> None:
    async with opened(shared_store) as database:
        one, two = tenant(database, ONE, stack), tenant(database, TWO, stack)
        await put(database, "default")
        await put(one, "one")
        await put(two, "two")
        assert any(ONE.lower() in each.lower() for each in await names(shared_store, tmp_path))
        await one.drop()
        left = await names(shared_store, tmp_path)
        assert [] == [each for each in left if ONE.lower() in each.lower()]
        assert ["two"] == await found(two)


def files(directory: Path) -> list[str]:
    return [each.name for each in directory.iterdir()]


async def names(url: str, directory: Path) -> list[str]:
    """Return the names of the schemas, or of the files."""
    if url.startswith("sqlite"):
        return files(directory)
    return [str(each) for each in await execute(url, "SELECT nspname FROM pg_namespace")]


async def test_a_store_that_was_never_opened_can_be_dropped(url: str, stack: AsyncExitStack) -> None:
    async with opened(url) as database:
        await tenant(database, ONE, stack).drop()
        await put(tenant(database, ONE, stack), "again")


async def test_changes_wake_those_of_the_same_store_alone(shared_store: str, stack: AsyncExitStack) -> None:
    async with opened(shared_store) as database, opened(shared_store) as elsewhere:
        one = tenant(database, ONE, stack)
        other = tenant(elsewhere, ONE, stack)
        await put(one, "one")
        async with database.signals() as usual, one.signals() as signals:
            usually = asyncio.ensure_future(usual.wait())
            waking = asyncio.ensure_future(signals.wait())
            async with other.write() as connection:
                await changes.add(connection, Kind.USER, now=1, content={})
            await asyncio.wait_for(waking, 30)
            assert not usually.done()
            async with elsewhere.write() as connection:
                await changes.add(connection, Kind.USER, now=1, content={})
            await asyncio.wait_for(usually, 30)


async def test_who_writes_to_one_store_keeps_nobody_from_another(url: str, stack: AsyncExitStack) -> None:
    async with opened(url) as database:
        one, two = tenant(database, ONE, stack), tenant(database, TWO, stack)
        await put(one, "a")
        await put(two, "a")
        async with database.write(), one.write():
            await asyncio.wait_for(put(two, "b"), 30)
        assert ["a", "b"] == sorted(await found(two))
