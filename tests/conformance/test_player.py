"""The player notices what is not as the script says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.patterns import read, seen_as
from tests.conformance.player import Player
from tests.conformance.script import load
from tests.support.memory_backend import MemoryBackend, MemoryService

STARTS = [
    "connectionStateChanged:connecting",
    "connectionStateChanged:connected",
    "userUpdated:friendlyName",
    "userSubscribed:alice",
    "stateChanged:initialized",
    "initialized",
]


async def played(
    directory: Path, *steps: dict[str, Any]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Play steps against a service in memory; return what was expected and what came, step by step."""
    path = directory / "script.json"
    path.write_text(json.dumps({"title": "Try", "steps": steps}), encoding="utf-8")
    script, service = load(path), MemoryService()
    async with Player(service.token, lambda: {"backend": MemoryBackend(service)}) as player:
        outcomes = await player.play(script)
    return [(step.expected, outcomes[step.name]) for step in script.steps]


async def test_a_value_that_is_another_is_noticed(tmp_path: Path) -> None:
    [_, (expected, came)] = await played(
        tmp_path,
        {"step": "in", "signIn": "alice", "events": {"alice": STARTS}},
        {"step": "ask", "do": [["alice.getUser", "alice"]], "value": 5},
    )
    assert (5, "<User 'alice'>") == (expected["value"], came["value"])


async def test_an_event_too_many_is_noticed(tmp_path: Path) -> None:
    [(expected, came)] = await played(
        tmp_path, {"step": "in", "signIn": "alice", "events": {"alice": STARTS[:-1]}}
    )
    assert ({"alice": STARTS[:-1]}, {"alice": STARTS}) == (expected["events"], came["events"])


async def test_an_error_nobody_expects_is_noticed(tmp_path: Path) -> None:
    [(_, came)] = await played(tmp_path, {"step": "ask", "do": [["Client.new", ""]]})
    assert 'ArgumentError: Argument 1 is expected to be a non-empty string, but got ""' == came["raises"]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"step": "a", "returns": 1}, "unknown fields: returns"),
        ({"step": "a", "here": {"value": 1}}, "does not say why"),
    ],
)
def test_a_malformed_step_is_refused(tmp_path: Path, step: dict[str, Any], says: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"title": "Try", "steps": [step]}), encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        load(path)


def test_patterns_stand_for_what_differs_from_run_to_run() -> None:
    names = {"room": {"sid": "CH" + "0" * 32}, "list": [{"n": 1}, {"n": 2}]}
    assert {"$sid": "CH"} == seen_as({"$sid": "CH"}, read("room.sid", names), names)
    assert "CH0" == seen_as({"$sid": "CH"}, "CH0", names)
    assert [1, 2] == read("list[].n", names)
    assert {"a": {"$like": "^x"}, "b": 2} == seen_as(
        {"a": {"$like": "^x"}, "b": 1}, {"a": "xy", "b": 2}, names
    )
