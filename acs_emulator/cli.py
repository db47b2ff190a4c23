"""The command ``acs-emulator``.

Every option can also be given in the environment, as ``ACS_EMULATOR_SERVE_`` and its name in capitals, so that an access
key need not stand on a command line.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from acs_emulator.emulator import Emulator
from acs_emulator.journal import DataError
from acs_emulator.options import ErrorEnvelope, LargeThreadReceipts, Options, OptionsError, RateLimits
from acs_emulator.ready_file import ReadyFileError, announced, withdraw
from acs_emulator.server import ListenError, loop_factory

MEMORY = "memory"
"""Value of ``--data`` that keeps nothing."""


def _port(_context: click.Context, _option: click.Parameter, value: str) -> int | None:
    if value == "none":
        return None
    if not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a port nor none")
    return int(value)


@click.group(context_settings={"auto_envvar_prefix": "ACS_EMULATOR", "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="twilio-acs-compat", prog_name="acs-emulator")
def main() -> None:
    """Azure Communication Services Chat and Identity on this machine."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--allow-remote", is_flag=True, help="Permit a host other machines can reach.")
@click.option(
    "--http-port",
    callback=_port,
    metavar="PORT",
    default="7080",
    show_default=True,
    help="Port for http (and https); 0 picks a free one, none leaves it out.",
)
@click.option(
    "--https-port",
    callback=_port,
    metavar="PORT",
    default="7443",
    show_default=True,
    help="Port for https; 0 picks a free one, none leaves https out altogether.",
)
@click.option("--data", default=MEMORY, show_default=True, help="Directory that keeps the state, or memory.")
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON file that says where the emulator is, there while it is ready.",
)
@click.option(
    "--access-key", help="Base64 access key; left out, the one kept with the data is used, or one made."
)
@click.option(
    "--error-envelope",
    type=click.Choice(["error", "CommunicationError"]),
    default="error",
    show_default=True,
    help="Shape of error bodies: as specified, or as observed on the live service.",
)
@click.option(
    "--rate-limits",
    type=click.Choice(["off", "on"]),
    default="off",
    show_default=True,
    help="Whether the documented request rates are enforced.",
)
@click.option(
    "--retry-after/--no-retry-after",
    default=True,
    show_default=True,
    help="Whether a 429 says when to try again.",
)
@click.option(
    "--edits-are-activity/--edits-are-no-activity",
    default=True,
    show_default=True,
    help="Whether an edit or deletion of a message moves its thread's time of last activity.",
)
@click.option(
    "--system-messages-are-activity/--system-messages-are-no-activity",
    default=True,
    show_default=True,
    help="Whether a system message moves it, other than those of the thread's creation.",
)
@click.option(
    "--large-thread-receipts",
    type=click.Choice(["hidden", "shown"]),
    default="hidden",
    show_default=True,
    help="Read receipts of threads above 20 members.",
)
@click.option(
    "--faults", is_flag=True, help="Take faults to inject at /_emulator/faults, from this machine only."
)
@click.option(
    "--message-metadata-limit", type=click.IntRange(min=0), help="Most bytes of a message's metadata."
)
def serve(
    *,
    host: str,
    allow_remote: bool,
    http_port: int | None,
    https_port: int | None,
    data: str,
    ready_file: Path | None,
    access_key: str | None,
    error_envelope: ErrorEnvelope,
    rate_limits: RateLimits,
    retry_after: bool,
    edits_are_activity: bool,
    system_messages_are_activity: bool,
    large_thread_receipts: LargeThreadReceipts,
    faults: bool,
    message_metadata_limit: int | None,
) -> None:
    """Serve until interrupted."""
    if not data:
        raise click.UsageError(f"--data is empty: give a directory, or {MEMORY}")
    if not allow_remote and not _is_loopback(host):
        raise click.UsageError(f"other machines can reach {host}: add --allow-remote if that is meant")
    try:
        options = Options(
            host=host,
            http_port=http_port,
            https_port=https_port,
            data=None if data == MEMORY else Path(data),
            access_key=access_key,
            error_envelope=error_envelope,
            rate_limits=rate_limits,
            retry_after=retry_after,
            edits_are_activity=edits_are_activity,
            system_messages_are_activity=system_messages_are_activity,
            large_thread_receipts=large_thread_receipts,
            faults=faults,
            message_metadata_limit=message_metadata_limit,
        )
    except OptionsError as error:
        raise click.UsageError(str(error)) from error
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(options, ready_file))
    except (DataError, ListenError, OptionsError, ReadyFileError) as error:
        raise click.ClickException(str(error)) from error


async def _serve(options: Options, ready_file: Path | None) -> None:
    told_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    if ready_file is not None:
        withdraw(ready_file)
    async with Emulator(options) as emulator:
        with _announced(ready_file, emulator):
            click.echo(_summary(emulator))
            await told_to_stop.wait()


def _announced(ready_file: Path | None, emulator: Emulator) -> AbstractContextManager[None]:
    if ready_file is None:
        return nullcontext()
    content = {
        "http_endpoint": emulator.http_endpoint,
        "https_endpoint": emulator.https_endpoint,
        "connection_string": emulator.connection_string,
        "ca_file": str(emulator.ca_file.resolve()) if emulator.ca_file else None,
        "storage_connection_string": emulator.storage_connection_string,
        "pid": os.getpid(),
    }
    return announced(ready_file, content)


def _summary(emulator: Emulator) -> str:
    """Say where everything is, with what to paste into another terminal."""
    places = {
        "http": emulator.http_endpoint,
        "https": emulator.https_endpoint,
        "trust": emulator.ca_file,
        "data": emulator.options.data or "in memory, gone at the end",
    }
    variables = {
        "COMMUNICATION_SERVICES_CONNECTION_STRING": emulator.connection_string,
        "AZURE_STORAGE_CONNECTION_STRING": emulator.storage_connection_string,
    }
    lines = [
        "Azure Communication Services emulator, ready:",
        *(f"  {name:<6} {place}" for name, place in places.items() if place),
        *(f"  export {name}='{value}'" for name, value in variables.items()),
        "Press Ctrl+C to stop.",
    ]
    return "\n".join(lines)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
