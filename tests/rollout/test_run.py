"""Twenty conversations that go to ACS and back while messages are sent: the smallest run of `benchmarks.rollout_run`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.rollout_run import Load, run, table
from tests.rollout.deployment import rollout_deployment
from tests.rollout.world import replace_settings

LOAD = Load(
    percentages=(25, 100), conversations=18, new=1, messages=2, senders=3, pause=0.05, deadline=4.0, at_once=8
)


async def test_twenty_conversations_go_to_acs_and_back_and_nothing_is_lost(tmp_path: Path) -> None:
    async with rollout_deployment(tmp_path) as deployment:
        figures = await run(replace_settings(deployment.settings, deadline=LOAD.deadline), LOAD)
    assert figures.back is not None
    assert 20 == figures.conversations
    assert 19 <= sum(each.moved for each in figures.steps) <= figures.back.moved + 1
    assert {"off", "dualwrite", "live"} <= figures.latency.keys()
    counts = (figures.failed, figures.lost, figures.doubled, figures.misnamed)
    assert (0, 0, 0, 0) == counts, "\n".join(table(figures))
