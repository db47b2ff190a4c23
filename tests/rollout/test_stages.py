"""The decision table, and the moves that it allows."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.rollout.staging.stages import (
    DECISIONS,
    ORDER,
    Decision,
    Killing,
    Side,
    Stage,
    begins_mirror,
    is_handover,
    is_legal,
    killing,
    next_towards,
)

stages = st.sampled_from(Stage)
TWILIO, ACS = Side.TWILIO, Side.ACS


@pytest.mark.parametrize(
    ("stage", "authority", "mirror", "compared"),
    [
        ("off", TWILIO, None, False),
        ("dualwrite", TWILIO, ACS, False),
        ("shadow", TWILIO, ACS, True),
        ("live", ACS, TWILIO, True),
        ("rampdown", ACS, TWILIO, False),
        ("complete", ACS, None, False),
    ],
)
def test_each_stage_says_who_serves_a_conversation(
    stage: str, authority: Side, mirror: Side | None, compared: bool
) -> None:
    assert Decision(authority, mirror, compared) == DECISIONS[Stage(stage)]


def test_every_stage_has_a_decision_and_a_place() -> None:
    assert tuple(DECISIONS) == ORDER == tuple(Stage)


@given(stages)
def test_the_mirror_is_never_the_side_with_the_authority(stage: Stage) -> None:
    decision = DECISIONS[stage]
    assert decision.mirror in (None, decision.authority.other)
    assert decision.mirror is not None or not decision.compared, "there is nothing to compare with"


def test_the_other_of_the_other_side_is_the_side() -> None:
    assert [(TWILIO, ACS), (ACS, TWILIO)] == [(each.other.other, each.other) for each in Side]


@given(stages, stages)
def test_every_stage_is_reached_from_every_other_by_legal_moves(now: Stage, wanted: Stage) -> None:
    visited = [now]
    while visited[-1] is not wanted:
        visited.append(next_towards(visited[-1], wanted))
    assert all(is_legal(*step) for step in pairwise(visited))
    assert abs(ORDER.index(now) - ORDER.index(wanted)) + 1 == len(visited), "without a detour"


@given(stages, stages)
def test_a_move_can_be_taken_back(now: Stage, then: Stage) -> None:
    assert is_legal(now, then) == is_legal(then, now)
    assert is_handover(now, then) == is_handover(then, now)


def test_who_is_there_stays_there() -> None:
    assert [*Stage] == [next_towards(each, each) for each in Stage]
    assert not any(is_legal(each, each) for each in Stage)


def test_the_authority_changes_between_shadow_and_live_alone() -> None:
    steps = [pair for pair in product(Stage, Stage) if is_legal(*pair) and is_handover(*pair)]
    assert [(Stage.SHADOW, Stage.LIVE), (Stage.LIVE, Stage.SHADOW)] == steps


def test_a_mirror_begins_where_a_copy_is_needed() -> None:
    steps = [pair for pair in product(Stage, Stage) if begins_mirror(*pair)]
    assert [(Stage.OFF, Stage.DUALWRITE), (Stage.COMPLETE, Stage.RAMPDOWN)] == steps


@pytest.mark.parametrize(
    ("stage", "meaning"),
    [
        ("off", Killing.NOTHING),
        ("dualwrite", Killing.AT_ONCE),
        ("shadow", Killing.AT_ONCE),
        ("live", Killing.AFTER_DRAIN),
        ("rampdown", Killing.AFTER_DRAIN),
        ("complete", Killing.IMPOSSIBLE),
    ],
)
def test_killing_means_something_else_in_each_stage(stage: str, meaning: Killing) -> None:
    assert meaning is killing(Stage(stage))


@given(stages)
def test_a_conversation_can_be_killed_wherever_twilio_is_written_to(stage: Stage) -> None:
    decision = DECISIONS[stage]
    written = Side.TWILIO in (decision.authority, decision.mirror)
    assert written == (killing(stage) is not Killing.IMPOSSIBLE)
