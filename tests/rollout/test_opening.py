"""A rollout is opened by its setting alone, and says what it needs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from acs_emulator import Emulator
from twilio_compat.backend import open_backend
from twilio_compat.errors import ConfigurationError
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        connection_string="endpoint=http://127.0.0.1:1/;accesskey=eA==",
        database_url=f"sqlite:///{tmp_path / 'store.db'}",
        twilio_account_sid="AC" + "1" * 32,
        twilio_auth_token="token",
        service_sid="IS" + "1" * 32,
        rollout="dualwrite:5%",
    )


async def test_with_the_setting_there_is_a_backend_over_both_sides(settings: Settings) -> None:
    backend = open_backend(settings)
    assert isinstance(backend, RolloutBackend)
    await backend.close()
    await backend.close()


async def test_without_it_there_is_none(settings: Settings) -> None:
    backend = open_backend(replace(settings, rollout=None))
    assert not isinstance(backend, RolloutBackend)
    await backend.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"twilio_account_sid": None}, "TWILIO_ACCOUNT_SID is not set"),
        ({"twilio_auth_token": None}, "TWILIO_AUTH_TOKEN is not set"),
        ({"service_sid": None}, "TWILIO_COMPAT_SERVICE_SID is not set"),
        (
            {"connection_string": None, "endpoint": "http://127.0.0.1:1"},
            "COMMUNICATION_SERVICES_CONNECTION_STRING is not set",
        ),
        ({"rollout": "sideways"}, "sideways"),
    ],
)
async def test_what_is_missing_is_named(
    settings: Settings, changes: dict[str, str | None], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        open_backend(replace(settings, **changes))  # type: ignore[arg-type]


def test_rules_need_no_flag_service_and_no_measurements() -> None:
    program = """
import sys
for missing in ("openfeature", "opentelemetry"):
    sys.modules[missing] = None
from twilio_compat.rest import Client
from twilio_compat.rollout.staging.flag import open_flag
open_flag("live:5%")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=50)


async def test_an_emulator_is_enough_for_both_sides_to_be_opened(
    settings: Settings, emulator: Emulator
) -> None:
    backend = open_backend(replace(settings, connection_string=emulator.connection_string))
    assert isinstance(backend, RolloutBackend)
    assert settings.service_sid == backend.service_sid
    await backend.close()
