"""When two times are one: Twilio's are in whole seconds, those of ACS in milliseconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

PRECISION: Final = timedelta(seconds=1)
"""By how much the times may differ that both sides have of one thing."""


def is_same_time(one: datetime, other: datetime) -> bool:
    """Say whether both sides mean the same time."""
    return abs(one - other) <= PRECISION
