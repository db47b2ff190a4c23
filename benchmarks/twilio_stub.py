"""A server that answers every request at once with a message, as if it were Twilio: ``python -m benchmarks.twilio_stub``.

It does as little as a server can, so that what is measured is the client. It prints its port, and serves until it is
ended.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_SID = "0" * 32
_MESSAGE = json.dumps(
    {
        "sid": f"IM{_SID}",
        "account_sid": f"AC{_SID}",
        "conversation_sid": f"CH{_SID}",
        "index": 0,
        "author": "user",
        "body": "Message",
        "media": None,
        "attributes": "{}",
        "participant_sid": None,
        "delivery": None,
        "content_sid": None,
        "date_created": "2026-01-31T12:00:00Z",
        "date_updated": "2026-01-31T12:00:00Z",
        "url": f"https://conversations.twilio.com/v1/Conversations/CH{_SID}/Messages/IM{_SID}",
        "links": {"delivery_receipts": "", "channel_metadata": ""},
    }
).encode()
_ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: "
    + str(len(_MESSAGE)).encode()
    + b"\r\n\r\n"
    + _MESSAGE
)


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        """Wait for a request."""
        self._transport: asyncio.Transport | None = None
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._read += data
        while (rest := _after_request(self._read)) is not None:
            self._read = rest
            if self._transport is not None:
                self._transport.write(_ANSWER)


def _after_request(read: bytes) -> bytes | None:
    """Return what follows the first request; None where it is not whole yet."""
    head, end, rest = read.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    size = int(length[1]) if length else 0
    return rest[size:] if end and len(rest) >= size else None


@contextmanager
def running_stub() -> Iterator[str]:
    """Run it in a process of its own; yield where it is."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.twilio_stub"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


async def main() -> None:
    """Serve."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
