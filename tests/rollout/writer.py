"""A process that writes to a conversation as fast as it can until it is killed: ``python -m tests.rollout.writer CH...``.

Its settings are those of the environment. For each message that was acknowledged it prints a line of JSON, and before
each that it sends, one that says so.
"""

from __future__ import annotations

import asyncio
import json
import sys

from twilio_compat.account import AccountBackend, account_actor
from twilio_compat.backend import open_backend
from twilio_compat.records import MessageDraft
from twilio_compat.settings import Settings

AT_ONCE = 3


async def write(sid: str) -> None:
    """Write until killed."""
    backend = open_backend(Settings.from_environment())
    assert isinstance(backend, AccountBackend)
    await asyncio.gather(*(_send(backend, sid, number) for number in range(AT_ONCE)))


async def _send(backend: AccountBackend, sid: str, writer: int) -> None:
    for number in range(10_000):
        body = f"{writer}: {number}"
        _say({"sending": body})
        draft = MessageDraft(mutation_id=body, body=body, author=f"writer {writer}", is_first=True)
        sent = await backend.messages.create(account_actor(), sid, draft)
        _say({"sent": body, "sid": sent.sid, "index": sent.index})


def _say(words: dict[str, object]) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
