"""Where the facade's time goes: the CPU time of one round, by the package whose code ran."""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from pathlib import Path

from benchmarks.contestants import facade
from benchmarks.deployment import Deployment
from benchmarks.measure import send_all

PACKAGES = ("twilio_compat", "acs_backend", "azure", "aiohttp", "yarl", "sqlalchemy", "asyncio", "benchmarks")
BUILT_IN = {"socket": "sockets", "sqlite3": "sqlite", "greenlet": "sqlalchemy"}
"""Functions written in C have no file; these words in their names tell whose they are."""
REST = "rest of Python"


async def shares(deployment: Deployment, *, senders: int, messages: int) -> list[tuple[str, float]]:
    """Send *messages* under a profiler; return each package's share of the time, largest first."""
    profile = cProfile.Profile()
    async with facade(deployment, senders) as send:
        await send_all(send, senders, messages)
        profile.enable()
        await send_all(send, senders, messages)
        profile.disable()
    spent: Counter[str] = Counter()
    for (file, _, function), (_, _, seconds, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]  # the documented way in
        if "select" not in function:  # waiting is not work
            spent[_package(file, function)] += seconds
    total = sum(spent.values())
    return [(package, seconds / total) for package, seconds in spent.most_common()]


def _package(file: str, function: str) -> str:
    if file == "~":
        return next((name for word, name in BUILT_IN.items() if word in function), REST)
    parts = Path(file).parts
    return next((package for package in PACKAGES if package in parts), REST)
