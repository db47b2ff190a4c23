"""Request rates: counted per scope in sliding windows, and refused with or without Retry-After."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator.operations import OPERATIONS
from acs_emulator.options import Options
from acs_emulator.rate_limits import LIMITS, RateLimiter, retry_after_seconds
from tests.acs_emulator.support import make_world


class Seconds:
    """A clock in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_every_operation_has_its_limits_and_nothing_else_has() -> None:
    assert LIMITS.keys() == {each.name for each in OPERATIONS}


def test_ten_writes_in_ten_seconds_and_thirty_in_a_minute() -> None:
    clock = Seconds()
    limiter = RateLimiter(clock)
    taken = []
    for second in range(60):
        clock.now = float(second)
        taken += [second for _ in range(20) if limiter.take("SendChatMessage", "ann", "thread") is None]
    assert Counter(taken) == {0: 10, 10: 10, 20: 10}
    assert limiter.take("SendChatMessage", "ann", "thread") == 1.0
    clock.now = 60.0
    assert limiter.take("SendChatMessage", "ann", "thread") is None


def test_sending_updating_and_deleting_share_a_count_across_users_but_not_threads() -> None:
    limiter = RateLimiter(Seconds())
    for number in range(10):
        operation = ("SendChatMessage", "UpdateChatMessage", "DeleteChatMessage")[number % 3]
        assert limiter.take(operation, f"user{number}", "one") is None
    assert limiter.take("DeleteChatMessage", "someone", "one") == 10.0
    assert limiter.take("DeleteChatMessage", "someone", "two") is None


def test_users_have_their_own_count_where_the_scope_says_so() -> None:
    limiter = RateLimiter(Seconds())
    assert [limiter.take("ListChatReadReceipts", "ann", "t") for _ in range(5)] == [None] * 5
    assert limiter.take("ListChatReadReceipts", "ann", "t") == 10.0
    assert limiter.take("ListChatReadReceipts", "bob", "t") is None


def test_identity_is_counted_for_the_whole_resource() -> None:
    clock = Seconds()
    limiter = RateLimiter(clock)
    assert {limiter.take("RevokeAccessTokens", "", "") for _ in range(500)} == {None}
    assert limiter.take("RevokeAccessTokens", "", "") == 30.0


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from("ab")), max_size=150))
def test_no_window_ever_holds_more_than_allowed(steps: list[tuple[float, str]]) -> None:
    clock = Seconds()
    limiter = RateLimiter(clock)
    taken: dict[str, list[float]] = {"a": [], "b": []}
    for pause, thread in steps:
        clock.now += pause
        allowed_before = [at for at in taken[thread] if at > clock.now - 10]
        within_minute = [at for at in taken[thread] if at > clock.now - 60]
        is_free = len(allowed_before) < 10 and len(within_minute) < 30
        assert (limiter.take("SendChatMessage", "u", thread) is None) == is_free
        if is_free:
            taken[thread].append(clock.now)


def test_windows_nobody_uses_any_more_are_dropped() -> None:
    clock = Seconds()
    limiter = RateLimiter(clock)
    for number in range(5000):
        clock.now = number * 100.0
        limiter.take("GetChatThreadProperties", f"user{number}", "")
    assert len(limiter._windows) < 1100


@pytest.mark.parametrize(("wait", "seconds"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.01, 2), (60.0, 60)])
def test_retry_after_is_whole_seconds_and_never_none(wait: float, seconds: int) -> None:
    assert retry_after_seconds(wait) == seconds


@pytest.mark.parametrize("retry_after", [True, False])
async def test_over_the_rate_is_a_429_until_the_window_moved_on(retry_after: bool) -> None:
    world = make_world(Options(rate_limits="on", retry_after=retry_after))
    async with world.http:
        ann = await world.user()
        thread = await world.thread(ann)
        for _ in range(10):
            await ann.send(thread)
        refused = await ann.post(f"/chat/threads/{thread}/messages", {"content": "x"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "TooManyRequests")
        assert refused.headers.get("retry-after") == ("10" if retry_after else None)
        assert len(await ann.messages(thread)) == 12
        world.clock.advance(seconds=10)
        await ann.send(thread)


async def test_rates_are_not_limited_unless_asked() -> None:
    world = make_world()
    async with world.http:
        ann = await world.user()
        thread = await world.thread(ann)
        for _ in range(100):
            await ann.send(thread)
