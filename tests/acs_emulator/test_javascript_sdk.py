"""Azure's JavaScript SDKs, in Node.js and over https, against the emulator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acs_emulator import Emulator
from tests.support.requirements import require_npm_packages

PROJECT = Path(__file__).parent / "javascript"

pytestmark = [pytest.mark.node, pytest.mark.online]


@pytest.fixture(scope="module")
def report() -> Iterator[dict[str, Any]]:
    """Run the walk once; every test looks at a part of what it saw."""
    home = require_npm_packages(PROJECT)
    shutil.copy(PROJECT / "walk.mjs", home)
    with Emulator() as emulator:
        yield json.loads(_walk(home, emulator))


def _walk(home: Path, emulator: Emulator) -> str:
    connection = f"endpoint={emulator.https_endpoint}/;accesskey={emulator.access_key}"
    result = subprocess.run(
        ["node", "walk.mjs", connection],
        check=False, cwd=home, capture_output=True, text=True, timeout=120,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(emulator.ca_file)},
    )  # fmt: skip
    assert not result.returncode, result.stderr
    return result.stdout


def test_a_thread_is_created_with_metadata_and_a_retention_policy(report: dict[str, Any]) -> None:
    expected = {
        "topic": "Lunch",
        "metadata": {"place": "canteen", "table": "4"},
        "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": 60},
    }
    assert expected == report["created"]


def test_an_update_merges_metadata_and_replaces_the_rest(report: dict[str, Any]) -> None:
    expected = {
        "topic": "Dinner",
        "metadata": {"place": "canteen", "table": "5"},
        "retentionPolicy": {"kind": "none"},
    }
    assert expected == report["changed"]


def test_an_edited_message_keeps_its_metadata(report: dict[str, Any]) -> None:
    expected = {"content": "Hello, Zoë!", "metadata": {"mood": "hungry"}, "wasEdited": True}
    assert expected == report["messages"]["edited"]


def test_a_deleted_message_stays_without_content(report: dict[str, Any]) -> None:
    assert {"content": "", "wasDeleted": True} == report["messages"]["deleted"]


def test_pages_hold_no_more_than_asked_and_together_every_message_newest_change_first(
    report: dict[str, Any],
) -> None:
    messages = report["messages"]
    assert 2 == messages["largestPage"]
    assert sorted(messages["sequence"], reverse=True) == messages["sequence"]
    expected = ["topicUpdated", "text", "text", "html", "topicUpdated", "participantAdded"]
    assert expected == messages["types"]


def test_participants_come_and_go(report: dict[str, Any]) -> None:
    expected = {"added": ["", "Bob", "Carol"], "removed": ["", "Bob"]}
    assert expected == report["participants"]


def test_a_read_receipt_is_listed_and_typing_accepted(report: dict[str, Any]) -> None:
    assert {"typed": True, "receipts": [report["textId"]]} == report["acknowledged"]


@pytest.mark.parametrize(
    ("attempt", "status", "code"),
    [
        ("foreignThread", 403, "Forbidden"),
        ("foreignMessage", 403, "Forbidden"),
        ("missingMessage", 404, "NotFound"),
        ("tooNarrow", 403, "Forbidden"),
        ("badRetention", 400, "BadRequest"),
        ("revoked", 401, "Unauthorized"),
    ],
)
def test_a_refusal_has_the_status_and_code_the_sdk_shows(
    report: dict[str, Any], attempt: str, status: int, code: str
) -> None:
    assert {"statusCode": status, "code": code} == report["refused"][attempt]


def test_a_thread_is_listed_until_it_is_deleted(report: dict[str, Any]) -> None:
    assert ["Dinner"] == report["listed"]
    assert 0 == report["listedAfterDeletion"]
