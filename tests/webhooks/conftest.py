"""A deployment with webhooks, somebody who is called, and who makes them be called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acs_emulator import Emulator
from tests.webhooks.clock import Clock
from tests.webhooks.deployment import WebhookDeployment, sign_in
from tests.webhooks.receiver import Receiver, running_receiver
from twilio_compat.records import Actor
from twilio_compat.webhooks.backend import TellingBackend


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def deployment(emulator: Emulator, tmp_path: Path) -> AsyncIterator[WebhookDeployment]:
    async with WebhookDeployment(emulator, f"sqlite:///{tmp_path / 'store.db'}") as running:
        yield running


@pytest.fixture
def backend(deployment: WebhookDeployment) -> TellingBackend:
    return deployment.backend()


@pytest.fixture
async def alice(backend: TellingBackend) -> Actor:
    return await sign_in(backend, "alice")
