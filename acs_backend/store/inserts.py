"""Inserting what may be there already, in one statement."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

InsertMissing: TypeAlias = postgresql.Insert | sqlite.Insert


def insert_missing(connection: AsyncConnection, table: Table) -> InsertMissing:
    """Return the statement that inserts rows but those that a unique key of *table* rules out."""
    return _missing(connection.dialect.name, table)


def insert_missing_returning(
    connection: AsyncConnection, table: Table, *columns: str
) -> ReturningInsert[Any]:
    """Return the same statement, which says these *columns* of the rows that it has inserted."""
    return _returning(connection.dialect.name, table, columns)


@cache
def _missing(dialect: str, table: Table) -> InsertMissing:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return make(table).on_conflict_do_nothing()


@cache
def _returning(dialect: str, table: Table, columns: tuple[str, ...]) -> ReturningInsert[Any]:
    return _missing(dialect, table).returning(*(table.c[each] for each in columns))
