"""What this client did itself and an event source is still to report.

A call applies when it returns, and its news come again from the event source, perhaps after the next call has
undone it: ``add`` and ``removeParticipant`` in one breath are followed by a late "joined" and a late "left". So
each change that was applied early is expected back, once. A source that tells only the outcome of several changes
brings less than expected; what has not come for `LIFETIME` seconds, or by the next synchronization, is forgotten.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["LIFETIME", "Change", "Echoes"]

LIFETIME: Final = 60.0
"""Seconds after which an event source is not expected to report a change any more."""

Change: TypeAlias = str | int | None
"""``joined`` or ``left``; of one field of a conversation, the value it was set to."""


@dataclass(frozen=True, slots=True)
class _Expected:
    sid: str
    change: Change
    until: float


class Echoes:
    """The reports one client expects, oldest first.

    A sid is that of a participant or of a conversation; what concerns one field of it alone has a subject of its own,
    such as ``CH.../notification_level``, since its reports come independently of the others.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Expect nothing yet. *clock* returns seconds."""
        self._clock = clock
        self._expected: deque[_Expected] = deque()

    def expect(self, sid: str, change: Change) -> None:
        """Expect *change* of *sid* to be reported."""
        self._expected.append(_Expected(sid, change, self._clock() + LIFETIME))

    def take(self, sid: str, change: Change) -> bool:
        """Return whether *change* of *sid* was expected; older ones of the same sid do not come any more."""
        if not self.expects(sid, change):
            return False
        self._drop_through(sid, change)
        return True

    def expects(self, sid: str, change: Change) -> bool:
        """Return whether *change* of *sid* is still to be reported."""
        self._expire()
        return any((each.sid, each.change) == (sid, change) for each in self._expected)

    def awaits(self, sid: str) -> bool:
        """Return whether any change of *sid* is still to be reported."""
        self._expire()
        return any(each.sid == sid for each in self._expected)

    def forget(self) -> None:
        """Expect nothing any more."""
        self._expected.clear()

    def _expire(self) -> None:
        now = self._clock()
        while self._expected and self._expected[0].until <= now:
            self._expected.popleft()

    def _drop_through(self, sid: str, change: Change) -> None:
        """Drop what is expected of *sid*, up to the first *change*."""
        kept: list[_Expected] = []
        while True:
            first = self._expected.popleft()
            if first.sid != sid:
                kept.append(first)
            elif first.change == change:
                break
        self._expected.extendleft(reversed(kept))
