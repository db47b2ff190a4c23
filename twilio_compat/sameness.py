"""Whether two values say the same: ``==``, but for JSON, where true is not 1 as it is in Python."""

from __future__ import annotations

__all__ = ["same"]


def same(one: object, other: object) -> bool:
    """Tell whether nothing changed from *one* to *other*; what is in lists and dicts is compared in the same way."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(each, other[key]) for key, each in one.items())
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return one == other and isinstance(one, bool) == isinstance(other, bool)
