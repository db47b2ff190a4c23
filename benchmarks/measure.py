"""Timing: rounds in turn, so that a machine that slows down slows everyone; medians, since machines hiccup."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import median

from benchmarks.contestants import CONTESTANTS, Send
from benchmarks.deployment import Deployment


@dataclass(frozen=True)
class Round:
    """One round of one contestant: messages per second, and client CPU seconds per message."""

    rate: float
    cpu: float


@dataclass(frozen=True)
class Result:
    """The median of a contestant's rounds."""

    name: str
    senders: int
    rate: float
    cpu: float


async def compare(deployment: Deployment, *, senders: int, messages: int, rounds: int) -> list[Result]:
    """Let each contestant send *messages* from *senders* at once, *rounds* times in turn, each time warmed up."""
    taken: dict[str, list[Round]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds):
        for name, contestant in CONTESTANTS.items():
            async with contestant(deployment, senders) as send:
                await send_all(send, senders, max(senders, messages // 2))
                taken[name].append(await timed(send, senders, messages))
    medians = {name: middle(rounds_of) for name, rounds_of in taken.items()}
    return [Result(name, senders, each.rate, each.cpu) for name, each in medians.items()]


def middle(rounds: list[Round]) -> Round:
    """Return the medians of some rounds."""
    return Round(median(each.rate for each in rounds), median(each.cpu for each in rounds))


async def timed(send: Send, senders: int, messages: int) -> Round:
    """Send *messages* and say how fast that went."""
    started, cpu_started = time.perf_counter(), time.process_time()
    await send_all(send, senders, messages)
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    return Round(messages / elapsed, cpu / messages)


async def send_all(send: Send, senders: int, messages: int) -> None:
    """Send *messages*, each sender its next one as soon as its last is acknowledged."""
    numbers = iter(range(messages))

    async def work(sender: int) -> None:
        for number in numbers:
            await send(sender, f"Message {number}")

    async with asyncio.TaskGroup() as group:
        for sender in range(senders):
            group.create_task(work(sender))
