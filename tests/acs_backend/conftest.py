"""A backend on a running emulator, and who uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from acs_backend.backend import AcsBackend
from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment, sign_in
from tests.acs_backend.middleman import Middleman
from tests.support.postgresql import PostgreSQL, running_postgresql
from twilio_compat.records import Actor


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """Name the store; a module that tests both kinds of store has a fixture of its own by this name."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
async def deployment(emulator: Emulator, store_url: str) -> AsyncIterator[Deployment]:
    """Open backends on one emulator and one store; they are closed at the end."""
    async with Deployment(emulator, store_url) as running:
        yield running


@pytest.fixture
def backend(deployment: Deployment) -> AcsBackend:
    return deployment.backend()


@pytest.fixture
async def alice(backend: AcsBackend) -> Actor:
    return (await sign_in(backend, "alice"))[0]


@pytest.fixture
async def bob(backend: AcsBackend) -> Actor:
    return (await sign_in(backend, "bob"))[0]


@pytest.fixture
async def middleman(emulator: Emulator) -> AsyncIterator[Middleman]:
    """Stand between the backend and the emulator, and lose what the test says."""
    async with Middleman(emulator.http_endpoint) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
async def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty store of each kind that several processes can share."""
    return await new_store(request, tmp_path)


async def new_store(request: pytest.FixtureRequest, directory: Path) -> str:
    """Return the URL of an empty store of the kind that the fixture's parameter names."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        return await server.new_database()
    return "sqlite://" if request.param == "memory" else f"sqlite:///{directory / 'store.db'}"


@pytest.fixture
async def postgresql_url(postgresql: PostgreSQL) -> str:
    """Name an empty store on PostgreSQL."""
    return await postgresql.new_database()
