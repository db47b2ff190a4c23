"""A process that sends messages and waits to be killed: ``python -m tests.webhooks.script``, settings on standard input."""

from __future__ import annotations

import asyncio
import json
import sys

from acs_backend import AcsBackend
from tests.acs_backend.deployment import draft
from tests.webhooks.clock import quick
from tests.webhooks.deployment import SPEED, now, sign_in
from twilio_compat.settings import Settings
from twilio_compat.webhooks.backend import telling


async def main() -> None:
    asked = json.loads(sys.stdin.readline())
    settings = Settings(**asked["settings"])
    backend = telling(AcsBackend(settings), settings, quick(SPEED, now=now))
    alice = await sign_in(backend, "alice")
    for body in asked["bodies"]:
        await backend.messages.create(alice, asked["conversation"], draft(body, mutation_id=body))
        print(body, flush=True)
    if asked["ends"]:
        await backend.close()
    else:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
