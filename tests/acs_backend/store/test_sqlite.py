"""What a commit outlasts, and that nobody waits for the disk but the one who asked for it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from acs_backend.store.database import Database
from acs_backend.store.sqlite import connect, patiently, to_its_end
from tests.acs_backend.store.databases import opened

NORMAL, FULL = 1, 2


async def synchronous(database: Database, *, durable: bool) -> int | None:
    async with database.write(durable=durable) as connection:
        return (await connection.exec_driver_sql("PRAGMA synchronous")).scalar()


async def test_only_a_durable_transaction_waits_for_the_disk(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'store.db'}") as database:
        assert FULL == await synchronous(database, durable=True)
        assert NORMAL == await synchronous(database, durable=False)
        assert FULL == await synchronous(database, durable=True)
        async with database.read() as connection:
            assert NORMAL == (await connection.exec_driver_sql("PRAGMA synchronous")).scalar()


async def test_the_loop_goes_on_while_the_disk_is_waited_for() -> None:
    written = threading.Event()
    waiting = asyncio.create_task(to_its_end(lambda: _wait(written)))
    await asyncio.sleep(0)
    assert not waiting.done()
    written.set()
    await waiting


async def test_a_cancelled_commit_is_waited_for_before_anybody_else_gets_the_connection() -> None:
    written = threading.Event()
    committing = asyncio.create_task(to_its_end(lambda: _wait(written)))
    for _ in range(3):
        await asyncio.sleep(0)
        committing.cancel()
    await asyncio.sleep(0.01)
    assert not committing.done()
    written.set()
    with pytest.raises(asyncio.CancelledError):
        await committing


async def test_a_commit_that_fails_says_so() -> None:
    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await to_its_end(fail)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY])
async def test_a_busy_database_is_tried_again_also_while_another_process_mends_it(code: int) -> None:
    outcomes = iter([_failure(code), _failure(code), None])

    def step() -> str:
        if error := next(outcomes):
            raise error
        return "done"

    assert "done" == await patiently(step)


async def test_a_file_that_is_no_database_is_not_kept_open(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Somebody's notes.\n" * 100)
    before = _open_files()
    with pytest.raises(sqlite3.DatabaseError) as caught:
        await connect(str(path))
    assert before == _open_files(), caught


async def test_a_cursor_can_be_awaited_as_sqlalchemy_2_0_does_and_entered_as_2_1_does() -> None:
    connection = await connect(":memory:")
    cursor = connection.cursor()
    assert cursor is await cursor
    assert cursor is await cursor.__aenter__()
    await connection.close()


def _open_files() -> set[str]:
    return {each.name for each in Path("/dev/fd").iterdir()}


def _failure(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


def _wait(event: threading.Event) -> None:
    assert event.wait(10)
