"""What a process runs with, and what cannot be run with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from twilio_compat import Settings
from twilio_compat.errors import ConfigurationError


def test_each_variable_is_read_and_an_empty_one_counts_as_unset() -> None:
    read = Settings.from_environment(
        {
            "COMMUNICATION_SERVICES_CONNECTION_STRING": "endpoint=https://x/;accesskey=eA==",
            "COMMUNICATION_SERVICES_ENDPOINT": "",
            "AZURE_STORAGE_CONNECTION_STRING": "AccountName=x;AccountKey=eA==",
            "TWILIO_COMPAT_DATABASE_URL": "",
            "TWILIO_API_KEY": "SK1",
            "TWILIO_API_SECRET": "secret",
            "TWILIO_COMPAT_ROLLOUT": "dualwrite:5%",
            "TWILIO_COMPAT_RATE_LIMITS": "off",
            "TWILIO_COMPAT_PARTICIPANT_ROLE": "channel admin",
            "TWILIO_COMPAT_USER_ROLE": "service admin",
            "PATH": "/bin",
        }
    )
    assert read == Settings(
        connection_string="endpoint=https://x/;accesskey=eA==",
        storage_connection_string="AccountName=x;AccountKey=eA==",
        twilio_api_key="SK1",
        twilio_api_secret="secret",
        rollout="dualwrite:5%",
        rate_limits="off",
        participant_role="channel admin",
        user_role="service admin",
    )


def test_no_secret_is_shown() -> None:
    shown = repr(
        Settings(
            connection_string="hidden 1",
            storage_connection_string="hidden 2",
            database_url="hidden 3",
            twilio_api_secret="hidden 4",
        )
    )
    assert "hidden" not in shown


def test_what_is_missing_is_named_with_its_variable_and_its_purpose() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings().need("storage_connection_string", "to keep media")
    assert "AZURE_STORAGE_CONNECTION_STRING is not set; it is needed to keep media" == str(caught.value)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, "1", None], ids=repr)
@pytest.mark.parametrize("name", ["poll_interval", "deadline", "metadata_budget"])
def test_times_and_sizes_are_numbers_above_zero(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^The setting {name} must be a number above zero, not "):
        replace(Settings(), **{name: value})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TWILIO_COMPAT_RATE_LIMITS", "rate_limits must be one of auto, on, off"),
        ("TWILIO_COMPAT_PARTICIPANT_ROLE", "participant_role must be one of channel user, channel admin"),
        ("TWILIO_COMPAT_USER_ROLE", "user_role must be one of service user, service admin"),
        ("TWILIO_COMPAT_ROLLOUT_BODIES", "rollout_bodies must be one of off, on"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_with_those_that_there_are(variable: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{text}, not 'maybe'"):
        Settings.from_environment({variable: "maybe"})


@pytest.mark.parametrize(("text", "share"), [("0", 0.0), ("0.25", 0.25), ("1", 1.0)])
def test_a_share_is_read_from_the_environment(text: str, share: float) -> None:
    settings = Settings.from_environment({"TWILIO_COMPAT_ROLLOUT_SAMPLE": text})
    assert share == settings.rollout_sample


@pytest.mark.parametrize("text", ["-0.1", "1.1", "nan"])
def test_a_share_is_from_0_to_1(text: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^The setting rollout_sample must be a number from 0 to 1, not "
    ):
        Settings.from_environment({"TWILIO_COMPAT_ROLLOUT_SAMPLE": text})


def test_what_is_no_number_is_refused_with_its_variable() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({"TWILIO_COMPAT_ROLLOUT_SAMPLE": "a tenth"})
    assert "TWILIO_COMPAT_ROLLOUT_SAMPLE must be a number, not 'a tenth'" == str(caught.value)
