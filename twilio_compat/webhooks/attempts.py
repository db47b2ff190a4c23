"""When a webhook that could not be told is told again, and when it is given up. Pure.

Who cannot be reached, takes too long, or answers that it is in trouble (5xx) or too busy (408, 425, 429), is called again:
after a second, then after pauses that double, up to a quarter of an hour, for four hours. Any other answer is one, and is
not asked for twice: at Twilio, too, a webhook that refuses is not called again. What was told to nobody for either reason
is kept for a week, and can be told then (``twilio-compat webhooks replay``).

A line waits for its first errand. So that a receiver who was down for hours is not waited for once per errand, one that
has already waited too long in the line is tried `LATE_ATTEMPTS` times only.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 900.0
"""Seconds."""
LONGEST: Final = timedelta(hours=4)
"""For how long it is tried."""
MOST_ATTEMPTS: Final = 40
"""However short the pauses turn out to be."""
LATE_ATTEMPTS: Final = 3

_WORTH_ANOTHER: Final = frozenset({408, 425, 429})


def is_final(status: int) -> bool:
    """Say whether to call again after an answer that is no success would be of no use."""
    return 300 <= status < 500 and status not in _WORTH_ANOTHER


def next_attempt(made: int, *, since: datetime, now: datetime, chance: float) -> datetime | None:
    """Return when to try again after *made* attempts, the first of which could have been *since*; None: never.

    *chance* is between 0 and 1, and moves it by up to a quarter to either side, so that not all come at once.
    """
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(made - 1, 20))
    at = now + timedelta(seconds=pause * (0.75 + chance / 2))
    is_late = at - since > LONGEST
    return None if made >= (LATE_ATTEMPTS if is_late else MOST_ATTEMPTS) else at
