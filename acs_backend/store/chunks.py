"""Splitting what is asked of a database into statements it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

LARGEST_STATEMENT = 500
"""Values in one ``IN (...)``; below the limit of every supported database."""


def chunks(values: Iterable[T], size: int = LARGEST_STATEMENT) -> Iterator[list[T]]:
    """Yield *values* in lists of at most *size*; nothing for no values."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
