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


async def end_connections(url: str) -> None:
    """Have PostgreSQL close every connection to a database."""
    await _as_administrator(url, END_CONNECTIONS.format(database=make_url(url).database))


@asynccontextmanager
async def out_of_reach(url: str) -> AsyncIterator[None]:
    """Have PostgreSQL close every connection to a database, and refuse new ones while the block runs."""
    name = make_url(url).database
    end = END_CONNECTIONS.format(database=name)
    await _as_administrator(url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", end)
    yield
    await _as_administrator(url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"


async def _as_administrator(url: str, *statements: str) -> None:
    for each in statements:
        await execute(make_url(url).set(database="postgres").render_as_string(hide_password=False), each)
