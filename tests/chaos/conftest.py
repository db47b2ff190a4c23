"""Places where something will go wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from acs_emulator import Emulator, Options
from tests.acs_backend.deployment import Deployment
from tests.acs_backend.worker import Worker
from tests.chaos.crowd import Crowd
from tests.chaos.neighbours import Neighbours, start
from tests.chaos.party import hasty_backend
from tests.chaos.stage import Stage


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Run an emulator, which is quicker to start without https."""
    with Emulator(Options(https_port=None)) as running:
        yield running


@pytest.fixture
async def deployment(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Deployment]:
    """Give calls more time than any fault here takes, and look for news at a pace that two processors can keep."""
    async with Deployment(emulator, f"sqlite:///{tmp_path / 'store.db'}") as running:
        running.settings = replace(running.settings, deadline=60.0, request_timeout=5.0, poll_interval=4.0)
        yield running


@pytest.fixture(scope="session")
def next_door() -> Iterator[Worker]:
    """Run another process, in which parties take place one after the other."""
    worker = start()
    yield worker
    worker.kill()


@pytest.fixture
async def crowd(deployment: Deployment, next_door: Worker) -> AsyncIterator[Crowd]:
    """Have eight people in place before anything goes wrong: four here, and four in another process."""
    there = Neighbours(deployment.settings, next_door)
    async with Crowd(deployment, there) as gathered:
        yield gathered


@pytest.fixture
async def doomed_crowd(deployment: Deployment) -> AsyncIterator[Crowd]:
    """Have eight people in place, four of whom are in a process that will be killed."""
    worker = start()
    try:
        async with Crowd(deployment, Neighbours(deployment.settings, worker)) as gathered:
            yield gathered
    finally:
        worker.kill()


@pytest.fixture
async def household(deployment: Deployment) -> AsyncIterator[Crowd]:
    """Have eight people in place who share one backend, and are alone on the store."""
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
