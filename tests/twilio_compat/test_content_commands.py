"""``twilio-compat content``: templates go in as Twilio's Content API gives them, and come out the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acs_emulator import Emulator

from .test_cli import run

TEMPLATES = [
    {
        "sid": "HX" + digit * 32,
        "friendly_name": f"order {digit}",
        "variables": {"1": "toy"},
        "types": {"twilio/text": {"body": f"{digit}: your {{{{1}}}} is on\nits way" + "!" * 60}},
        "date_created": "2022-08-29T10:43:20+00:00",
        "date_updated": "2022-08-30T10:43:20+00:00",
    }
    for digit in "12"
]


@pytest.fixture
def configured(emulator: Emulator, tmp_path: Path) -> dict[str, str]:
    return {
        "COMMUNICATION_SERVICES_CONNECTION_STRING": emulator.connection_string,
        "TWILIO_COMPAT_DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}",
    }


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Write one template, and a page of Twilio's list with the other."""
    (tmp_path / "one.json").write_text(json.dumps(TEMPLATES[1]))
    (tmp_path / "page.json").write_text(json.dumps({"meta": {}, "contents": TEMPLATES[:1]}))
    return [str(tmp_path / "one.json"), str(tmp_path / "page.json")]


def test_what_is_loaded_is_listed_and_removed(
    configured: dict[str, str], files: list[str], tmp_path: Path
) -> None:
    assert "There are no content templates\n" == run("content", "list", **configured).stdout
    assert "2 templates kept\n" == run("content", "load", *files, **configured).stdout
    listed = run("content", "list", "--json", **configured)
    assert TEMPLATES == json.loads(listed.stdout)
    (tmp_path / "listed.json").write_text(listed.stdout)
    again = run("content", "load", "--json", str(tmp_path / "listed.json"), **configured)
    assert [each["sid"] for each in TEMPLATES] == json.loads(again.stdout)
    assert "1 template removed\n" == run("content", "remove", str(TEMPLATES[0]["sid"]), **configured).stdout
    assert TEMPLATES[1:] == json.loads(run("content", "list", "--json", **configured).stdout)


def test_the_table_is_for_people(configured: dict[str, str], files: list[str]) -> None:
    run("content", "load", *files, **configured)
    lines = run("content", "list", **configured).stdout.splitlines()
    assert [
        f"SID{' ' * 33}NAME     TYPES        TEXT",
        f"HX{'1' * 32}  order 1  twilio/text  1: your {{{{1}}}} is on its way!!!!!!!!!!!!!!!!!!...",
    ] == lines[:2]
    assert 3 == len(lines)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "faulty.json: This is no JSON"),
        ('{"sid": "HX1"}', "faulty.json: Template 1 has the sid 'HX1'"),
        ("\x80", "faulty.json: This is no UTF-8 text"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_clear_line_and_nothing_is_loaded(
    configured: dict[str, str], files: list[str], tmp_path: Path, text: str, says: str
) -> None:
    faulty = tmp_path / "faulty.json"
    faulty.write_text(text, encoding="latin-1")
    done = run("content", "load", *files, str(faulty), **configured)
    assert (1, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert says in done.stderr
    assert "[]\n" == run("content", "list", "--json", **configured).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["content", "load"], 2, "Missing argument"),
        (["content", "load", "not-there.json"], 2, "No such file"),
        (["content", "remove", "HX0"], 1, "HX0 was not found"),
    ],
)
def test_what_cannot_be_done_is_said(
    configured: dict[str, str], arguments: list[str], code: int, says: str
) -> None:
    done = run(*arguments, **configured)
    assert (code, "") == (done.returncode, done.stdout)
    assert says in done.stderr
