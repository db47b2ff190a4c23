"""Who waits for a signal is woken by what any process committed, and learns when there can be none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert

from acs_backend.store import changes, schema, signals
from acs_backend.store.database import Database
from acs_backend.store.signals import Signals
from tests.acs_backend.store.databases import end_connections, opened
from twilio_compat.errors import ServiceUnavailableError

SOON = 30.0
NOT_YET = 0.2


async def add_change(database: Database) -> None:
    async with database.write() as connection:
        await changes.add(connection, changes.Kind.USER, now=1)


async def is_quiet(listening: Signals) -> bool:
    try:
        await asyncio.wait_for(listening.wait(), NOT_YET)
    except TimeoutError:
        return True
    return False


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as running:
        yield running


async def test_a_change_of_the_own_process_is_signalled(database: Database) -> None:
    async with database.signals() as listening:
        await add_change(database)
        await asyncio.wait_for(listening.wait(), SOON)


async def test_a_change_of_another_process_is_signalled(shared_store: str) -> None:
    async with opened(shared_store) as database, opened(shared_store) as other:
        async with database.signals() as listening:
            waiting = asyncio.create_task(listening.wait())
            await add_change(other)
            await asyncio.wait_for(waiting, SOON)


async def test_a_file_without_a_feed_is_the_backends_fault(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'store.db'}") as database:
        with pytest.raises(ServiceUnavailableError, match="no such table"):
            await spoil(database)


async def spoil(database: Database) -> None:
    async with database.signals() as listening:
        await add_change(database)
        await asyncio.wait_for(listening.wait(), SOON)
        async with database.write() as connection:
            await connection.exec_driver_sql("DROP TABLE changes")
        await asyncio.wait_for(listening.wait(), SOON)


async def test_a_change_before_anybody_waits_is_not_lost(shared_store: str) -> None:
    async with opened(shared_store) as database, opened(shared_store) as other:
        async with database.signals() as listening:
            await add_change(other)
            await asyncio.sleep(NOT_YET)
            await asyncio.wait_for(listening.wait(), SOON)


async def test_a_transaction_that_is_undone_signals_nothing(database: Database) -> None:
    async with database.signals() as listening:
        with suppress(ZeroDivisionError):
            async with database.write() as connection:
                await changes.add(connection, changes.Kind.USER, now=1)
                raise ZeroDivisionError
        assert await is_quiet(listening)


async def test_what_is_no_change_signals_nothing(database: Database) -> None:
    async with database.signals() as listening:
        async with database.write() as connection:
            await connection.execute(insert(schema.writers).values(writer="w", until=1))
        assert await is_quiet(listening)


async def lose_the_connection_that_listens(database: Database, url: str) -> None:
    async with database.signals() as listening:
        await end_connections(url)
        await asyncio.wait_for(listening.wait(), SOON)


async def lose_a_transaction(database: Database, url: str) -> None:
    async with database.write() as connection:
        await end_connections(url)
        await changes.add(connection, changes.Kind.USER, now=1)


async def test_a_connection_that_postgresql_closes_is_the_backends_fault(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        with pytest.raises(ServiceUnavailableError, match="closed the connection that listens"):
            await lose_the_connection_that_listens(database, postgresql_url)
        await add_change(database)


async def test_a_silent_postgresql_is_asked_whether_it_is_there(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "HEARTBEAT", 0.05)
    async with opened(postgresql_url) as database, database.signals() as listening:
        await asyncio.wait_for(listening.wait(), SOON)


async def test_a_transaction_that_postgresql_ends_is_the_backends_fault(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        with pytest.raises(ServiceUnavailableError, match="TWILIO_COMPAT_DATABASE_URL failed"):
            await lose_a_transaction(database, postgresql_url)
        await add_change(database)
