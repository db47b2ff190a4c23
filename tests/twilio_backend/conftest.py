"""A stand-in for Twilio, and backends on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.twilio_stand_in import TwilioStandIn, twilio_stand_in
from tests.twilio_backend.deployment import Deployment


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioStandIn]:
    """Serve an empty Twilio."""
    async with twilio_stand_in() as running:
        yield running


@pytest.fixture
async def deployment(twilio: TwilioStandIn) -> AsyncIterator[Deployment]:
    """Open backends on it."""
    async with Deployment(twilio) as opened:
        yield opened
