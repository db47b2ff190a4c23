"""Uploads a file as large as they get, and prints by how many bytes the process grew at most.

Run as a process of its own, with a storage connection string: the peak of a process cannot be set back.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator

from azure.storage.blob import ContentSettings

from acs_backend.blobs import Blobs
from acs_backend.clients import SharedTransport
from twilio_compat.settings import Settings

_PIECE = bytes(range(256)) * 1024
_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes of what the system counts in."""


async def pieces(megabytes: int) -> AsyncIterator[bytes]:
    """Make a file."""
    for _ in range(megabytes * 2**20 // len(_PIECE)):
        yield _PIECE


def peak() -> int:
    """Return the most bytes of memory that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


async def main(storage: str) -> None:
    """Upload a small file, so that everything is loaded, and then a large one."""
    transport = SharedTransport(timeout=30.0)
    blobs = Blobs(Settings(storage_connection_string=storage), transport)
    settings = ContentSettings(content_type="application/octet-stream")
    await blobs.put("small", pieces(2), settings)
    before = peak()
    await blobs.put("large", pieces(150), settings)
    print(peak() - before)
    await blobs.close()
    await transport.shut_down()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
