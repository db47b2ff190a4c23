"""What an application has set, for tests that look at the REST face from outside."""

from __future__ import annotations

from pathlib import Path

from acs_emulator import Emulator
from twilio_compat.settings import Settings

ACCOUNT = "AC" + "a" * 32
AUTH_TOKEN = "the auth token of the account"
API_KEY = "SK" + "b" * 32
API_SECRET = "the secret of the API key, 32 bytes or more"


def environment(emulator: Emulator, directory: Path) -> dict[str, str]:
    """Return the environment variables of an application on *emulator*, with a store of its own in *directory*."""
    return {
        "COMMUNICATION_SERVICES_CONNECTION_STRING": emulator.connection_string,
        "AZURE_STORAGE_CONNECTION_STRING": emulator.storage_connection_string,
        "TWILIO_COMPAT_DATABASE_URL": f"sqlite:///{directory / 'store.db'}",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_KEY": API_KEY,
        "TWILIO_API_SECRET": API_SECRET,
    }


def settings(emulator: Emulator, database: Path) -> Settings:
    """Return the same as one object, with a store in the file *database*."""
    return Settings(
        connection_string=emulator.connection_string,
        storage_connection_string=emulator.storage_connection_string,
        database_url=f"sqlite:///{database}",
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=AUTH_TOKEN,
        twilio_api_key=API_KEY,
        twilio_api_secret=API_SECRET,
    )
