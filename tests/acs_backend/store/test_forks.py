"""A process may fork while its store is in use: neither it nor its child waits for what nobody holds, or loses a write."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from acs_backend.store.forks import Gate
from acs_backend.store.sqlite import connect

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PROGRAM = """
    import asyncio, os, sys, threading, time
    from sqlalchemy import insert
    from acs_backend.store import schema
    from acs_backend.store.database import Database

    URL, COUNT = "sqlite:///" + sys.argv[1], 5
    inside = threading.Event()

    async def write(database, name, pause=0.0):
        async with database.write() as connection:
            await connection.execute(insert(schema.leases).values(name=name, holder="x", until=1))
            if pause:
                inside.set()
                await asyncio.sleep(pause)

    async def write_all(who, pause=0.0):
        database = Database(URL)
        try:
            for number in range(COUNT):
                await write(database, f"{who} {number}", pause)
        finally:
            await database.close()

    writer = threading.Thread(target=asyncio.run, args=(write_all("parent", 0.05),))
    writer.start()
    children = []
    for child in range(3):
        inside.clear()
        inside.wait()
        if not (pid := os.fork()):
            asyncio.run(write_all(f"child {child}"))
            os._exit(0)
        children.append(pid)
    writer.join()
    print([os.waitpid(each, 0)[1] for each in children])
"""


def test_what_parent_and_children_write_is_kept_though_it_forks_in_the_middle_of_transactions(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM), str(path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (0, "[0, 0, 0]\n", "") == (done.returncode, done.stdout, done.stderr)
    with closing(sqlite3.connect(path)) as file:
        assert [(20,)] == file.execute("SELECT count(*) FROM leases").fetchall()


async def test_a_connection_opens_itself_again_with_all_that_was_made_of_it(tmp_path: Path) -> None:
    connection = await connect(str(tmp_path / "store.db"))
    await connection.create_function("twice", 1, lambda value: 2 * value, deterministic=True)
    connection.rest()
    assert 42 == connection.number("SELECT twice(21)")
    assert "wal" == connection.raw.execute("PRAGMA journal_mode").fetchone()[0]
    await connection.close()


async def test_a_fork_closes_what_is_open_and_holds_up_who_comes_meanwhile() -> None:
    gate, resting = Gate(), _Resting()
    gate.add(resting)
    gate_is_passed = asyncio.Event()

    async def pass_gate() -> None:
        async with gate.transaction():
            gate_is_passed.set()

    await asyncio.to_thread(_fork_for, gate, asyncio.get_running_loop(), pass_gate)
    await asyncio.wait_for(gate_is_passed.wait(), 30)
    assert 1 == resting.rests


async def test_a_fork_in_the_thread_of_a_transaction_leaves_everything_open_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, resting = Gate(), _Resting()
    gate.add(resting)
    async with gate.transaction():
        gate.before()
        gate.after_in_parent()
    assert (
        0,
        ["The process forks in the middle of a transaction; the child should not use its database"],
    ) == (
        resting.rests,
        caplog.messages,
    )


class _Resting:
    def __init__(self) -> None:
        self.rests = 0

    def rest(self) -> None:
        self.rests += 1


def _fork_for(gate: Gate, loop: asyncio.AbstractEventLoop, meanwhile) -> None:  # type: ignore[no-untyped-def]
    """Go through what a fork does, with somebody at the gate in its middle, who may not pass."""
    gate.before()
    passing = asyncio.run_coroutine_threadsafe(meanwhile(), loop)
    assert not passing.done()
    gate.after_in_parent()
