"""Step by step, this library does what the scripts say: those Twilio's own client was measured with, above all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment, twilio_token
from tests.conformance.player import Player
from tests.conformance.script import SCRIPTS, Script, Step, load
from twilio_compat import ClientOptions

LOADED = [load(path) for path in SCRIPTS]
STEPS = [
    pytest.param(script, step, id=f"{script.name}: {step.name}") for script in LOADED for step in script.steps
]


@pytest.fixture(scope="session", params=["together", "apart"])
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Mapping[str, Any]]:
    """Play every script; return what came of each step, by script.

    Apart, as in several processes, each client has a backend of its own, and they share only the store.
    """
    together = request.param == "together"
    return {
        each.name: asyncio.run(_played(each, tmp_path_factory.mktemp(each.name), together=together))
        for each in LOADED
    }


async def _played(script: Script, directory: Path, *, together: bool) -> Mapping[str, Any]:
    async with (
        Emulator() as emulator,
        Deployment(emulator, f"sqlite:///{directory / 'store.db'}") as deployment,
    ):

        def options() -> ClientOptions:
            where: Any = {"settings": deployment.settings} if together else {"backend": deployment.backend()}
            return cast("ClientOptions", {**script.options, **where})

        async with Player(twilio_token, options) as player:
            return await player.play(script)


@pytest.mark.timeout(300)  # the first one plays all scripts
@pytest.mark.parametrize(("script", "step"), STEPS)
def test_step(outcomes: dict[str, Mapping[str, Any]], script: Script, step: Step) -> None:
    assert step.expected == outcomes[script.name][step.name]
