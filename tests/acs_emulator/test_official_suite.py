"""Microsoft's own live tests of its Python SDKs, unchanged, against the emulator over https.

They come in the source distributions of the SDKs and are downloaded when this runs. `stubs/` holds what they import
beyond the SDKs. What is left out, and why, stands in `LEFT_OUT`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from acs_emulator import Emulator
from tests.support.requirements import require_sdist

STUBS = Path(__file__).parent / "stubs"
CHAT = ("azure-communication-chat", "1.3.0")
CHAT_FILES = (
    "test_chat_client_e2e.py",
    "test_chat_client_e2e_async.py",
    "test_chat_thread_client_e2e.py",
    "test_chat_thread_client_e2e_async.py",
)
IDENTITY = ("azure-communication-identity", "1.5.0")
IDENTITY_FILES = ("test_communication_identity_client.py", "test_communication_identity_client_async.py")
LEFT_OUT = {
    "teams_user": "exchanges the token of a Teams user: needs a real tenant, and returns early without one",
}
SIGNED_IN_BY_STAND_IN = "from_token_credential"
"""Tests whose names hold this sign in to Microsoft Entra; here a stand-in gives a token no directory has issued."""

pytestmark = pytest.mark.online


def test_all_41_live_tests_of_the_chat_library_pass(emulator: Emulator, tmp_path: Path) -> None:
    results = run_suite(CHAT, CHAT_FILES, emulator, tmp_path)
    assert Counter(passed=41) == Counter(results.values()), failures(results)


def test_all_76_live_tests_of_the_identity_library_pass(emulator: Emulator, tmp_path: Path) -> None:
    results = run_suite(IDENTITY, IDENTITY_FILES, emulator, tmp_path)
    signed_in = {name: result for name, result in results.items() if SIGNED_IN_BY_STAND_IN in name}
    with_key = {name: result for name, result in results.items() if name not in signed_in}
    assert Counter(passed=52) == Counter(with_key.values()), failures(with_key)
    assert Counter(passed=24) == Counter(signed_in.values()), failures(signed_in)


def run_suite(
    package: tuple[str, str], files: tuple[str, ...], emulator: Emulator, scratch: Path
) -> dict[str, str]:
    """Run *files* of a package's tests and return the outcome of each test by name."""
    tests = require_sdist(*package) / "tests"
    report, settings = scratch / "report.xml", scratch / "pytest.ini"
    settings.write_text("[pytest]\nasyncio_mode = auto\nmarkers = live_test_only\n")
    unwanted = " and ".join(f"not {name}" for name in LEFT_OUT)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        str(settings),
        "--rootdir",
        str(tests),
        "-k",
        unwanted,
    ]
    plugins = ["-p", "no:cacheprovider", "-p", "devtools_testutils", f"--junitxml={report}"]
    result = subprocess.run(
        [*command, *plugins, *files],
        check=False, cwd=tests, env=environment(emulator), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert report.exists(), result.stdout + result.stderr
    return outcomes(report)


def environment(emulator: Emulator) -> dict[str, str]:
    """Return what the suites read: where the service is and whom to trust, and nothing that is not theirs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COMMUNICATION_"))
    }
    return {
        **kept,
        "AZURE_TEST_RUN_LIVE": "true",
        "COMMUNICATION_LIVETEST_DYNAMIC_CONNECTION_STRING": emulator.connection_string,
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(STUBS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "REQUESTS_CA_BUNDLE": str(emulator.ca_file),
        "SKIP_INT_IDENTITY_EXCHANGE_TOKEN_TEST": "true",
        "SSL_CERT_FILE": str(emulator.ca_file),
    }


def outcomes(report: Path) -> dict[str, str]:
    """Read a JUnit report: ``passed``, or the name and text of what is there instead."""
    cases = ElementTree.parse(report).iter("testcase")
    return {f"{case.get('classname')}::{case.get('name')}": outcome(case) for case in cases}


def outcome(case: ElementTree.Element) -> str:
    """Return ``passed`` or the report's words."""
    wrong = [element for element in case if element.tag in {"failure", "error", "skipped"}]
    return f"{wrong[0].tag}: {wrong[0].get('message')}" if wrong else "passed"


def failures(results: dict[str, str]) -> str:
    """Return one line for each test that did not pass."""
    return "\n".join(f"{name}: {result}" for name, result in results.items() if result != "passed")
