"""The commands ``twilio-compat webhooks ...``: what waits to be told, what was given up, and telling it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeVar

import click

from twilio_compat.account import AccountBackend, Backlog, TakenErrand
from twilio_compat.backend import open_backend
from twilio_compat.errors import ConfigurationError
from twilio_compat.records import JSONObject
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.settings import Settings
from twilio_compat.webhooks.backend import TellingBackend
from twilio_compat.webhooks.news import QUEUE

T = TypeVar("T")

MOST_SHOWN: Final = 100
"""Given up calls that are listed unless more are asked for."""

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def webhooks() -> None:
    """See what webhooks are still to be told, and tell it."""


@webhooks.command()
@_JSON
def status(as_json: bool) -> None:
    """Say how many calls wait, since when, and how many were given up."""
    backlog = _run(lambda backend: backend.errands.backlog(QUEUE))
    click.echo(json.dumps(_fields(backlog)) if as_json else _summary(backlog))


@webhooks.command()
@_JSON
def deliver(as_json: bool) -> None:
    """Tell webhooks, and move conversations on whose timers run out, until Ctrl-C or a termination signal.

    An application does so itself while it runs. This is for deployments whose processes live for one request each.
    """
    settings = Settings.from_environment()
    settings.need("twilio_auth_token", "to sign webhooks")
    if not as_json:
        click.echo("Telling webhooks; press Ctrl-C to stop")
    backlog = asyncio.run(_deliver(settings))
    click.echo(json.dumps(_fields(backlog)) if as_json else _summary(backlog))


@webhooks.command()
@click.option("--limit", type=click.IntRange(1), default=MOST_SHOWN, show_default=True, help="Most to list.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def dead(limit: int, as_json: bool) -> None:
    """List the calls that were given up, the oldest first."""
    found = _run(lambda backend: backend.errands.dead(QUEUE, limit=limit))
    if as_json:
        click.echo(json.dumps([_dead(each) for each in found], indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_table(found)) if found else "No calls were given up")


@webhooks.command()
@click.argument("keys", nargs=-1, metavar="KEY...")
@click.option("--all", "everything", is_flag=True, help="Repeat all that were given up.")
@_JSON
def replay(keys: Sequence[str], everything: bool, as_json: bool) -> None:
    """Have the calls of each KEY made again that were given up; `webhooks dead` lists the keys.

    They are made by whichever process tells webhooks, to the url that is configured then.
    """
    if everything == bool(keys):
        raise click.UsageError("Name the keys, or say --all")
    count = _run(lambda backend: backend.errands.revive(QUEUE, None if everything else list(keys)))
    click.echo(json.dumps({"revived": count}) if as_json else f"{_counted(count)} to be made again")


# Running


def _run(call: Callable[[AccountBackend], Awaitable[T]]) -> T:
    """Run *call* with the backend that the environment names."""

    async def run() -> T:
        async with _opened(Settings.from_environment()) as backend:
            return await call(backend)

    return asyncio.run(run())


async def _deliver(settings: Settings) -> Backlog:
    """Tell webhooks until a signal comes; return what is left then."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    async with _opened(settings) as backend:
        backend.look_after()
        await stop.wait()
        await backend.finish()
        return await backend.errands.backlog(QUEUE)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[TellingBackend]:
    """Open what tells webhooks: of a rollout, the side of ACS, since Twilio calls those of its own conversations."""
    settings.need("connection_string", "to tell webhooks of what happens there")
    backend = open_backend(settings)
    try:
        found = backend.office.sides.acs if isinstance(backend, RolloutBackend) else backend
        if not isinstance(found, TellingBackend):
            raise ConfigurationError(
                f"The backend {settings.backend!r} does not serve accounts, so it has no webhooks"
            )
        yield found
    finally:
        await backend.close()


# Showing


def _fields(backlog: Backlog) -> JSONObject:
    return {"waiting": backlog.waiting, "oldest": _time(backlog.oldest), "dead": backlog.dead}


def _summary(backlog: Backlog) -> str:
    since = f", since {_time(backlog.oldest)}" if backlog.oldest else ""
    return f"{_counted(backlog.waiting)} to be made{since}; {backlog.dead} given up"


def _dead(taken: TakenErrand) -> JSONObject:
    content = taken.errand.content
    return {
        "key": taken.errand.key,
        "url": content.get("url"),
        "since": content.get("since"),
        "attempts": taken.attempts,
        "error": taken.last_error,
        "parameters": content.get("parameters"),
    }


def _table(found: Sequence[TakenErrand]) -> list[str]:
    rows = [("SINCE", "ATTEMPTS", "KEY", "ERROR"), *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]


def _row(taken: TakenErrand) -> tuple[str, str, str, str]:
    since = str(taken.errand.content.get("since", ""))
    return since, str(taken.attempts), taken.errand.key, taken.last_error or ""


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _counted(count: int) -> str:
    return f"{count} {'call' if count == 1 else 'calls'}"
