"""The command ``twilio-compat``.

Exit codes: 0, it worked; 1, it did not, and one line on standard error says why; 2, the command line is wrong.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace

import click

from twilio_compat.backend import open_backend
from twilio_compat.commands.content import content
from twilio_compat.commands.move import move
from twilio_compat.commands.rollout import rollout
from twilio_compat.commands.webhooks import webhooks
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import IssuedIdentity
from twilio_compat.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="twilio-acs-compat")
def commands() -> None:
    """Run code written for Twilio Conversations on Azure Communication Services (ACS)."""


@commands.command()
@click.argument("name")
@click.option("--token", is_flag=True, help="Issue a user token as well, good for a day.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.0, min_open=True),
    default=15.0,
    show_default=True,
    help="Seconds to keep trying while the service does not answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def identity(name: str, token: bool, timeout: float, as_json: bool) -> None:
    """Tell who the Twilio identity NAME is to ACS.

    A client that was already rewritten for ACS signs in as the same person with the token. From then on that user
    may write past this library, which looks more closely at the conversations they are in.
    """
    settings = replace(Settings.from_environment(), deadline=timeout)
    issued = asyncio.run(_issue(settings, name, with_token=token))
    fields = _fields(issued, with_token=token)
    if as_json:
        click.echo(json.dumps(fields))
    else:
        click.echo("\n".join(f"{field}: {value}" for field, value in fields.items()))


commands.add_command(content)
commands.add_command(webhooks)
commands.add_command(rollout)
commands.add_command(move)


def main() -> None:
    """Run the command line; the entry point of ``twilio-compat``."""
    try:
        commands()
    except TwilioCompatError as error:
        click.echo(f"twilio-compat: {error}", err=True)
        sys.exit(1)


async def _issue(settings: Settings, name: str, *, with_token: bool) -> IssuedIdentity:
    backend = open_backend(settings)
    try:
        return await backend.issue_identity(name, with_token=with_token)
    finally:
        await backend.close()


def _fields(issued: IssuedIdentity, *, with_token: bool) -> dict[str, str | None]:
    fields: dict[str, str | None] = {"identity": issued.identity, "acs_user_id": issued.acs_user_id}
    if with_token:
        fields["token"] = issued.token
        fields["expires_on"] = issued.expires_on.isoformat() if issued.expires_on else None
    return fields


if __name__ == "__main__":
    main()
