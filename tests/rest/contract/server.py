"""The translation served over HTTP, on this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from twilio_compat.rest.asgi import create_app
from twilio_compat.settings import Settings

PATIENCE = 30.0
"""Seconds that a server may take to start or to end."""


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve on a free port, in a thread; yield where."""
    with uvicorn_on(create_app(settings)) as address:
        yield address


@contextmanager
def uvicorn_on(application: object) -> Iterator[str]:
    """Run an ASGI application on a free port, in a thread; yield where."""
    # That it is TCP must be said: asyncio sends small pieces at once only where it knows.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            _wait_for(server, thread)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The server has not started")
        time.sleep(0.005)
