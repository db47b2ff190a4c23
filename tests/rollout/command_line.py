"""Running ``twilio-compat`` where a deployment is: on a thread of this process, or as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

from click.testing import CliRunner, Result

from tests.rollout.deployment import RolloutDeployment
from tests.support.requirements import ROOT
from twilio_compat.cli import commands
from twilio_compat.settings import ENVIRONMENT


def environment(deployment: RolloutDeployment, rollout: str = "off") -> dict[str, str]:
    """Return the variables that stand for a deployment's settings."""
    settings = deployment.settings
    given = {
        variable: str(value)
        for name, variable in ENVIRONMENT.items()
        if (value := getattr(settings, name)) is not None
    }
    return given | {"TWILIO_COMPAT_ROLLOUT": rollout}


class CommandLine:
    """The command line of a deployment."""

    def __init__(self, deployment: RolloutDeployment) -> None:
        self.environment = environment(deployment)

    async def run(self, *arguments: str, text: str | None = None) -> Result:
        """Run a command on a thread of its own."""
        unset: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TWILIO_")}
        given = unset | self.environment
        return await asyncio.to_thread(CliRunner().invoke, commands, arguments, input=text, env=given)

    async def done(self, *arguments: str) -> str:
        """Run a command that works, and return what it printed."""
        result = await self.run(*arguments)
        assert (0, None) == (result.exit_code, result.exception), (result.output, result.exception)
        return result.stdout

    async def json(self, *arguments: str) -> Any:
        """Run a command that prints JSON."""
        return json.loads(await self.done(*arguments, "--json"))

    async def start(self, *arguments: str) -> Process:
        """Start a command as a process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TWILIO_")}
        command = (sys.executable, "-m", "twilio_compat.cli", *arguments)
        return await asyncio.create_subprocess_exec(
            *command, stdout=PIPE, stderr=PIPE, env=kept | self.environment, cwd=ROOT
        )
