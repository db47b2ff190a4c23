"""Inserting what may be there already, in one statement."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

InsertMissing: TypeAlias = postgresql.Insert | sqlite.Insert


def insert_missing(connection: AsyncConnection, table: Table) -> InsertMissing:
    """Return the statement that inserts rows but for those whose primary key is there."""
    return _missing(connection.dialect.name, table)


@cache
def _missing(dialect: str, table: Table) -> InsertMissing:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return make(table).on_conflict_do_nothing(index_elements=[*table.primary_key])
