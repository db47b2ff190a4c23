"""The stores that several processes can share, and a deployment on its way from Twilio to ACS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acs_backend.conftest import postgresql, shared_store
from tests.rollout.deployment import RolloutDeployment, rollout_deployment

__all__ = ["deployment", "postgresql", "shared_store"]


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Name the store; a module that tests both kinds of store has a fixture of its own by this name."""
    return f"sqlite:///{tmp_path / 'rollout.db'}"


@pytest.fixture
async def deployment(store: str) -> AsyncIterator[RolloutDeployment]:
    """Return both sides, empty."""
    async with rollout_deployment(store) as found:
        yield found
