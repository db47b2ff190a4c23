"""The databases of the tests, through the library and past it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing

import asyncpg  # type: ignore[import-untyped]  # it comes without types
from sqlalchemy import make_url

from acs_backend.store.database import Database


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Yield the store, and close it whatever happens."""
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


async def execute(url: str, *statements: str) -> Sequence[object]:
    """Run SQL in one transaction and return the first column of the last statement's rows."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(parsed.database or "", isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            found = [row[0] for each in statements for row in file.execute(each)]
            file.execute("COMMIT")
            return found
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            return [row[0] for each in statements for row in await connection.fetch(each)]
    finally:
        await connection.close()
