"""Somebody who is called."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.webhooks.clock import Clock
from tests.webhooks.receiver import Receiver, running_receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()
