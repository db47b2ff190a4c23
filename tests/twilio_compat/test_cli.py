"""The command line, as a command: its output, its errors and its exit codes."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.communication.chat import ChatClient, CommunicationTokenCredential
from azure.core.pipeline.policies import SansIOHTTPPolicy

from acs_emulator import Emulator


class AllowHttp(SansIOHTTPPolicy):
    """Lets the official SDK speak http to this machine."""

    def on_request(self, request) -> None:  # type: ignore[no-untyped-def]  # the SDK's own type
        request.context.options["enforce_https"] = False


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``twilio-compat`` with nothing configured but *variables*."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COMMUNICATION_", "TWILIO_"))
    }
    command = [sys.executable, "-m", "twilio_compat.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=kept | variables, timeout=50)


@pytest.fixture
def configured(emulator: Emulator, tmp_path: Path) -> dict[str, str]:
    return {
        "COMMUNICATION_SERVICES_CONNECTION_STRING": emulator.connection_string,
        "TWILIO_COMPAT_DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}",
    }


def test_an_identity_with_a_token_is_told_as_json(emulator: Emulator, configured: dict[str, str]) -> None:
    done = run("identity", "alice", "--token", "--json", **configured)
    assert (0, "") == (done.returncode, done.stderr)
    told = json.loads(done.stdout)
    assert ["identity", "acs_user_id", "token", "expires_on"] == list(told)
    assert "alice" == told["identity"]
    left = datetime.fromisoformat(told["expires_on"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    credential = CommunicationTokenCredential(told["token"])
    with ChatClient(emulator.http_endpoint, credential, per_call_policies=[AllowHttp()]) as client:
        assert [] == list(client.list_chat_threads())


def test_the_same_identity_is_the_same_acs_user_each_time(configured: dict[str, str]) -> None:
    first, second = (json.loads(run("identity", "alice", "--json", **configured).stdout) for _ in range(2))
    assert first == second
    assert {"identity", "acs_user_id"} == set(first)


def test_without_json_there_is_a_line_per_field(configured: dict[str, str]) -> None:
    lines = run("identity", "alice", **configured).stdout.splitlines()
    assert ["identity: alice", "acs_user_id: 8:acs:"] == [lines[0], lines[1][: len("acs_user_id: 8:acs:")]]


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "says"),
    [
        (["identity", ""], {}, 1, "Identity not provided"),
        (["identity", "8:acs:x_y"], {}, 1, "is an ACS user id already"),
        (["identity"], {}, 2, "Missing argument 'NAME'"),
        (["identity", "alice", "--timeout", "0"], {}, 2, "Invalid value for '--timeout'"),
        (["nonsense"], {}, 2, "No such command"),
        (
            ["identity", "alice"],
            {"COMMUNICATION_SERVICES_CONNECTION_STRING": ""},
            1,
            "COMMUNICATION_SERVICES",
        ),
        (["identity", "alice"], {"COMMUNICATION_SERVICES_CONNECTION_STRING": "x"}, 1, "no endpoint"),
        (["identity", "alice"], {"TWILIO_COMPAT_DATABASE_URL": "x"}, 1, "TWILIO_COMPAT_DATABASE_URL"),
    ],
)
def test_what_is_wrong_is_one_clear_line(
    configured: dict[str, str], arguments: list[str], variables: dict[str, str], code: int, says: str
) -> None:
    done = run(*arguments, **(configured | variables))
    assert (code, "") == (done.returncode, done.stdout)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert code == 2 or 1 == len(done.stderr.splitlines())


def test_a_service_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    done = run(
        "identity",
        "alice",
        "--timeout",
        "0.5",
        COMMUNICATION_SERVICES_CONNECTION_STRING="endpoint=http://127.0.0.1:9/;accesskey=c2VjcmV0",
        TWILIO_COMPAT_DATABASE_URL=f"sqlite:///{tmp_path / 'store.db'}",
    )
    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
