"""Fixtures every room may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from acs_emulator import Emulator
from tests.support.azurite import running_azurite

# The same examples on each run, and no time limit on one: the machine may be busy.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test that may wait for a download the time for that."""
    for each in items:
        if each.get_closest_marker("online") is not None:
            each.add_marker(pytest.mark.timeout(300))


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Run an emulator with fresh state, http and https, on a thread of its own."""
    with Emulator() as running:
        yield running


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """Run Microsoft's storage emulator, and yield a connection string for it."""
    with running_azurite() as connection_string:
        yield connection_string
