"""Epoch milliseconds, which the store and ACS's ids are in, and aware times, which records carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_time(milliseconds: int) -> datetime:
    """Return the time that is *milliseconds* after the epoch."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(time: datetime) -> int:
    """Return how many whole milliseconds after the epoch *time* is; a naive time is taken as UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def later(than: int, now: int) -> int:
    """Return *now*, or the next millisecond after *than* where the clock is behind it."""
    return max(now, than + 1)
