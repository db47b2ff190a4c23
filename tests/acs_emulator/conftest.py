"""Fixtures of the tests of the emulator's operations."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.acs_emulator.support import World, make_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A resource in memory, with nobody in it."""
    made = make_world()
    async with made.http:
        yield made
