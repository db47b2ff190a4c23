"""Notice of a token's end, on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from twilio_compat.expiry import TokenWatch

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Timer:
    """A call that is due."""

    due: datetime
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Clock:
    """Time that passes when told to."""

    now: datetime = START
    timers: list[Timer] = field(default_factory=list)

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        timer = Timer(self.now + timedelta(seconds=delay), call)
        self.timers.append(timer)
        return timer

    def advance(self, **passed: float) -> None:
        self.now += timedelta(**passed)
        due = [each for each in self.timers if each.due <= self.now]
        self.timers = [each for each in self.timers if each.due > self.now]
        for timer in sorted(due, key=lambda each: each.due):
            if not timer.cancelled:
                timer.call()


def watch(clock: Clock) -> tuple[TokenWatch, list[str]]:
    told: list[str] = []
    return TokenWatch(told.append, clock.call_later, lambda: clock.now), told


def test_notice_comes_three_minutes_before_the_end() -> None:
    clock = Clock()
    tokens, told = watch(clock)
    tokens.watch(START + timedelta(hours=1))
    clock.advance(minutes=56, seconds=59)
    assert [] == told
    clock.advance(seconds=1)
    assert ["tokenAboutToExpire"] == told
    clock.advance(minutes=3)
    assert ["tokenAboutToExpire", "tokenExpired"] == told


def test_a_token_nearer_its_end_is_told_at_once() -> None:
    clock = Clock()
    tokens, told = watch(clock)
    tokens.watch(START + timedelta(minutes=1))
    clock.advance()
    assert ["tokenAboutToExpire"] == told


def test_the_end_is_told_once_whoever_notices_first() -> None:
    clock = Clock()
    tokens, told = watch(clock)
    tokens.watch(START + timedelta(minutes=1))
    tokens.expired()
    clock.advance(minutes=1)
    assert 1 == told.count("tokenExpired")


def test_a_new_token_takes_the_place_of_the_old() -> None:
    clock = Clock()
    tokens, told = watch(clock)
    tokens.watch(START + timedelta(minutes=1))
    tokens.watch(START + timedelta(hours=1))
    clock.advance(minutes=50)
    assert [] == told


def test_nothing_is_told_after_the_watch_is_over() -> None:
    clock = Clock()
    tokens, told = watch(clock)
    tokens.watch(START + timedelta(minutes=1))
    tokens.stop()
    clock.advance(hours=1)
    assert [] == told
