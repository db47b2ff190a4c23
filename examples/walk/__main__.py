"""Start the emulator, walk the guide with two users, read the result back, and say how it went."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import warnings
from pathlib import Path

import click
from rich.console import Console

from acs_emulator import Emulator
from examples.walk.read_back import read_back
from examples.walk.report import as_json, show
from examples.walk.steps import Steps, WalkEndedError
from examples.walk.walk import walk
from examples.walk.wire import Wire
from twilio_compat.errors import UnsentMessageWarning
from twilio_compat.settings import Settings


@click.command()
@click.option("--json", "machine", is_flag=True, help="Print JSON for machines instead of a table.")
def main(machine: bool) -> None:
    """Walk Microsoft's Twilio-to-ACS guide on this machine; exit code 0 only if every step held."""
    warnings.simplefilter(
        "ignore", UnsentMessageWarning
    )  # one step leaves a builder unsent on purpose, and says so
    steps = asyncio.run(_run())
    if machine:
        click.echo(as_json(steps))
    else:
        show(Console(), steps)
    sys.exit(0 if steps.all_held else 1)


async def _run() -> Steps:
    wire = Wire()
    steps = Steps(wire)
    with tempfile.TemporaryDirectory() as folder:
        async with Emulator(observe=wire.observe) as emulator:
            settings = _settings(emulator, Path(folder, "store.db"))
            try:
                outcome = await walk(settings, steps)
                await read_back(emulator, settings, steps, outcome)
            except WalkEndedError:
                pass  # the step that failed is in the report
    return steps


def _settings(emulator: Emulator, database: Path) -> Settings:
    """What an application would read from its environment."""
    return Settings(
        connection_string=emulator.connection_string,
        storage_connection_string=emulator.storage_connection_string,
        database_url=f"sqlite:///{database}",
        twilio_api_key="SK" + "0" * 32,
        twilio_api_secret="an API secret made up for this walk only",
        poll_interval=0.2,
    )


if __name__ == "__main__":
    main()
