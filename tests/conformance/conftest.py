"""Clients of one deployment on the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment
from tests.conformance.signing_in import Desk


@pytest.fixture
async def desk(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Desk]:
    """Sign people in on an empty deployment; their clients are shut down when the test ends."""
    async with (
        Deployment(emulator, f"sqlite:///{tmp_path / 'store.db'}") as deployment,
        Desk(deployment) as open_desk,
    ):
        yield open_desk
