"""What stands in for Twilio where none can be reached: our own translation of its REST API, over HTTP.

It serves on this machine, on an emulator and a store of its own, so nothing of it is shared with a backend that a test
has on another. Conversations and media are at the same url: that of the setting ``twilio_url``::

    async with twilio_stand_in() as twilio:
        settings = twilio.settings(twilio_poll_interval=0.05)

Everything runs on the loop of the test. ``backend`` is the way past HTTP, to look at what is there; ``faults`` makes
requests go wrong (`tests.support.http_faults`).
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from acs_emulator import Emulator
from tests.support.http_faults import Faults
from twilio_compat.account import AccountBackend
from twilio_compat.backend import open_backend
from twilio_compat.rest.asgi import create_app
from twilio_compat.settings import Settings

ACCOUNT_SID = "AC" + "a" * 32
AUTH_TOKEN = "the auth token of the account"
API_KEY = "SK" + "b" * 32
API_SECRET = "the secret of the API key, 32 bytes or more"
SERVICE_SID = "IS" + "7" * 32


@dataclass(frozen=True, slots=True)
class TwilioStandIn:
    """Where it is, who may ask it, and what is behind it."""

    url: str
    account_sid: str
    auth_token: str
    service_sid: str
    backend: AccountBackend
    faults: Faults
    api_key: str = API_KEY
    api_secret: str = API_SECRET

    def settings(self, **more: Any) -> Settings:
        """Return settings of an application at this Twilio; *more* come in their place."""
        given: dict[str, Any] = {
            "backend": "twilio",
            "twilio_url": self.url,
            "twilio_account_sid": self.account_sid,
            "twilio_auth_token": self.auth_token,
            "twilio_api_key": self.api_key,
            "twilio_api_secret": self.api_secret,
            "service_sid": self.service_sid,
            "twilio_poll_interval": 0.05,
            "deadline": 10.0,
        }
        return Settings(**(given | more))


@asynccontextmanager
async def twilio_stand_in(service_sid: str = SERVICE_SID) -> AsyncIterator[TwilioStandIn]:
    """Serve an empty Twilio on a free port for as long as the context lasts."""
    with Emulator() as emulator, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        settings = _settings(emulator, Path(directory), service_sid)
        backend = open_backend(settings)
        assert isinstance(backend, AccountBackend)
        faults = Faults(create_app(settings, lambda _: backend))
        async with serving(faults) as url:
            yield TwilioStandIn(url, ACCOUNT_SID, AUTH_TOKEN, service_sid, backend, faults)


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[str]:
    """Run an ASGI application on the loop that runs, on a free port; yield where."""
    # That it is TCP must be said: asyncio sends small pieces at once only where it knows.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=5))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await server.wait_for_start(task)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    """One that leaves the signals of the process alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.has_started.set()

    async def wait_for_start(self, task: asyncio.Task[None]) -> None:
        """Wait until it serves. `RuntimeError` where it ends instead."""
        started = asyncio.ensure_future(self.has_started.wait())
        await asyncio.wait([started, task], return_when=asyncio.FIRST_COMPLETED)
        if task.done() or self.should_exit:
            started.cancel()
            raise RuntimeError("The server has not started")


def _settings(emulator: Emulator, directory: Path, service_sid: str) -> Settings:
    return Settings(
        connection_string=emulator.connection_string,
        storage_connection_string=emulator.storage_connection_string,
        database_url=f"sqlite:///{directory / 'store.db'}",
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
        twilio_api_key=API_KEY,
        twilio_api_secret=API_SECRET,
        service_sid=service_sid,
    )
