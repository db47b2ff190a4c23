"""twilio-python's own classes, on an emulator of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acs_emulator import Emulator
from tests.rest.outside import ACCOUNT, AUTH_TOKEN, settings
from tests.rest.resources.asking import Twilio
from twilio_compat.rest import Client


@pytest.fixture
def client(emulator: Emulator, tmp_path: Path) -> Iterator[Client]:
    """Return a client of an empty deployment."""
    with Client(ACCOUNT, AUTH_TOKEN, settings=settings(emulator, tmp_path / "store.db")) as running:
        yield running


@pytest.fixture
def twilio(client: Client) -> Twilio:
    """Return that client, and what tests ask of it again and again."""
    return Twilio(client)
