"""The documented request rates, as a table and as sliding windows that count against it.

A limit allows a number of requests within any window of its length, counted per user, per thread, per user and
thread, or for the resource. Operations that share a row share its count. A refused request does not count.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Scope = Literal["user", "thread", "user+thread", "resource"]
Key = tuple[str, ...]

_SWEEP_FLOOR = 1024


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests in any `seconds`, of one `row` and one value of `scope`."""

    row: str
    scope: Scope
    count: int
    seconds: int


def _limits(row: str, scope: Scope, ten_seconds: int, minute: int | None = None) -> tuple[Limit, ...]:
    limits = (Limit(row, scope, ten_seconds, 10),)
    return limits if minute is None else (*limits, Limit(row, scope, minute, 60))


_WRITES = _limits("write message", "thread", 10, 30)
_MEMBERS = _limits("change participants", "thread", 10, 30)
_THREADS = _limits("read threads", "user", 50)

LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "CreateChatThread": _limits("create thread", "user", 10),
    "DeleteChatThread": _limits("delete thread", "user", 10),
    "UpdateChatThreadProperties": _limits("update thread", "thread", 5),
    "GetChatThreadProperties": _THREADS,
    "ListChatThreads": _THREADS,
    "AddChatParticipants": _MEMBERS,
    "RemoveChatParticipant": _MEMBERS,
    "SendChatMessage": _WRITES,
    "UpdateChatMessage": _WRITES,
    "DeleteChatMessage": _WRITES,
    "GetChatMessage": _limits("get message", "user+thread", 50) + _limits("get message", "thread", 250),
    "ListChatMessages": _limits("list messages", "user+thread", 50, 200)
    + _limits("list messages", "thread", 250, 400),
    "ListChatReadReceipts": _limits("list receipts", "user+thread", 5)
    + _limits("list receipts", "thread", 100),
    "ListChatParticipants": _limits("list participants", "user+thread", 10)
    + _limits("list participants", "thread", 250),
    "SendChatReadReceipt": _limits("send receipt", "user+thread", 10, 30),
    "SendTypingNotification": _limits("typing", "user+thread", 5, 15) + _limits("typing", "thread", 10, 30),
    "CreateIdentity": (Limit("create identity", "resource", 1000, 30),),
    "DeleteIdentity": (Limit("delete identity", "resource", 500, 30),),
    "IssueAccessToken": (Limit("issue token", "resource", 1000, 30),),
    "RevokeAccessTokens": (Limit("revoke tokens", "resource", 500, 30),),
    "ExchangeTeamsUserAccessToken": (Limit("exchange token", "resource", 500, 30),),
}

_LONGEST = max(limit.seconds for limits in LIMITS.values() for limit in limits)


class RateLimiter:
    """Counts requests against `LIMITS`. The clock returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with nothing counted."""
        self._clock = clock
        self._windows: dict[Key, deque[float]] = {}
        self._sweep_at = _SWEEP_FLOOR

    def take(self, operation: str, user: str, thread: str) -> float | None:
        """Count one request, or return the seconds until it would be allowed."""
        now = self._clock()
        windows = [(limit, self._window(limit, user, thread, now)) for limit in LIMITS.get(operation, ())]
        waits = [window[0] + limit.seconds - now for limit, window in windows if len(window) >= limit.count]
        if waits:
            return max(waits)
        for _, window in windows:
            window.append(now)
        self._sweep(now)
        return None

    def _window(self, limit: Limit, user: str, thread: str, now: float) -> deque[float]:
        window = self._windows.setdefault(_key(limit, user, thread), deque())
        while window and window[0] <= now - limit.seconds:
            window.popleft()
        return window

    def _sweep(self, now: float) -> None:
        if len(self._windows) < self._sweep_at:
            return
        self._windows = {
            key: window for key, window in self._windows.items() if window and window[-1] > now - _LONGEST
        }
        self._sweep_at = max(_SWEEP_FLOOR, 2 * len(self._windows))


def retry_after_seconds(wait: float) -> int:
    """Whole seconds for ``Retry-After``, at least one."""
    return max(1, math.ceil(wait))


def _key(limit: Limit, user: str, thread: str) -> Key:
    named = {"user": (user,), "thread": (thread,), "user+thread": (user, thread), "resource": ()}[limit.scope]
    return (limit.row, limit.scope, str(limit.seconds), *named)
