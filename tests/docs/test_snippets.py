"""Every Python snippet in the documentation runs, and every command it shows exists."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from acs_emulator.cli import main as acs_emulator
from tests.docs.markdown import ROOT, blocks, documents, name
from twilio_compat.cli import commands as twilio_compat

if TYPE_CHECKING:
    from acs_emulator import Emulator

ACCOUNT, SERVICE = "AC" + "0" * 32, "IS" + "0" * 32
API_KEY = "SK" + "0" * 32
API_SECRET = "a secret that only this test knows, 32 bytes or more"

WITH_PYTHON = [each for each in documents() if blocks(each.read_text(encoding="utf-8"), "python")]
WITH_COMMANDS = [each for each in documents() if blocks(each.read_text(encoding="utf-8"), "console")]
COMMANDS: dict[str, click.Command] = {"twilio-compat": twilio_compat, "acs-emulator": acs_emulator}


def environment(emulator: Emulator, directory: Path) -> dict[str, str]:
    """Return what a reader has set: the variables of the library, and trust in the emulator's certificate."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "COMMUNICATION_SERVICES_CONNECTION_STRING": emulator.connection_string,
        "COMMUNICATION_SERVICES_ENDPOINT": str(emulator.https_endpoint),
        "AZURE_STORAGE_CONNECTION_STRING": emulator.storage_connection_string,
        "TWILIO_COMPAT_DATABASE_URL": f"sqlite:///{directory / 'store.db'}",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": "the auth token of the account",
        "TWILIO_SERVICE_SID": SERVICE,
        "TWILIO_COMPAT_SERVICE_SID": SERVICE,
        "TWILIO_API_KEY": API_KEY,
        "TWILIO_API_SECRET": API_SECRET,
        "SSL_CERT_FILE": str(emulator.ca_file),
        "REQUESTS_CA_BUNDLE": str(emulator.ca_file),
    }


async def run_snippets(document: Path, emulator: Emulator, directory: Path) -> None:
    """Run a document's snippets in a process of their own; what they complain of fails the test."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "tests.docs.runner", str(document)),
        cwd=directory,
        env=environment(emulator, directory),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (0, "") == (process.returncode, errors.decode())
    assert "blocks ran" in output.decode()


@pytest.mark.parametrize("document", WITH_PYTHON, ids=name)
async def test_python_snippets_run(document: Path, emulator: Emulator, tmp_path: Path) -> None:
    await run_snippets(document, emulator, tmp_path)


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=name)
def test_commands_exist_with_the_options_shown(document: Path) -> None:
    for block in blocks(document.read_text(encoding="utf-8"), "console"):
        for line in block.text.splitlines():
            if line.startswith("$ "):
                _check(shlex.split(line[2:], comments=True))


def _check(words: list[str]) -> None:
    """Let click parse the command without running it; look ``make`` targets up in the Makefile."""
    while words and "=" in words[0]:
        words = words[1:]
    if words[0] == "make":
        targets = {
            line.split(":")[0] for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        }
        assert {word for word in words[1:] if "=" not in word} <= targets
    elif words[0] in COMMANDS:
        _parse(COMMANDS[words[0]], words[0], words[1:])
    else:
        assert words[0] in {
            "export",
            "git",
            "cd",
            "pip",
            "python",
            "az",
            "npm",
            "curl",
            ".ci/run",
            "towncrier",
            "uvicorn",
        }


def _parse(command: click.Command, called: str, words: list[str]) -> None:
    if isinstance(command, click.Group):
        assert words, f"{called} needs a command"
        assert words[0] in command.commands, f"{called} has no command {words[0]}"
        _parse(command.commands[words[0]], words[0], words[1:])
    elif "--help" not in words:
        command.make_context(called, list(words)).close()


def test_a_command_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(AssertionError, match="has no command nothing"):
        _check(["twilio-compat", "nothing"])
    with pytest.raises(click.NoSuchOption):
        _check(["twilio-compat", "identity", "alice", "--nothing"])
