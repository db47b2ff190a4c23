"""One backend for all clients of an event loop that have equal settings.

A server makes a `Client` per user; a pool of connections and an open store per user would be far too much. So
clients lease: the first lease of some settings opens the backend, the last one to end closes it. Leases belong
to an event loop, since connections do; a loop that is gone takes its (empty) table with it.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar
from weakref import WeakKeyDictionary

from twilio_compat.backend import Backend, open_backend
from twilio_compat.settings import Settings

__all__ = ["SharedBackends"]


@dataclass(slots=True)
class _Shared:
    """An open backend and how many clients use it."""

    backend: Backend
    leases: int = 0


class SharedBackends:
    """The backends that are open on one event loop; `of_running_loop` finds it."""

    _of_loops: ClassVar[WeakKeyDictionary[AbstractEventLoop, SharedBackends]] = WeakKeyDictionary()

    def __init__(self, opener: Callable[[Settings], Backend] = open_backend) -> None:
        """Open backends with *opener*."""
        self._opener = opener
        self._open: dict[Settings, _Shared] = {}

    @classmethod
    def of_running_loop(cls) -> SharedBackends:
        """Return the backends of the running loop."""
        return cls._of_loops.setdefault(get_running_loop(), cls())

    @asynccontextmanager
    async def lease(self, settings: Settings) -> AsyncIterator[Backend]:
        """Use the backend of *settings* for as long as the block runs. Raises what opening it raises."""
        if settings not in self._open:
            self._open[settings] = _Shared(self._opener(settings))
        shared = self._open[settings]
        shared.leases += 1
        try:
            yield shared.backend
        finally:
            shared.leases -= 1
            if shared.leases == 0:
                del self._open[settings]
                await shared.backend.close()
