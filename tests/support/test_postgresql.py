"""The PostgreSQL server of the tests ends with whoever started it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.support.postgresql import running_postgresql
from tests.support.requirements import ROOT

START_AND_HANG = """
from tests.support.postgresql import running_postgresql
with running_postgresql() as server:
    print(server.url("postgres").partition("=")[2], flush=True)
    input()
"""


def gone(directory: Path) -> bool:
    """Wait until the server has removed its folder, which is the last that it does."""
    end = time.monotonic() + 30
    while directory.exists() and time.monotonic() < end:
        time.sleep(0.01)
    return not directory.exists()


def test_the_server_ends_with_a_session_that_is_killed() -> None:
    command = [sys.executable, "-c", START_AND_HANG]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as session:
        assert session.stdout is not None
        directory = Path(session.stdout.readline().strip())
        assert (directory / "data").is_dir()
        session.kill()
    assert gone(directory)


async def test_each_database_is_a_new_one() -> None:
    with running_postgresql() as server:
        first, second = await server.new_database(), await server.new_database()
        assert first != second
