"""A backend on a running emulator, and who uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment
from tests.acs_backend.middleman import Middleman


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
