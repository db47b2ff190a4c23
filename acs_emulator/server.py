"""Serves an ASGI application on the emulator's listeners, inside an event loop somebody else runs.

Uvicorn's protocol classes do the HTTP. Its `Server` is not used: that one takes over signal handlers, polls for its end,
and listens either with or without TLS, while an emulator runs within the tests of others, starts and stops in
milliseconds, and takes both on one port (see `demultiplexer`).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import ipaddress
import socket
import ssl
from collections.abc import Callable
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from acs_emulator.demultiplexer import Demultiplexer
from acs_emulator.wire import CONNECTION

_KEEP_ALIVE = 120
"""Seconds an idle connection is kept: longer than the clients' pools keep theirs, so that none meets a closed one."""
GRACE = 5.0
"""Seconds requests have to finish when the server stops."""
_FAREWELL = 0.25
"""Seconds connections have to close when nothing is under way on them any more."""
_BACKLOG = 2048


class ListenError(OSError):
    """A listener cannot be opened; the text names the address and why."""


class Server:
    """*app* on up to two listeners. `start` opens them, `stop` leaves no socket and no task behind."""

    def __init__(self, app: ASGIApp, *, grace: float = GRACE) -> None:
        """Prepare; nothing is opened yet. Requests get *grace* seconds to finish at the end."""
        self._grace = grace
        self._config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        self._state = ServerState()
        self._listeners: list[Demultiplexer] = []
        self._time_teller: asyncio.Task[None] | None = None

    def start(self, sock: socket.socket, *, tls: ssl.SSLContext | None, plain: bool) -> None:
        """Serve on *sock*, a listening socket that does not block; call once per listener, from the running loop."""
        if self._time_teller is None:
            self._config.load()
            self._time_teller = asyncio.get_running_loop().create_task(self._tell_time())
        self._listeners.append(Demultiplexer(sock, self._make_protocol, tls=tls, plain=plain))

    async def stop(self) -> None:
        """Accept no more, let requests finish for the seconds of grace, close every connection."""
        for listener in self._listeners:
            listener.close()
            await listener.wait_closed()
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._until_idle()
        await self._drop_connections()
        if self._time_teller is not None:
            self._time_teller.cancel()
            await asyncio.wait([self._time_teller])

    def _make_protocol(self) -> asyncio.Protocol:
        state: dict[str, object] = {}
        protocol: asyncio.Protocol = self._config.http_protocol_class(  # type: ignore[call-arg]  # a union of untyped signatures; the configuration above chooses httptools
            config=self._config, server_state=self._state, app_state=state
        )
        state[CONNECTION] = _Connection(protocol)
        return protocol

    async def _tell_time(self) -> None:
        """Keep the ``Date`` header right, once a second rather than once a request."""
        while True:
            self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
            await asyncio.sleep(1)

    async def _until_idle(self) -> None:
        if not self._state.tasks:
            return
        _, unfinished = await asyncio.wait(list(self._state.tasks), timeout=self._grace)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)

    async def _drop_connections(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._until_disconnected()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await self._until_disconnected()

    async def _until_disconnected(self) -> None:
        while self._state.connections:  # noqa: ASYNC110 - uvicorn tells nobody when a connection ends
            await asyncio.sleep(0.002)


class _Connection:
    """Lets the application end the connection that a request came on."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol

    @property
    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self._protocol.transport  # type: ignore[attr-defined]  # both of uvicorn's protocols have it
        return transport

    def abort(self) -> None:
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop installed; None is asyncio's own."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; 0 picks a free *port*. Raises `ListenError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _bind(socket.socket(family, kind, protocol), address)
    except OSError as error:
        raise ListenError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise ListenError(f"cannot listen on {host}: this is no name a machine can have") from error


def _bind(sock: socket.socket, address: object) -> socket.socket:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)  # type: ignore[arg-type]  # an address as getaddrinfo gives it
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def authority(sock: socket.socket) -> str:
    """Return ``host:port`` by which a client on this machine reaches *sock*."""
    address = sock.getsockname()
    host = ipaddress.ip_address(address[0])
    if host.is_unspecified:
        host = ipaddress.ip_address("127.0.0.1" if host.version == 4 else "::1")
    return f"[{host}]:{address[1]}" if host.version == 6 else f"{host}:{address[1]}"
