"""A PostgreSQL server for one test session, where the programs for it are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def running_postgresql() -> Iterator[str]:
    """Yield the URL of an empty database; the server ends with the block. Skips where there is no PostgreSQL."""
    programs = _programs()
    user = _unprivileged_user()
    directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if user:
        shutil.chown(directory, user)
    port = _free_port()
    data = directory / "data"
    try:
        _run(user, programs / "initdb", "-D", data, "-U", "test", "-A", "trust", "--no-sync")
        options = f"-p {port} -h 127.0.0.1 -k {directory} -c fsync=off"
        _run(user, programs / "pg_ctl", "-D", data, "-o", options, "-l", directory / "log", "-w", "start")
        try:
            yield f"postgresql://test@127.0.0.1:{port}/postgres"
        finally:
            _run(user, programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    found = shutil.which("initdb")
    if found is None:
        pytest.skip("PostgreSQL is not installed: there is no initdb on the path")
    return Path(found).resolve().parent


def _unprivileged_user() -> str | None:
    """Return whom to run the server as: it refuses to be root's."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _run(user: str | None, *command: str | Path) -> None:
    subprocess.run(
        [str(part) for part in command], check=True, stdout=subprocess.DEVNULL, user=user, cwd="/", timeout=60
    )
