"""Places where something goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment
from tests.chaos.crowd import Crowd
from tests.chaos.party import hasty_backend
from tests.chaos.stage import Stage


@pytest.fixture
async def deployment(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Deployment]:
    """Give calls more time than any fault here takes, and look for news at a pace that two processors can keep."""
    async with Deployment(emulator, f"sqlite:///{tmp_path / 'store.db'}") as running:
        running.settings = replace(running.settings, deadline=60.0, request_timeout=5.0, poll_interval=2.0)
        yield running


@pytest.fixture
async def crowd(deployment: Deployment) -> AsyncIterator[Crowd]:
    """Have everybody in place before anything goes wrong."""
    async with Crowd(deployment) as gathered:
        yield gathered


@pytest.fixture
async def stage(deployment: Deployment) -> AsyncIterator[Stage]:
    """Have the conversation ready before anything goes wrong."""
    backend = hasty_backend(deployment.settings)
    stage = Stage(deployment, backend)
    await stage.set()
    yield stage
    await backend.close()
