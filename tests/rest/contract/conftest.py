"""Where the scenarios are played."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from acs_emulator import Emulator
from tests.rest.contract.play import Theatre


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """Play each scenario once, whichever test asks for it."""
    with Emulator() as emulator, asyncio.Runner() as runner:
        yield Theatre(emulator, tmp_path_factory.mktemp("contract"), runner.run)
