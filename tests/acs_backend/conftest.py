"""A backend on a running emulator, and who uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from acs_backend.store import schema
from acs_backend.store.database import Database
from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment
from tests.acs_backend.middleman import Middleman
from tests.support.postgresql import running_postgresql


@pytest.fixture
async def deployment(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Deployment]:
    """Open backends on one emulator and one store; they are closed at the end."""
    async with Deployment(emulator, f"sqlite:///{tmp_path / 'store.db'}") as running:
        yield running


@pytest.fixture
async def middleman(emulator: Emulator) -> AsyncIterator[Middleman]:
    """Stand between the backend and the emulator, and lose what the test says."""
    async with Middleman(emulator.http_endpoint) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server and name its empty database."""
    with running_postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty store of each kind that several processes can share."""
    if request.param == "postgresql":
        return await emptied(request.getfixturevalue("postgresql"))
    return f"sqlite:///{tmp_path / 'store.db'}"


async def emptied(url: str) -> str:
    """Remove what an earlier test left in a database."""
    database = Database(url)
    async with database.write() as connection:
        await connection.run_sync(schema.metadata.drop_all)
    await database.close()
    return url
