"""When a subscription looks for news: pure, but for the clock it is given.

Between two ticks it rests for the interval, unless a write in this process nudges it. That is for people who talk to
each other; under a stream of writes the interval is soon enough, and many subscribers must neither crowd out those
who write nor use up what ACS allows. So each early tick is paid for from a purse, which a rest of full length fills a
little.

The pause after a failure grows, but a nudge may end it: a write that went through says that the service is back.
"""

from __future__ import annotations

from collections.abc import Callable

SHORTEST_REST = 0.1
"""Seconds between two ticks at least."""
FULL_PURSE = 4.0
"""Early ticks in a row at the most."""
EARNED_BY_REST = 0.25
"""Early ticks that a rest of full length pays for."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds to wait after a failure: doubled each time, up to the longest; a nudge may end it, but not the first."""


class Pace:
    """The times of one subscription's ticks, in seconds; *clock* is monotonic."""

    def __init__(self, interval: float, clock: Callable[[], float]) -> None:
        """Let the first tick begin at once."""
        self._interval = interval
        self._clock = clock
        self._earliest = self._due = 0.0
        self._nudged = False
        self._purse = FULL_PURSE
        self.failures = 0
        """Steps that failed in a row, up to the last one."""

    def nudge(self) -> None:
        """Let the next tick come as early as it may."""
        self._nudged = True

    def until_tick(self) -> float:
        """Return how long the next tick may not begin, or need not; nothing or less: it is time."""
        begin = self._earliest if self._nudged else max(self._earliest, self._due)
        return begin - self._clock()

    def begin(self) -> None:
        """Take note that a tick begins, and take its price."""
        early = self._clock() < self._due
        self._purse = self._purse - 1 if early else min(FULL_PURSE, self._purse + EARNED_BY_REST)
        self._nudged = False

    def rest(self) -> None:
        """Take note that a tick is done."""
        now = self._clock()
        self._due = now + self._interval
        self._earliest = min(self._due, now + SHORTEST_REST) if self._purse >= 1 else self._due

    def pause(self) -> None:
        """Take note of a failure."""
        now = self._clock()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.failures, 10))
        self.failures += 1
        self._earliest, self._due = now + min(pause, FIRST_PAUSE), now + pause
