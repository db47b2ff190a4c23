"""A process that is killed with SIGKILL in the midst of writing: what it was told is on both sides, once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator

import pytest

from tests.rollout.world import Kept, World, world
from tests.support.requirements import ROOT
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.settings import ENVIRONMENT, Settings


@pytest.fixture
async def running(shared_store: str) -> AsyncIterator[World]:
    async with world(shared_store) as found:
        yield found


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
@pytest.mark.parametrize("acknowledged", [1, 20])
async def test_what_a_killed_process_wrote_is_on_both_sides_once(
    running: World, stage: str, acknowledged: int
) -> None:
    await running.begin(stage)
    for writer in range(3):
        await running.add(0, f"writer {writer}")
    await _write_and_be_killed(running, acknowledged)
    assert acknowledged <= len(running.ledger.messages)
    await running.check()
    await running.send(0)
    await running.send(1)
    await running.check()
    for side in Side:
        assert 0 == (await running.processes[0].office.outbox.backlog(side)).waiting
    await running.go_back()


async def _write_and_be_killed(running: World, acknowledged: int) -> None:
    """Have another process write, kill it after so many answers, and note what it was told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.rollout.writer",
        running.sid,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | _environment(running.settings),
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while acknowledged:
                acknowledged -= _note(running, await process.stdout.readline())
    finally:
        process.kill()
    async for line in process.stdout:
        if line.endswith(b"\n"):
            _note(running, line)
    await process.wait()


def _note(running: World, line: bytes) -> bool:
    """Note what the process said; say whether a message was acknowledged."""
    assert line, "the process has died; its words are above"
    words = json.loads(line)
    if (body := words.get("sending")) is not None:
        running.ledger.unclear.add(body)
        return False
    running.ledger.unclear.discard(words["sent"])
    running.ledger.messages[words["sid"]] = Kept(words["index"], {words["sent"]})
    return True


def _environment(settings: Settings) -> dict[str, str]:
    given = {variable: getattr(settings, name) for name, variable in ENVIRONMENT.items()}
    return {variable: str(value) for variable, value in given.items() if value is not None}
