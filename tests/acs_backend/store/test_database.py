"""Transactions of several tasks and several processes, and what a store must be to be opened."""

import asyncio
import multiprocessing
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from acs_backend.store import postgresql, schema, sqlite
from acs_backend.store.database import Database
from tests.acs_backend.store.databases import end_connections, opened, out_of_reach
from twilio_compat.errors import ConfigurationError, ServiceUnavailableError

COUNT = schema.versions.c.version


async def add_one(database: Database) -> None:
    """Read, give way to others, and write back what was read plus one."""
    async with database.write() as connection:
        counted = select(schema.identities.c.created_at).where(schema.identities.c.identity == "counter")
        count = await connection.scalar(counted)
        await asyncio.sleep(0)
        changed = update(schema.identities).where(schema.identities.c.identity == "counter")
        await connection.execute(changed.values(created_at=count + 1))


async def make_counter(database: Database) -> None:
    async with database.write() as connection:
        row = {"identity": "counter", "acs_id": "8:acs:c", "sid": "US", "created_at": 0}
        await connection.execute(insert(schema.identities).values(row))


async def count(database: Database) -> int | None:
    async with database.read() as connection:
        return await connection.scalar(select(schema.identities.c.created_at))


async def test_concurrent_writers_lose_no_update(url: str) -> None:
    database = Database(url)
    await make_counter(database)
    await asyncio.gather(*(add_one(database) for _ in range(20)))
    assert 20 == await count(database)
    await database.close()


async def test_a_block_that_raises_leaves_no_trace(url: str) -> None:
    database = Database(url)
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(insert(schema.versions), [{"version": 7}, {"version": schema.VERSION}])
    async with database.read() as connection:
        assert [schema.VERSION] == list(await connection.scalars(select(COUNT)))
    await database.close()


async def test_a_block_that_is_cancelled_leaves_no_trace_and_no_lock(url: str) -> None:
    database = Database(url)
    await make_counter(database)
    inside = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.write() as connection:
            await connection.execute(update(schema.identities).values(created_at=5))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await add_one(database)
    assert 1 == await count(database)
    await database.close()


async def test_foreign_keys_are_enforced(url: str) -> None:
    database = Database(url)
    row = {"sid": "ME", "blob_name": "b", "content_type": "x", "size": 0, "author": "a", "created_at": 0}
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        async with database.write() as connection:
            await connection.execute(insert(schema.media).values(row | {"thread_id": "nowhere"}))
    await database.close()


async def test_a_reader_does_not_wait_for_a_writer(shared_store: str) -> None:
    database = Database(shared_store)
    await make_counter(database)
    async with database.write() as connection:
        await connection.execute(update(schema.identities).values(created_at=5))
        assert 0 == await count(database)
    assert 5 == await count(database)
    await database.close()


def work_in_a_process(url: str, writes: int) -> None:
    async def work() -> None:
        database = Database(url)
        async with database.write() as connection:
            await connection.execute(
                text(
                    "INSERT INTO identities (identity, acs_id, sid, attributes, native, created_at) "
                    "VALUES ('counter', '8:acs:c', 'US', '{}', false, 0) ON CONFLICT DO NOTHING"
                )
            )
        for _ in range(writes):
            await add_one(database)
        await database.close()

    asyncio.run(work())


async def test_processes_that_open_a_new_store_at_once_lose_no_update(shared_store: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=work_in_a_process, args=(shared_store, 25)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        await asyncio.to_thread(worker.join)
    assert [0, 0, 0] == [worker.exitcode for worker in workers]
    database = Database(shared_store)
    assert 75 == await count(database)
    await database.close()


async def test_a_database_server_that_is_not_there_is_a_clear_error() -> None:
    database = Database("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(ConfigurationError, match="TWILIO_COMPAT_DATABASE_URL cannot be used"):
        async with database.read():
            pass
    await database.close()


async def test_what_was_written_is_there_after_reopening(shared_store: str) -> None:
    first = Database(shared_store)
    await make_counter(first)
    await first.close()
    again = Database(shared_store)
    assert 0 == await count(again)
    await again.close()


async def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("This is not a database, but somebody's notes.\n" * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(
        ConfigurationError, match="TWILIO_COMPAT_DATABASE_URL cannot be used: file is not a database"
    ):
        async with database.read():
            pass
    await database.close()
    assert path.read_text().startswith("This is not a database")


async def test_a_folder_that_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'missing' / 'store.db'}")
    with pytest.raises(ConfigurationError, match="unable to open database file"):
        async with database.write():
            pass
    await database.close()


@pytest.mark.parametrize(
    "name", ["mysql", "mssql+aioodbc", "nothing", "postgresql+psycopg", "sqlite+pysqlite"]
)
def test_any_other_database_or_driver_is_refused_by_its_name_and_the_text_says_which_can_be_used(
    name: str,
) -> None:
    with pytest.raises(ConfigurationError, match=rf"names {re.escape(name)}, which cannot be used; .*sqlite"):
        Database(f"{name}://h/d")


@pytest.mark.parametrize("url", ["", "store.db", "mysql://u:p@h/d", "nothing://x", "sqlite+pysqlite:///x"])
def test_a_url_that_cannot_be_used_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="TWILIO_COMPAT_DATABASE_URL"):
        Database(url)


async def test_a_foreign_lock_is_waited_for_without_blocking_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = Database(f"sqlite:///{path}")
    await make_counter(database)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(add_one(database))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not writing.done()
    other.execute("COMMIT")
    other.close()
    await writing
    assert 1 == await count(database)
    await database.close()


async def test_a_lock_that_is_never_released_is_the_backends_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.02)
    path = tmp_path / "store.db"
    database = Database(f"sqlite:///{path}")
    await make_counter(database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ServiceUnavailableError, match="database is locked"):
            await add_one(database)
    await add_one(database)
    assert 1 == await count(database)
    await database.close()


async def test_a_violated_constraint_is_left_to_the_caller(url: str) -> None:
    database = Database(url)
    await make_counter(database)
    with pytest.raises(IntegrityError):
        await make_counter(database)
    await database.close()


async def test_a_turn_that_another_process_keeps_is_not_waited_for_for_ever(
    shared_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)
    monkeypatch.setattr(postgresql, "LONGEST_WAIT", 0.05)
    async with opened(shared_store) as here, opened(shared_store) as there:
        await make_counter(here)
        await count(there)
        async with here.write():
            with pytest.raises(ServiceUnavailableError, match=r"TWILIO_COMPAT_DATABASE_URL failed: .*lock"):
                await add_one(there)
        await add_one(there)


async def test_a_process_that_stops_in_the_middle_of_a_write_loses_its_turn(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(postgresql_url) as here, opened(postgresql_url) as there:
        await make_counter(here)
        assert 0 == await count(there)
        with pytest.raises(ServiceUnavailableError):  # noqa: PT012 - the block is what fails, at its end
            with monkeypatch.context() as patch:
                patch.setattr(postgresql, "LONGEST_IDLE", 0.05)
                turn = here.write()
                connection = await turn.__aenter__()
            try:
                await connection.execute(update(schema.identities).values(created_at=5))
                await add_one(there)
            finally:
                await turn.__aexit__(None, None, None)
        await add_one(here)
        assert 2 == await count(here)


async def test_a_statement_that_is_not_answered_is_given_up(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LONGEST_ANSWER", 0.2)
    async with opened(postgresql_url) as database:
        async with database.read() as connection:
            assert 1 == await connection.scalar(text("SELECT 1"))
        with pytest.raises(ServiceUnavailableError, match="it does not answer"):
            async with database.read() as connection:
                await connection.execute(text("SELECT pg_sleep(60)"))
        async with database.read() as connection:
            assert 2 == await connection.scalar(text("SELECT 2"))


def test_who_waits_for_the_turn_is_told_so_before_they_give_up_on_the_server() -> None:
    assert postgresql.LONGEST_ANSWER > postgresql.LONGEST_WAIT


async def test_a_server_that_refuses_a_connection_is_a_failure_of_the_database(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        await make_counter(database)
        async with out_of_reach(postgresql_url):
            with pytest.raises(ServiceUnavailableError, match="not currently accepting connections"):
                await count(database)
        assert 0 == await count(database)


async def test_connections_that_the_server_closed_are_replaced_before_anybody_notices(
    postgresql_url: str,
) -> None:
    database = Database(postgresql_url)
    for _ in range(20):
        async with database.write() as connection:
            assert 1 == await connection.scalar(text("SELECT 1"))
        await end_connections(postgresql_url)
    await database.close()
