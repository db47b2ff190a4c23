"""SQLite in the event loop's own thread, behind SQLAlchemy's asynchronous interface.

Theory of operation
-------------------
The usual asynchronous driver hands each step of each statement to a thread. A step takes SQLite some microseconds and
the hand-over ten times that, so a transaction of one statement costs a millisecond: more than sending the message
that it keeps the books of. Here a statement runs where it is awaited, and the transaction takes a tenth of that.

What must not happen in an event loop is waiting. Reads never wait in WAL mode. A write that finds another process
writing is refused by SQLite at once, since its own timeout is zero, and repeated after a short sleep of this task
alone. What remains are SQLite's checkpoints: every thousand pages, some milliseconds on a slow disk.

A fork closes the files of a process (`acs_backend.store.forks`), and a connection opens its own again.

`connect` makes an object with the part of aiosqlite's connection that SQLAlchemy's dialect for it uses.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias, TypeVar
from urllib.parse import quote

from acs_backend.store.forks import GATE

BUSY_TIMEOUT = 30.0
"""Seconds that a write waits for one of another process."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02
_REOPENING = 5.0
"""Seconds that a connection which a fork has closed waits for others when it opens again."""
MEMORY = ":memory:"
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # as `Connection` begins
    "PRAGMA foreign_keys = ON",
)

Value: TypeAlias = str | int | float | bytes | None
T = TypeVar("T")


async def connect(path: str, *, make: bool = True) -> Connection:
    """Open the database file at *path*, or a new database in memory for ``:memory:``.

    Where there is no file, it is made, or not: `sqlite3.OperationalError`.
    """
    raw = _opened(path, make=make)
    try:
        for pragma in _PRAGMAS:
            await patiently(lambda pragma=pragma: raw.execute(pragma).close())  # type: ignore[misc]  # bound now
    except BaseException:
        raw.close()
        raise
    return Connection(raw, path)


def _opened(path: str, *, make: bool, timeout: float = 0) -> sqlite3.Connection:
    name = path if make or path == MEMORY else f"file:{quote(path)}?mode=rw"
    return sqlite3.connect(
        name, timeout=timeout, isolation_level=None, check_same_thread=False, uri=name != path
    )


async def patiently(step: Callable[[], T]) -> T:
    """Run *step*, again and again while another process holds the lock it needs."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + BUSY_TIMEOUT, _FIRST_PAUSE
    while True:
        try:
            return step()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or loop.time() > end:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    """Say so, also where the code says more, as while another process mends what a killed one left behind."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def is_gone(error: BaseException | None) -> bool:
    """Say whether *error* says that there are no tables, or no file."""
    if not isinstance(error, sqlite3.OperationalError):
        return False
    return "no such table" in str(error) or error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN


async def to_its_end(step: Callable[[], None]) -> None:
    """Run *step* in a thread, and wait for it even if cancelled: nobody else may use its connection before."""
    running = asyncio.ensure_future(asyncio.to_thread(step))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    running.result()
    if cancelled is not None:
        raise cancelled


class Connection:
    """A connection whose coroutines finish without waiting, unless the database is locked or the disk is waited for."""

    def __init__(self, raw: sqlite3.Connection, path: str = ":memory:") -> None:
        """Wrap *raw*, which is open on the file at *path*."""
        self._raw: sqlite3.Connection | None = raw
        self._path = path
        self._on_disk = path != MEMORY
        self._durable = False
        self._functions: list[tuple[str, int, Callable[..., Value], bool]] = []
        if self._on_disk:
            GATE.add(self)

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection, opened again where a fork has closed it."""
        if self._raw is None:
            self._raw = self._opened_again()
        return self._raw

    def rest(self) -> None:
        """Close the file until the next use."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def _opened_again(self) -> sqlite3.Connection:
        raw = _opened(self._path, make=False, timeout=_REOPENING)
        for pragma in _PRAGMAS:
            raw.execute(pragma).close()
        raw.execute("PRAGMA busy_timeout = 0").close()
        self._durable = False
        for name, arguments, function, deterministic in self._functions:
            raw.create_function(name, arguments, function, deterministic=deterministic)
        return raw

    @property
    def _connection(self) -> sqlite3.Connection:
        """What the dialect looks at to learn whether the connection is open."""
        return self.raw

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        return Cursor(self.raw.cursor())

    async def create_function(
        self, name: str, arguments: int, function: Callable[..., Value], deterministic: bool = False
    ) -> None:
        """Make *function* callable from SQL."""
        self._functions.append((name, arguments, function, deterministic))
        self.raw.create_function(name, arguments, function, deterministic=deterministic)

    def make_durable(self, wanted: bool) -> None:
        """Say whether the next transaction, which has not begun, must outlast a power cut once it is committed."""
        if self._on_disk and wanted != self._durable:
            self.raw.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'NORMAL'}").close()
            self._durable = wanted

    def number(self, query: str) -> int:
        """Return the one number that *query* asks for, outside of any transaction; 0 for NULL."""
        with GATE.look():
            ((number,),) = self.raw.execute(query).fetchall()
        return int(number or 0)

    async def commit(self) -> None:
        """End the transaction, if there is one."""
        if self._durable and self.raw.in_transaction:
            await to_its_end(self.raw.commit)
        else:
            await patiently(self.raw.commit)

    async def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        if self._raw is not None:
            self._raw.rollback()

    async def close(self) -> None:
        """Close the file."""
        self.stop()

    def stop(self) -> None:
        """Close the file when there is no loop any more."""
        if self._raw is not None:
            self._raw.close()


class Cursor:
    """One statement and its rows."""

    def __init__(self, raw: sqlite3.Cursor) -> None:
        """Wrap *raw*."""
        self._raw = raw
        self.arraysize = raw.arraysize

    def __await__(self) -> Generator[None, None, Cursor]:
        """Return itself: SQLAlchemy 2.0 awaits a cursor, 2.1 enters it."""
        yield from ()
        return self

    async def __aenter__(self) -> Cursor:
        """Return itself."""
        return self

    @property
    def description(self) -> object:
        """The columns of the rows; None where there are no rows to come."""
        return self._raw.description

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The id of the row that was inserted last."""
        return self._raw.lastrowid

    async def execute(self, statement: str, values: Sequence[Value] = ()) -> None:
        """Run *statement*."""
        await patiently(lambda: self._raw.execute(statement, values))

    async def executemany(self, statement: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run *statement* for each of *rows*."""
        self._raw.executemany(statement, rows)

    async def fetchall(self) -> list[tuple[Value, ...]]:
        """Return the rows."""
        return self._raw.fetchall()

    async def close(self) -> None:
        """Let go of the statement."""
        self._raw.close()
