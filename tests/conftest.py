"""Fixtures every room may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acs_emulator import Emulator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Run an emulator with fresh state, http and https, on a thread of its own."""
    with Emulator() as running:
        yield running
