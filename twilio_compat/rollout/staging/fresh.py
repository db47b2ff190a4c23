"""What is read from the store, and known for a second.

Whoever calls often must not pay for a read each time; and what others changed must be seen within `LASTS` seconds. So a
value is read again off the caller's path once it is half as old, and only who finds it older waits for the read. Several
who wait share one.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from typing import Final, Generic, TypeVar, cast

LASTS: Final = 1.0
"""Seconds for which a value counts as known."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Fresh(Generic[T]):
    """A value that is never told older than a caller takes it. Its age counts from when the read of it began."""

    def __init__(
        self, read: Callable[[], Coroutine[None, None, T]], *, clock: Callable[[], float], what: str
    ) -> None:
        """Know nothing yet. *read* fetches the value; *what* names it in the log; *clock* is monotonic, in seconds."""
        self._read = read
        self._clock = clock
        self._what = what
        self._value: T | None = None
        self._known_at = -math.inf
        self._version = 0
        self._reading: asyncio.Task[T] | None = None

    @property
    def age(self) -> float:
        """How many seconds ago the value was so; infinite where none is known."""
        return self._clock() - self._known_at

    @property
    def last(self) -> T | None:
        """The value as last known, however old."""
        return self._value

    @property
    def is_reading(self) -> bool:
        """Whether a read is under way."""
        return self._reading is not None and not self._reading.done()

    async def get(self, lasts: float = LASTS) -> T:
        """Return the value, at most *lasts* seconds old. Raises what the read raises, if one had to be waited for."""
        age = self.age
        if age >= lasts:
            return await asyncio.shield(self._begin())
        if age >= lasts / 2:
            _ = self._begin()
        return cast(T, self._value)

    def put(self, value: T) -> None:
        """Know *value*, which was just written; a read that is under way may be of what was before, and counts no more."""
        self._version += 1
        self._value, self._known_at = value, self._clock()

    def forget(self) -> None:
        """Know nothing any more, and take nothing from a read that is under way."""
        self._version += 1
        self._value, self._known_at = None, -math.inf

    async def close(self) -> None:
        """Read nothing any more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _begin(self) -> asyncio.Task[T]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._run())
            self._reading.add_done_callback(self._told)
        return self._reading

    async def _run(self) -> T:
        while True:
            version, began = self._version, self._clock()
            value = await self._read()
            if version == self._version:
                self._value, self._known_at = value, began
            if self._known_at > -math.inf:
                return cast(T, self._value)

    def _told(self, reading: asyncio.Task[T]) -> None:
        """Note why a read failed; who waits for it is told, and the next one who needs it tries again."""
        if not reading.cancelled() and (error := reading.exception()) is not None:
            _log.info("%s could not be read: %s", self._what, error)
