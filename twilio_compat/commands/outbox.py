"""The command ``twilio-compat rollout outbox``: what the mirrors are still to be told of, and telling it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from twilio_compat.account import Backlog, TakenErrand
from twilio_compat.commands.showing import (
    as_json_option,
    backlog_fields,
    dry_run_option,
    limit_option,
    run,
    service_option,
    table,
    time,
)
from twilio_compat.records import JSONObject
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.waiting import first

if TYPE_CHECKING:
    from twilio_compat.rollout.backend import RolloutBackend

LOOKED_EVERY: Final = 0.2
"""Seconds between two looks at what is left to deliver."""
SHOWN_EVERY: Final = 1.0
"""Seconds between two looks at it that are shown."""


@click.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--dead", is_flag=True, help="List what was given up.")
@click.option(
    "--replay", is_flag=True, help="Have the entries of each KEY carried out again that were given up."
)
@click.option("--all", "everything", is_flag=True, help="Have all of them carried out again.")
@click.option("--deliver", is_flag=True, help="Carry out what waits until nothing does, or until Ctrl-C.")
@limit_option
@dry_run_option
@service_option
@as_json_option
def outbox(
    keys: Sequence[str],
    dead: bool,
    replay: bool,
    everything: bool,
    deliver: bool,
    limit: int,
    dry_run: bool,
    service: str | None,
    as_json: bool,
) -> None:
    """Say what the mirrors are still to be told of; list it, repeat it, or tell it."""
    if (replay or everything) and (everything == bool(keys)):
        raise click.UsageError("Name the keys after --replay, or say --replay --all")
    if keys and not replay:
        raise click.UsageError("Keys are named to repeat them: say --replay")
    if dead + (replay or everything) + deliver > 1:
        raise click.UsageError("Say one of --dead, --replay and --deliver")
    if dead:
        _print_dead(run(service, lambda backend: _dead(backend, limit)), as_json=as_json)
    elif replay or everything:
        count = run(service, lambda backend: _replay(backend, None if everything else keys, dry_run=dry_run))
        _print_count(count, "revived", "to be carried out again", dry_run=dry_run, as_json=as_json)
    elif deliver and not dry_run:
        _print_backlogs(run(service, _deliver), as_json=as_json)
    else:
        _print_backlogs(run(service, _backlogs), as_json=as_json)


async def _backlogs(backend: RolloutBackend) -> Mapping[Side, Backlog]:
    return {each: await backend.office.outbox.backlog(each) for each in Side}


async def _dead(backend: RolloutBackend, limit: int) -> Sequence[tuple[Side, TakenErrand]]:
    outbox = backend.office.outbox
    return [(side, each) for side in Side for each in await outbox.dead(side, limit=limit)]


async def _replay(backend: RolloutBackend, keys: Sequence[str] | None, *, dry_run: bool) -> int:
    outbox = backend.office.outbox
    if not dry_run:
        return sum([await outbox.revive(side, keys) for side in Side])
    if keys is None:
        return sum([(await outbox.backlog(side)).dead for side in Side])
    return sum(each.errand.key in keys for _, each in await _dead(backend, 10_000))


async def _deliver(backend: RolloutBackend) -> Mapping[Side, Backlog]:
    """Carry out what waits, until nothing does or a signal comes; return what is left then."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    shown = [_show(backend)] if sys.stderr.isatty() else []
    await first(_empty(backend), stop.wait(), *shown)
    await backend.finish()
    return await _backlogs(backend)


async def _empty(backend: RolloutBackend) -> None:
    """Return when nothing waits any more."""
    while await _waiting(backend):
        await backend.parts.worker.run_dry()
        await asyncio.sleep(LOOKED_EVERY)


async def _show(backend: RolloutBackend) -> None:
    """Show on the terminal how much has been told, until cancelled."""
    total = await _waiting(backend)
    with click.progressbar(length=total, label="Told", show_pos=True, show_eta=False, file=sys.stderr) as bar:
        while True:
            bar.update(max(0, total - await _waiting(backend) - bar.pos))
            await asyncio.sleep(SHOWN_EVERY)


async def _waiting(backend: RolloutBackend) -> int:
    return sum(each.waiting for each in (await _backlogs(backend)).values())


def _print_backlogs(backlogs: Mapping[Side, Backlog], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({side.value: backlog_fields(each) for side, each in backlogs.items()}))
        return
    rows = [
        (side.value, str(each.waiting), time(each.oldest) or "", str(each.dead))
        for side, each in backlogs.items()
    ]
    table(("TO", "WAITING", "SINCE", "GIVEN UP"), rows)


def _print_dead(found: Sequence[tuple[Side, TakenErrand]], *, as_json: bool) -> None:
    if as_json:
        shown = [_dead_fields(side, each) for side, each in found]
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    if not found:
        click.echo("Nothing was given up")
        return
    rows = [
        (
            side.value,
            f"{each.errand.content.get('what')}",
            each.errand.line,
            str(each.attempts),
            each.errand.key,
            each.last_error or "",
        )
        for side, each in found
    ]
    table(("TO", "WHAT", "OF", "ATTEMPTS", "KEY", "ERROR"), rows)


def _print_count(count: int, name: str, words: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({name: count, "done": not dry_run}))
        return
    entries = "1 entry" if count == 1 else f"{count:,} entries"
    click.echo(f"{entries} {words}")
    if dry_run:
        click.echo("Nothing was done")


def _dead_fields(side: Side, taken: TakenErrand) -> JSONObject:
    return {
        "key": taken.errand.key,
        "to": side.value,
        "entry": taken.errand.content,
        "attempts": taken.attempts,
        "error": taken.last_error,
    }
