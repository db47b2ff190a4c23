"""Each scenario holds on each target, and what code on twilio-python sees is the same on all of them."""

from __future__ import annotations

import os

import pytest

from tests.conformance.rest_compatibility import entries
from tests.rest.contract.play import ALL, Target, Theatre
from tests.rest.contract.stage import World
from tests.rest.surface import operations

WORLDS: dict[Target, tuple[World, ...]] = {
    "in process": ("default", "service"),
    "in process, awaited": ("service",),
    "over HTTP": ("default",),
    "Twilio": ("service",),
}
"""Where scenarios are played on which target: all of both in process, and each of both ways once on another one."""


def plays(*targets: Target) -> list[object]:
    """Return every scenario on these targets, in each of their worlds; what is the account's has one world."""
    return [
        pytest.param(name, target, world, id=f"{name}-{target}-{world}")
        for name, scenario in ALL.items()
        for target in targets
        for world in (("default",) if scenario.whole_account else WORLDS[target])
    ]


def played(theatre: Theatre, name: str, target: Target, world: World) -> object:
    seen = theatre.seen(name, target, world)
    if seen.failure is not None:
        raise seen.failure
    return seen.lines


@pytest.mark.parametrize(("name", "target", "world"), plays("in process", "in process, awaited", "over HTTP"))
def test_a_scenario_holds(theatre: Theatre, name: str, target: Target, world: World) -> None:
    played(theatre, name, target, world)


@pytest.mark.parametrize(("name", "target", "world"), plays("in process, awaited", "over HTTP"))
def test_transcripts_are_the_same(theatre: Theatre, name: str, target: Target, world: World) -> None:
    assert played(theatre, name, "in process", world) == played(theatre, name, target, world)


@pytest.mark.parametrize("entry", [pytest.param(each, id=each.theirs.name) for each in entries()])
def test_each_operation_is_called_by_the_scenario_that_proves_it(theatre: Theatre, entry: object) -> None:
    world: World = "service" if entry.theirs.name != entry.theirs.default else "default"
    if ALL[entry.scenario].whole_account:
        world = "default"
    assert entry.theirs.name in theatre.seen(entry.scenario, "in process", world).operations


def test_all_operations_are_called(theatre: Theatre) -> None:
    called = [theatre.seen(*play.values).operations for play in plays("in process")]
    assert set(operations()) == set().union(*called)


@pytest.mark.parametrize("name", [name for name, scenario in ALL.items() if not scenario.whole_account])
def test_a_scenario_holds_at_twilio(theatre: Theatre, name: str) -> None:
    if "TWILIO_CONTRACT_ACCOUNT_SID" not in os.environ:
        pytest.skip("TWILIO_CONTRACT_ACCOUNT_SID and TWILIO_CONTRACT_AUTH_TOKEN name no account to ask")
    played(theatre, name, "Twilio", "service")
