"""The system that is measured: an emulator in a process of its own, or one in this process that counts requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from acs_emulator import Emulator
from acs_emulator.app import Exchange
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.settings import Settings

API_KEY, API_SECRET = "SK" + "b" * 32, "a secret of the benchmark, thirty-two bytes or more"
START_TIMEOUT = 20.0


@dataclass(frozen=True)
class Deployment:
    """Where to send to, and with which keys."""

    endpoint: str
    access_key: str
    settings: Settings

    def twilio_token(self, identity: str) -> str:
        """Return a Twilio access token for *identity*, as an application's back end would make it."""
        token = AccessToken("AC" + "a" * 32, API_KEY, API_SECRET, identity=identity)
        token.add_grant(ChatGrant(service_sid="IS" + "c" * 32))
        return str(token.to_jwt())


@contextmanager
def counting_emulator() -> Iterator[tuple[Deployment, Counter[str]]]:
    """Run an emulator on a thread of this process; yield it with what it was asked, by operation."""
    asked: Counter[str] = Counter()

    def count(exchange: Exchange) -> None:
        asked[exchange.operation] += 1

    with tempfile.TemporaryDirectory() as folder, Emulator(observe=count) as emulator:
        settings = _settings(
            emulator.connection_string, emulator.storage_connection_string, Path(folder, "store.db")
        )
        yield Deployment(emulator.endpoint, emulator.access_key, settings), asked


@contextmanager
def running_emulator(*, scheme: str = "http") -> Iterator[Deployment]:
    """Start ``acs-emulator`` in memory on free ports, and end it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        ready_file = Path(folder, "ready.json")
        arguments = ["serve", "--http-port", "0", "--https-port", "0", "--data", "memory"]
        command = [sys.executable, "-m", "acs_emulator", *arguments, "--ready-file", str(ready_file)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            ready = _wait_until_ready(process, ready_file)
            os.environ["SSL_CERT_FILE"] = ready["ca_file"]
            yield _deployment(ready, scheme, Path(folder, "store.db"))
        finally:
            process.terminate()
            process.wait(START_TIMEOUT)


def _wait_until_ready(process: subprocess.Popen[bytes], ready_file: Path) -> dict[str, str]:
    give_up_at = time.monotonic() + START_TIMEOUT
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise RuntimeError("The emulator did not start; its message is above")
        time.sleep(0.02)
    ready: dict[str, str] = json.loads(ready_file.read_text())
    return ready


def _deployment(ready: dict[str, str], scheme: str, database: Path) -> Deployment:
    endpoint = ready[f"{scheme}_endpoint"].rstrip("/")
    access_key = ready["connection_string"].partition("accesskey=")[2].rstrip(";")
    connection_string = f"endpoint={endpoint}/;accesskey={access_key}"
    settings = _settings(connection_string, ready["storage_connection_string"], database)
    return Deployment(endpoint, access_key, settings)


def _settings(connection_string: str, storage_connection_string: str, database: Path) -> Settings:
    return Settings(
        connection_string=connection_string,
        storage_connection_string=storage_connection_string,
        database_url=f"sqlite:///{database}",
        twilio_api_key=API_KEY,
        twilio_api_secret=API_SECRET,
    )
