"""One listening socket that takes both plain HTTP and TLS.

Theory of operation
===================
A TLS connection begins with a handshake record, whose first byte is 0x16; no HTTP request begins so. Each accepted
connection is looked at with ``MSG_PEEK``, which leaves the byte where it is, and then handed to the event loop with
or without TLS. From there on nothing distinguishes it from a connection of an ordinary listener: the scheme the
application sees is the one that was used.

The reason to want this: Microsoft's Python libraries drop the scheme of a connection string and always speak https, while
those for other languages keep it. With both on one port, one connection string serves them all.

A `Demultiplexer` has the two methods of `asyncio.Server` its owner needs, `close` and `wait_closed`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine

logger = logging.getLogger("acs_emulator.server")

TLS_HANDSHAKE = b"\x16"
"""First byte of a TLS connection."""
_PATIENCE = 60.0
"""Seconds a connection may stay silent before its first byte."""
_TLS_CLOSING_TIME = 1.0
"""Seconds the peer has to answer the end of a TLS connection."""


class Demultiplexer:
    """Serves *listener* until closed, from the running loop.

    *tls* None refuses TLS; *plain* False takes nothing else.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None,
        plain: bool = True,
    ) -> None:
        """Begin to accept. *listener* listens already, does not block, and is closed at the end."""
        self._listener = listener
        self._make_protocol = make_protocol
        self._tls = tls
        self._plain = plain
        self._tasks: set[asyncio.Task[None]] = set()
        self._unserved: set[socket.socket] = set()
        """Connections that were accepted, and not handed over yet: whoever is cancelled before that does not close them."""
        self._loop = asyncio.get_running_loop()
        self._spawn(self._accept())

    def close(self) -> None:
        """Accept no more; connections that have been handed over go on."""
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until nothing of it is left."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()
        while self._unserved:
            self._unserved.pop().close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        while True:
            try:
                await _readable(self._listener)
                connection, _ = self._listener.accept()  # at once, so that no cancellation loses it
            except BlockingIOError:
                continue  # the peer is gone already
            except OSError as error:
                # Out of file descriptors, or the peer is gone already: the listener itself is sound.
                logger.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(0.1)
                continue
            connection.setblocking(False)
            self._unserved.add(connection)
            self._spawn(self._welcome(connection))

    async def _welcome(self, connection: socket.socket) -> None:
        try:
            tls = await self._examine(connection)
            self._unserved.discard(connection)
            # From here on the connection is the event loop's to close.
            await self._loop.connect_accepted_socket(
                self._make_protocol,
                connection,
                ssl=tls,
                ssl_shutdown_timeout=_TLS_CLOSING_TIME if tls else None,
            )
        except (OSError, TimeoutError) as error:
            self._unserved.discard(connection)
            logger.info("a connection ended before its first request: %s", error)

    async def _examine(self, connection: socket.socket) -> ssl.SSLContext | None:
        """Return what to serve *connection* with; where that is impossible, close it and raise `OSError`."""
        with contextlib.ExitStack() as failing:
            failing.callback(connection.close)
            async with asyncio.timeout(_PATIENCE):
                first = await _peek(connection) if self._plain else TLS_HANDSHAKE
            if not first:
                raise ConnectionResetError("the client closed it")
            if first == TLS_HANDSHAKE and self._tls is None:
                raise ConnectionRefusedError("the client speaks TLS, and there is no https listener")
            failing.pop_all()
            return self._tls if first == TLS_HANDSHAKE else None


async def _peek(connection: socket.socket) -> bytes:
    """Return the first byte without taking it; empty when the peer has closed."""
    while True:
        try:
            return connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            await _readable(connection)


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
