"""How a pin evolves: by legal steps, with a copy where one is needed, and with a handover where the authority changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from twilio_compat.rollout.staging.pin import (
    PAUSE,
    Pin,
    all_copied,
    begun,
    evolve,
    from_content,
    given_up,
    handed_over,
    pinned,
    to_content,
)
from twilio_compat.rollout.staging.stages import DECISIONS, Side, Stage, is_handover, is_legal
from twilio_compat.rollout.staging.target import Target

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
ABOUT = Target(conversation_sid="CH" + "1" * 32, key="order-1", service="IS1", creator="alice")
OFF, DUALWRITE, SHADOW, LIVE, RAMPDOWN, COMPLETE = Stage

stages = st.sampled_from(Stage)
times = st.datetimes(datetime(2030, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC)) | st.none()
words = st.text(max_size=5) | st.none()
pins = st.builds(
    Pin,
    about=st.builds(
        Target, conversation_sid=st.just("CH1"), key=words, service=words, unique_name=words, creator=words
    ),
    stage=stages,
    since=times,
    wanted=stages,
    towards=stages | st.none(),
    not_before=times,
    copied=st.booleans(),
    was_live=st.booleans(),
    held=st.booleans(),
)


def pin(stage: Stage, **more: object) -> Pin:
    """Return the pin of a conversation that was made in *stage* and may go anywhere from there."""
    return replace(pinned(ABOUT, stage, NOW), **more)  # type: ignore[arg-type]


def evolved(before: Pin, answer: Stage | None, *, killed: bool = False) -> tuple[Stage, Stage | None]:
    after = evolve(before, answer, killed=killed, now=LATER)
    return after.stage, after.towards


@given(pins)
def test_a_pin_is_read_as_it_was_kept(before: Pin) -> None:
    assert before == from_content("CH1", to_content(before))


@pytest.mark.parametrize("stage", Stage)
def test_a_conversation_that_is_made_has_a_mirror_that_has_everything(stage: Stage) -> None:
    made = pinned(ABOUT, stage, NOW)
    decision = DECISIONS[stage]
    assert (stage, stage, NOW, None) == (made.stage, made.wanted, made.since, made.towards)
    assert (decision.mirror is not None, decision.authority is Side.ACS) == (made.copied, made.was_live)


@pytest.mark.parametrize(
    ("stage", "answer", "then"),
    [
        (DUALWRITE, SHADOW, (SHADOW, None)),
        (DUALWRITE, COMPLETE, (SHADOW, None)),
        (SHADOW, COMPLETE, (SHADOW, LIVE)),
        (LIVE, COMPLETE, (RAMPDOWN, None)),
        (RAMPDOWN, COMPLETE, (COMPLETE, None)),
        (RAMPDOWN, OFF, (LIVE, None)),
        (LIVE, OFF, (LIVE, SHADOW)),
        (SHADOW, OFF, (DUALWRITE, None)),
        (DUALWRITE, OFF, (OFF, None)),
        (OFF, OFF, (OFF, None)),
        (LIVE, None, (LIVE, None)),
    ],
)
def test_a_flag_moves_a_conversation_by_one_step_at_a_time(
    stage: Stage, answer: Stage | None, then: tuple[Stage, Stage | None]
) -> None:
    assert then == evolved(pin(stage), answer)


@pytest.mark.parametrize(("stage", "begins"), [(OFF, DUALWRITE), (COMPLETE, RAMPDOWN)])
def test_a_mirror_begins_with_a_move_alone(stage: Stage, begins: Stage) -> None:
    before = pin(stage)
    for answer in Stage:
        assert (stage, None) == evolved(before, answer)
    begins_now = begun(before, LATER)
    assert (begins, False, LATER) == (begins_now.stage, begins_now.copied, begins_now.since)


@pytest.mark.parametrize("stage", [OFF, COMPLETE])
def test_while_it_is_copied_a_conversation_goes_nowhere_for_a_flag(stage: Stage) -> None:
    copying = begun(pin(stage), LATER)
    for answer in Stage:
        assert (copying.stage, None) == evolved(copying, answer)
    assert replace(copying, copied=True) == all_copied(copying)


def test_what_has_a_mirror_is_not_begun_again() -> None:
    for stage in (DUALWRITE, SHADOW, LIVE, RAMPDOWN):
        assert pin(stage) == begun(pin(stage), LATER)


def test_no_copy_counts_that_was_finished_after_mirroring_had_ended() -> None:
    killed = evolve(begun(pin(OFF), NOW), OFF, killed=True, now=LATER)
    assert (OFF, False) == (killed.stage, all_copied(killed).copied)


def test_a_mirror_that_was_let_go_has_to_be_copied_anew() -> None:
    gone = evolve(pin(DUALWRITE), OFF, killed=False, now=LATER)
    assert (OFF, False) == (gone.stage, gone.copied)
    assert (OFF, None) == evolved(gone, LIVE)


def test_a_handover_ends_in_the_stage_it_was_towards() -> None:
    handing = evolve(pin(SHADOW), LIVE, killed=False, now=LATER)
    assert (SHADOW, LIVE, LATER, False) == (handing.stage, handing.towards, handing.since, handing.was_live)
    assert handing == evolve(handing, LIVE, killed=False, now=LATER + PAUSE), "it goes on"
    done = handed_over(handing, LATER + PAUSE)
    assert (LIVE, None, LATER + PAUSE, True, True) == (
        done.stage,
        done.towards,
        done.since,
        done.was_live,
        done.copied,
    )


def test_a_handover_that_is_not_wanted_any_more_is_called_off() -> None:
    handing = evolve(pin(SHADOW), LIVE, killed=False, now=NOW)
    for answer in (SHADOW, OFF, None):
        assert (SHADOW, None) == evolved(handing, answer)


def test_a_handover_that_was_given_up_is_tried_again_after_a_pause() -> None:
    stays = given_up(evolve(pin(SHADOW), LIVE, killed=False, now=NOW), LATER)
    assert (SHADOW, None) == (stays.stage, stays.towards)
    early, late = LATER + PAUSE - timedelta(seconds=1), LATER + PAUSE
    assert None is evolve(stays, LIVE, killed=False, now=early).towards
    assert LIVE is evolve(stays, LIVE, killed=False, now=late).towards
    assert (DUALWRITE, None) == evolved(stays, OFF), "the way back is open"


def test_without_a_handover_there_is_nothing_to_hand_over() -> None:
    assert pin(SHADOW) == handed_over(pin(SHADOW), LATER)


def test_what_an_operator_wants_counts_in_place_of_the_flag() -> None:
    held = pin(SHADOW, held=True, wanted=DUALWRITE)
    for answer in (*Stage, None):
        assert (DUALWRITE, None) == evolved(held, answer)
    assert (SHADOW, LIVE) == evolved(replace(held, held=False), LIVE)


def test_an_operator_can_take_back_a_move_that_is_under_way() -> None:
    assert (OFF, None) == evolved(begun(pin(OFF, held=True, wanted=OFF), NOW), DUALWRITE)
    assert (COMPLETE, None) == evolved(begun(pin(COMPLETE, held=True, wanted=COMPLETE), NOW), LIVE)
    assert (RAMPDOWN, None) == evolved(begun(pin(COMPLETE, held=True, wanted=OFF), NOW), LIVE)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("stage", "then"),
    [
        (OFF, (OFF, None)),
        (DUALWRITE, (OFF, None)),
        (SHADOW, (OFF, None)),
        (LIVE, (LIVE, OFF)),
        (RAMPDOWN, (RAMPDOWN, OFF)),
        (COMPLETE, (COMPLETE, None)),
    ],
)
def test_killing_counts_more_than_flag_and_operator(
    stage: Stage, then: tuple[Stage, Stage | None], held: bool
) -> None:
    before = pin(stage, held=held, wanted=LIVE)
    after = evolve(before, COMPLETE, killed=True, now=LATER)
    assert (then, LIVE) == ((after.stage, after.towards), after.wanted)


def test_killing_what_twilio_has_waits_for_no_pause() -> None:
    waiting = given_up(evolve(pin(SHADOW), LIVE, killed=False, now=NOW), NOW)
    assert (OFF, None) == evolved(waiting, LIVE, killed=True)


def test_what_twilio_does_not_have_is_not_killed() -> None:
    copying = begun(pin(COMPLETE), NOW)
    assert (RAMPDOWN, None) == evolved(copying, LIVE, killed=True)
    assert (RAMPDOWN, OFF) == evolved(all_copied(copying), LIVE, killed=True)


def test_a_handover_to_a_stage_is_called_off_when_the_rollout_is_killed() -> None:
    handing = evolve(pin(SHADOW), LIVE, killed=False, now=NOW)
    called_off = evolve(handing, LIVE, killed=True, now=LATER)
    assert (SHADOW, None) == (called_off.stage, called_off.towards)
    assert (OFF, None) == evolved(called_off, LIVE, killed=True)


@given(pins, stages | st.none(), st.booleans())
def test_what_was_looked_at_evolves_by_a_legal_move_at_most(
    before: Pin, answer: Stage | None, killed: bool
) -> None:
    after = evolve(before, answer, killed=killed, now=LATER)
    assert after.stage is before.stage or is_legal(before.stage, after.stage) or killed
    assert not is_handover(before.stage, after.stage), "which takes a handover"
    assert before.about == after.about


class ManyHands(RuleBasedStateMachine):
    """A flag, an operator, a mover and a kill switch at one pin. What each side was told is kept beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.pin = Pin(about=ABOUT)
        self.now = NOW
        self.killed = False
        self.written = 0
        self.has = {Side.TWILIO: 0, Side.ACS: 0}
        self.mirroring: Side | None = None

    @rule(answer=stages | st.none())
    def look(self, answer: Stage | None) -> None:
        self._keep(evolve(self.pin, answer, killed=self.killed, now=self.now))

    @rule(stage=stages)
    def hold(self, stage: Stage) -> None:
        self._keep(replace(self.pin, wanted=stage, held=True))

    @rule()
    def release(self) -> None:
        self._keep(replace(self.pin, held=False))

    @rule()
    def begin_copy(self) -> None:
        self._keep(begun(self.pin, self.now))

    @rule()
    def end_copy(self) -> None:
        if (mirror := self.pin.decision.mirror) is not None:
            self.has[mirror] = self.has[self.pin.decision.authority]
        self._keep(all_copied(self.pin))

    @rule()
    def write(self) -> None:
        if self.pin.towards is None:
            self.written += 1
            self.has[self.pin.decision.authority] = self.written

    @rule()
    def drain(self) -> None:
        if (mirror := self.pin.decision.mirror) is not None and self.pin.copied:
            self.has[mirror] = self.written

    @rule()
    def hand_over(self) -> None:
        self.drain()
        self._keep(handed_over(self.pin, self.now))

    @rule()
    def give_up(self) -> None:
        if self.pin.towards is not None:
            self._keep(given_up(self.pin, self.now))

    @rule(killed=st.booleans())
    def switch(self, killed: bool) -> None:
        self.killed = killed

    @rule()
    def wait(self) -> None:
        self.now += PAUSE

    @invariant()
    def the_authority_has_everything(self) -> None:
        assert self.written == self.has[self.pin.decision.authority]

    @invariant()
    def only_what_is_mirrored_is_copied(self) -> None:
        assert self.pin.decision.mirror is not None or not self.pin.copied

    @invariant()
    def a_handover_is_one(self) -> None:
        assert self.pin.towards is None or is_handover(self.pin.stage, self.pin.towards)

    @invariant()
    def acs_has_had_it_where_it_has_it(self) -> None:
        assert self.pin.was_live or self.pin.decision.authority is Side.TWILIO

    def _keep(self, after: Pin) -> None:
        assert after.was_live or not self.pin.was_live
        self.pin = after


TestManyHands = ManyHands.TestCase
