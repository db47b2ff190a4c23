"""Where acknowledged state is kept: rows of JSON in one SQLite file, or nowhere.

The state the emulator answers from lives in memory. Each operation that changes it writes the entities it changed
in one transaction before its answer leaves, so a process that is killed loses nothing it acknowledged, and no
operation is half there after a restart. Rows are addressed by ``(namespace, key)``; what a row means is the
business of the room that writes it.

The file is in write-ahead mode with ``synchronous=NORMAL``: a commit has reached the operating system when it
returns, which survives ``kill -9`` of the process. A crash of the machine may lose the last commits, never the file.

The file is locked for as long as it is open: two emulators on one directory would answer from different memories.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Row: TypeAlias = Mapping[str, Json]

FILE_NAME = "emulator.db"
APPLICATION_ID = 0x41435345  # "ACSE" in ASCII
FORMAT = 1

_SCHEMA = "CREATE TABLE rows (namespace TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (namespace, key)) WITHOUT ROWID"
_PUT = "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_DELETE = "DELETE FROM rows WHERE namespace = ? AND key = ?"
_LOAD = "SELECT key, value FROM rows WHERE namespace = ? ORDER BY key"


class DataError(Exception):
    """The data directory cannot be used; the text says which, and why."""


class Transaction(Protocol):
    """Changes that are kept together or not at all."""

    def put(self, namespace: str, key: str, value: Row) -> None:
        """Add or replace one row."""

    def delete(self, namespace: str, key: str) -> None:
        """Remove one row; one that is not there is no error."""


class Journal(Protocol):
    """Keeps rows. Not for use from two threads at the same time."""

    def load(self, namespace: str) -> Iterator[tuple[str, dict[str, Json]]]:
        """Read every row of a namespace, ordered by key."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction: kept when the block ends, dropped when it raises. They do not nest."""

    def close(self) -> None:
        """Let go of the file."""


class MemoryJournal:
    """Keeps nothing: the state is in memory anyway."""

    def load(self, namespace: str) -> Iterator[tuple[str, dict[str, Json]]]:
        """Read nothing."""
        return iter(())

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Take changes and forget them."""
        return nullcontext(self)

    def put(self, namespace: str, key: str, value: Row) -> None:
        """Forget the row."""

    def delete(self, namespace: str, key: str) -> None:
        """Forget the removal."""

    def close(self) -> None:
        """Do nothing."""


class FileJournal:
    """Keeps rows in ``emulator.db`` of a directory, which is made when missing.

    Raises `DataError` when the file is damaged, belongs to another program, was written by a newer version, or is
    in use by another emulator.
    """

    def __init__(self, directory: Path) -> None:
        """Open and lock the file, and check all of it."""
        self.path = directory / FILE_NAME
        self._connection = _connect(self.path)
        try:
            _prepare(self._connection, self.path)
        except BaseException:
            self._connection.close()
            raise

    def load(self, namespace: str) -> Iterator[tuple[str, dict[str, Json]]]:
        """Read every row of a namespace, ordered by key; raises `DataError` for one that cannot be read."""
        try:
            for key, value in self._connection.execute(_LOAD, (namespace,)):
                yield key, json.loads(value)
        except (sqlite3.Error, ValueError) as error:
            raise DataError(_damaged(self.path, error)) from error

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction: kept when the block ends, dropped when it raises. They do not nest."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite has rolled back already when the disk is full
                self._connection.execute("ROLLBACK")
            raise

    def put(self, namespace: str, key: str, value: Row) -> None:
        """Add or replace one row of the open transaction."""
        self._write(_PUT, (namespace, key, json.dumps(value, separators=(",", ":"))))

    def delete(self, namespace: str, key: str) -> None:
        """Remove one row in the open transaction."""
        self._write(_DELETE, (namespace, key))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _write(self, statement: str, values: tuple[str, ...]) -> None:
        if not self._connection.in_transaction:
            raise RuntimeError("rows are written inside a transaction only")
        self._connection.execute(statement, values)


def open_journal(directory: Path | None) -> Journal:
    """Open the journal of a data directory, or one that keeps nothing for None; raises `DataError`."""
    return MemoryJournal() if directory is None else FileJournal(directory)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # the access key in it is a secret
        # The emulator opens its data in one thread and may serve from another, one at a time.
        return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise DataError(f"cannot open {path}: {error}") from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        _check(connection, path)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        raise DataError(_explain(error, path)) from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application_id, written_format = (
        _number(connection, "application_id"),
        _number(connection, "user_version"),
    )
    is_new = application_id == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    if is_new:
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        return
    if application_id != APPLICATION_ID:
        raise DataError(f"{path} belongs to another program; choose another data directory")
    if written_format > FORMAT:
        raise DataError(
            f"{path} was written by a newer version (format {written_format}, this one reads {FORMAT})"
        )
    if (problem := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise DataError(_damaged(path, problem))


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _explain(error: sqlite3.Error, path: Path) -> str:
    match getattr(error, "sqlite_errorcode", None):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{path} is in use by another emulator; stop it or choose another data directory"
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not a data file of this emulator; choose another data directory"
        case sqlite3.SQLITE_CORRUPT:
            return _damaged(path, error)
    return f"cannot use {path}: {error}"


def _damaged(path: Path, problem: object) -> str:
    return f"{path} is damaged: {problem}; restore it from a copy or choose another data directory"
