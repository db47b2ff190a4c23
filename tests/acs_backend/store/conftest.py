"""Empty stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acs_backend.conftest import new_store
from tests.support.postgresql import PostgreSQL


@pytest.fixture
async def new_store_beside(shared_store: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name another empty store of the same kind."""
    if shared_store.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'beside.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return await server.new_database()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty store of each kind."""
    return await new_store(request, tmp_path)
