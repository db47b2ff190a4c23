"""Twenty conversations that go to ACS and back while messages are sent: the smallest run of `benchmarks.rollout_run`."""

from __future__ import annotations

import pytest

from benchmarks.rollout_run import Load, run, table
from tests.rollout.deployment import rollout_deployment

LOAD = Load(percentages=(100,), conversations=18, new=2, messages=2, senders=1, pause=0.3, at_once=18)


@pytest.mark.timeout(180)
async def test_twenty_conversations_go_to_acs_and_back_and_nothing_is_lost(shared_store: str) -> None:
    async with rollout_deployment(shared_store) as deployment:
        figures = await run(deployment.settings, LOAD)
    assert figures.back is not None
    assert 20 == figures.conversations
    assert ([18], 20) == ([each.moved for each in figures.steps], figures.back.moved)
    assert {"off", "dualwrite", "live"} <= figures.latency.keys()
    counts = (figures.failed, figures.lost, figures.doubled, figures.misnamed)
    assert (0, 0, 0, 0) == counts, "\n".join(table(figures))
