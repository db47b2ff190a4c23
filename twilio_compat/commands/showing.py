"""How the commands of a rollout open it, and how they show what they have found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, TypeVar

import click

from twilio_compat.account import Backlog
from twilio_compat.backend import open_backend
from twilio_compat.errors import ArgumentError, ConfigurationError
from twilio_compat.records import JSONObject
from twilio_compat.settings import Settings

if TYPE_CHECKING:
    from twilio_compat.rollout.backend import RolloutBackend

T = TypeVar("T")

MOST_SHOWN: Final = 100
"""Entries, or mismatches, that are listed unless more are asked for."""

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
service_option = click.option(
    "--service", metavar="IS...", help="The service at Twilio; the default one unless given."
)

limit_option = click.option(
    "--limit", type=click.IntRange(1), default=MOST_SHOWN, show_default=True, help="Most to list."
)


def run(service: str | None, call: Callable[[RolloutBackend], Awaitable[T]]) -> T:
    """Run *call* with the rollout of a service, as the environment sets it up."""

    async def running() -> T:
        backend = _open(Settings.from_environment())
        try:
            return await call(backend if service is None else await backend.of(service))
        finally:
            await backend.close()

    return asyncio.run(running())


def _open(settings: Settings) -> RolloutBackend:
    from twilio_compat.rollout.backend import (
        RolloutBackend,  # which nothing else of the command line has need of
    )

    settings.need("rollout", "to say how far conversations are to have come (off, for one)")
    settings.need("connection_string", "to reach ACS")
    backend = open_backend(settings)
    if not isinstance(backend, RolloutBackend):
        raise ConfigurationError(f"The backend {settings.backend!r} cannot be one side of a rollout")
    return backend


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: ruled on a terminal, where the package ``rich`` is installed, and plain otherwise."""
    if sys.stdout.isatty() and find_spec("rich"):
        _rich_table(heads, rows)
        return
    lines = [heads, *rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(heads) - 1)]
    for row in lines:
        click.echo("  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip())


def _rich_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    ruled = Table(*heads)
    for row in rows:
        ruled.add_row(*row)
    Console(markup=False).print(ruled)


def time(moment: datetime | None) -> str | None:
    """Return a time as it is printed."""
    return None if moment is None else moment.isoformat(timespec="seconds")


def counted(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a length of time in words, such as ``1 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = -(-whole // 60)
    hours, minutes = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {minutes} min"


def backlog_fields(backlog: Backlog) -> JSONObject:
    """Return how much waits, as it is printed."""
    return {"waiting": backlog.waiting, "oldest": time(backlog.oldest), "dead": backlog.dead}


def checked(sid: str) -> str:
    """Return what is a conversation's sid. `ArgumentError` for what is none."""
    if not (sid.startswith("CH") and len(sid) == 34):
        raise ArgumentError(f"{sid!r} is no conversation's sid: CH and 32 hexadecimal digits")
    return sid
