"""Connections that come while the listener closes."""

from __future__ import annotations

import asyncio
import socket

from acs_emulator.demultiplexer import Demultiplexer
from acs_emulator.server import listen


async def test_a_connection_that_is_accepted_when_the_listener_closes_is_closed() -> None:
    listener = listen("127.0.0.1", 0)
    demultiplexer = Demultiplexer(listener, asyncio.Protocol, tls=None)
    with socket.create_connection(listener.getsockname()) as client:
        while not demultiplexer._unserved:  # noqa: ASYNC110  # it takes as many turns of the loop as it takes
            await asyncio.sleep(0)
        demultiplexer.close()
        await demultiplexer.wait_closed()
        client.settimeout(5)
        assert b"" == client.recv(1)
