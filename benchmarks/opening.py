"""Opening a client whose user is in many conversations: how long it takes, and what ACS is asked.

The conversations are quiet: nobody has written in them for some seconds, as is so for all but a few of many.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from statistics import median

from acs_backend import AcsBackend
from benchmarks.deployment import Deployment
from twilio_compat import Client
from twilio_compat.records import ConversationDraft, MessageDraft, ParticipantDraft

QUIET = 5.0
"""Seconds after which a conversation counts as quiet."""
MADE_AT_ONCE = 16
USER = "opener"


@dataclass(frozen=True)
class Opening:
    """Seconds from the token to ``initialized`` and to the whole list, and the requests of each."""

    initialized: float
    listed: float
    conversations: int
    requests: int


async def prepare(deployment: Deployment, conversations: int) -> None:
    """Put the user into so many conversations, with a message in each, and let them become quiet."""
    backend = AcsBackend(deployment.settings)
    try:
        actor = await backend.sign_in(deployment.twilio_token(USER))
        numbers = iter(range(conversations))

        async def work() -> None:
            for number in numbers:
                made = await backend.conversations.create(
                    actor, ConversationDraft(friendly_name=f"Room {number}")
                )
                await backend.participants.create(actor, made.sid, ParticipantDraft(identity=USER))
                await backend.messages.create(
                    actor, made.sid, MessageDraft(mutation_id=f"first-{number}", body="hello")
                )

        async with asyncio.TaskGroup() as group:
            for _ in range(MADE_AT_ONCE):
                group.create_task(work())
    finally:
        await backend.close()
    await asyncio.sleep(QUIET)


async def opening(deployment: Deployment, *, rounds: int, asked: Counter[str] | None = None) -> Opening:
    """Open a client *rounds* times and return the medians; *asked* counts the requests of the last round."""
    taken = []
    for _ in range(rounds):
        if asked is not None:
            asked.clear()
        taken.append(await _open_once(deployment))
    requests = asked.total() if asked is not None else 0
    first, second = median(each[0] for each in taken), median(each[1] for each in taken)
    return Opening(first, second, taken[0][2], requests)


async def _open_once(deployment: Deployment) -> tuple[float, float, int]:
    began = time.perf_counter()
    async with await Client.create(
        deployment.twilio_token(USER), {"settings": deployment.settings}
    ) as client:
        initialized = time.perf_counter() - began
        page = await client.getSubscribedConversations()
        count = len(page.items)
        while page.hasNextPage:
            page = await page.nextPage()
            count += len(page.items)
        return initialized, time.perf_counter() - began, count
