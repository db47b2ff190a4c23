"""The commands about webhooks, as commands."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE

import pytest

from tests.acs_backend.deployment import draft
from tests.support.requirements import ROOT
from tests.webhooks.clock import until
from tests.webhooks.deployment import WebhookDeployment, configure
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_telling import room
from twilio_compat.account import Backlog
from twilio_compat.records import Actor
from twilio_compat.settings import ENVIRONMENT
from twilio_compat.webhooks.backend import TellingBackend
from twilio_compat.webhooks.news import QUEUE


class CommandLine:
    """Runs ``twilio-compat webhooks`` where a deployment is."""

    def __init__(self, deployment: WebhookDeployment) -> None:
        given = {
            variable: str(getattr(deployment.settings, name))
            for name, variable in ENVIRONMENT.items()
            if getattr(deployment.settings, name) is not None
        }
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COMMUNICATION_", "TWILIO_"))
        } | given

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "twilio_compat.cli", "webhooks", *arguments)
        return await asyncio.create_subprocess_exec(
            *command, stdout=PIPE, stderr=PIPE, env=self.environment, cwd=ROOT
        )

    async def run(self, *arguments: str) -> tuple[int | None, str, str]:
        process = await self.start(*arguments)
        output, errors = await asyncio.wait_for(process.communicate(), 40)
        return process.returncode, output.decode(), errors.decode()


@pytest.fixture
def command(deployment: WebhookDeployment) -> CommandLine:
    return CommandLine(deployment)


@pytest.fixture
async def refused(
    deployment: WebhookDeployment, backend: TellingBackend, alice: Actor, receiver: Receiver
) -> Receiver:
    """Return somebody who has refused to hear of a message."""
    chat = await room(backend, alice, "alice")
    await configure(backend, receiver.url, "onMessageAdded")
    receiver.answer(404)
    await backend.messages.create(alice, chat.sid, draft("hi 👋"))

    async def given_up() -> Backlog | None:
        found = await backend.errands.backlog(QUEUE)
        return found if found.dead else None

    await until(given_up)
    await backend.close()
    return receiver


async def test_where_nothing_waits_the_status_says_so(command: CommandLine) -> None:
    assert (0, "0 calls to be made; 0 given up\n", "") == await command.run("status")
    code, output, _ = await command.run("status", "--json")
    assert (0, {"waiting": 0, "oldest": None, "dead": 0}) == (code, json.loads(output))
    assert (0, "No calls were given up\n", "") == await command.run("dead")


async def test_what_was_given_up_is_listed_repeated_and_delivered(
    command: CommandLine, refused: Receiver
) -> None:
    _, output, _ = await command.run("dead", "--json")
    (listed,) = json.loads(output)
    assert ("HTTP 404", "hi 👋") == (listed["error"], listed["parameters"]["Body"])
    _, table, _ = await command.run("dead", "--limit", "1")
    assert listed["key"] in table
    code, output, errors = await command.run("replay", listed["key"])
    assert (0, "1 call to be made again\n", "") == (code, output, errors)
    refused.answer(200)
    await refused.next()
    process = await command.start("deliver", "--json")
    assert "hi 👋" == (await refused.next()).told["Body"]
    process.send_signal(signal.SIGTERM)
    output_bytes, errors_bytes = await asyncio.wait_for(process.communicate(), 30)
    assert (0, b"") == (process.returncode, errors_bytes)
    assert {"waiting": 0, "oldest": None, "dead": 0} == json.loads(output_bytes)


@pytest.mark.parametrize("arguments", [(), ("--all", "key")])
async def test_what_to_repeat_is_to_be_said(command: CommandLine, arguments: tuple[str, ...]) -> None:
    code, _, errors = await command.run("replay", *arguments)
    assert (2, True) == (code, "Name the keys, or say --all" in errors)


async def test_delivering_takes_an_auth_token(command: CommandLine) -> None:
    del command.environment["TWILIO_AUTH_TOKEN"]
    code, output, errors = await command.run("deliver")
    assert (1, "") == (code, output)
    assert "twilio-compat: TWILIO_AUTH_TOKEN is not set; it is needed to sign webhooks\n" == errors
