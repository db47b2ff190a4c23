"""Reading: a page of the newest messages against the official SDK's own list, and going back through all there are."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from azure.communication.chat.aio import ChatThreadClient

from benchmarks.contestants import official_threads
from benchmarks.deployment import Deployment
from benchmarks.measure import send_all
from twilio_compat import Client, Conversation

PAGE = 30
SENT_AT_ONCE = 32
CALLS = 100
"""Calls in one round."""

Read: TypeAlias = Callable[[], Awaitable[int]]
"""Reads the newest page and returns how many messages it has."""


@dataclass(frozen=True)
class Reading:
    """Seconds for one newest page, of the facade and of the SDK."""

    facade: float
    sdk: float


@dataclass(frozen=True)
class Paging:
    """Going back through a conversation: messages, pages, seconds, requests, and MB that Python held at the most."""

    messages: int
    pages: int
    seconds: float
    requests: int
    peak: float


async def newest_pages(deployment: Deployment, *, rounds: int) -> Reading:
    """Let the facade and the SDK read the newest 30 of 300 messages, in turn; return the medians."""
    taken: dict[str, list[float]] = {"facade": [], "sdk": []}
    async with facade_page(deployment) as facade, sdk_page(deployment) as sdk:
        for _ in range(rounds):
            for name, read in (("facade", facade), ("sdk", sdk)):
                await read()
                began = time.perf_counter()
                for _ in range(CALLS):
                    if await read() != PAGE:
                        raise RuntimeError(f"{name} did not read {PAGE} messages")
                taken[name].append((time.perf_counter() - began) / CALLS)
    return Reading(**{name: median(each) for name, each in taken.items()})


@asynccontextmanager
async def facade_page(deployment: Deployment) -> AsyncIterator[Read]:
    """``getMessages(30)``."""
    async with _filled(deployment, 300) as conversation:

        async def read() -> int:
            return len((await conversation.getMessages(PAGE)).items)

        yield read


@asynccontextmanager
async def sdk_page(deployment: Deployment) -> AsyncIterator[Read]:
    """``list_messages``, as far as the first 30."""
    async with official_threads(deployment, 1) as (thread,):
        await send_all(lambda _, text: thread.send_message(text), SENT_AT_ONCE, 300)
        yield lambda: _first_page(thread)


async def back_through(deployment: Deployment, messages: int, asked: Counter[str]) -> Paging:
    """Read a conversation of so many messages from its end to its beginning, in pages of 30."""
    async with _filled(deployment, messages) as conversation:
        asked.clear()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        began = time.perf_counter()
        count = pages = 0
        page = await conversation.getMessages(PAGE)
        while True:
            count, pages = count + len(page.items), pages + 1
            if not page.hasPrevPage:
                break
            page = await page.prevPage()
        seconds, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return Paging(count, pages, seconds, asked["ListChatMessages"], (peak - before) / 1e6)


@asynccontextmanager
async def _filled(deployment: Deployment, messages: int) -> AsyncIterator[Conversation]:
    """Make a conversation, send so many messages to it, and read it as another client."""
    async with AsyncExitStack() as stack:
        token = deployment.twilio_token("reader")
        client = await stack.enter_async_context(Client(token, {"settings": deployment.settings}))
        made = await client.createConversation({"friendlyName": "Long"})
        await made.join()
        await send_all(lambda _, text: made.sendMessage(text), SENT_AT_ONCE, messages)
        await asyncio.sleep(2.5)  # until the listener has looked for the last time
        yield made


async def _first_page(thread: ChatThreadClient) -> int:
    count = 0
    async for _ in thread.list_messages(results_per_page=PAGE):
        count += 1
        if count == PAGE:
            break
    return count
