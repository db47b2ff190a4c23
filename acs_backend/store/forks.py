"""Forking a process that has SQLite files open.

SQLite must not be carried across a fork. A child inherits what SQLite remembers of the locks on a file, but not the locks:
a new connection of the child believes that one is held which nobody holds, and waits for it for ever, or that it holds one
itself, and then another process that closes the file takes it for the last and removes what the child still writes to.

So a process has no file open while it forks. Whoever forks waits until no transaction is under way, closes all connections,
forks, and lets the others go on; a connection opens itself again when it is next used (`acs_backend.store.sqlite`). The
child begins with none.

A transaction that does not end within `PATIENCE`, or that the forking thread itself would have to go on with, is not waited
for: then the connections stay open, and the log says so.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  # see `_for_the_process`
import logging
import os
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol

PATIENCE: Final = 5.0
"""Seconds that a fork waits for the transactions that are under way."""
_PAUSE: Final = 0.001

_log = logging.getLogger(__name__)


class Closable(Protocol):
    """A connection to a file that opens itself again."""

    def rest(self) -> None:
        """Close the file until the next use."""


class Gate:
    """What every use of a SQLite file passes, and every fork."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._turn = threading.Condition(threading.Lock())
        self._under_way = 0
        self._is_forking = False
        self._connections: weakref.WeakSet[Closable] = weakref.WeakSet()

    def add(self, connection: Closable) -> None:
        """Note a connection that is open, or may open itself."""
        with self._turn:
            self._connections.add(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Keep the process from forking while a block runs; wait where it is just forking."""
        while not self._enter():  # noqa: ASYNC110  # a fork takes a moment, and other threads' loops cannot be told
            await asyncio.sleep(_PAUSE)
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def look(self) -> Iterator[None]:
        """Keep the process from forking for a moment, in which nothing is awaited."""
        with self._turn:
            yield

    # Forking

    def before(self) -> None:
        """Wait until nothing is under way, and close everything; the turn is kept until after the fork."""
        self._turn.acquire()
        self._is_forking = True
        if self._is_idle():
            for each in list(self._connections):
                each.rest()
        else:
            _log.warning(
                "The process forks in the middle of a transaction; the child should not use its database"
            )

    def after_in_parent(self) -> None:
        """Let the others go on."""
        self._is_forking = False
        self._turn.release()

    def after_in_child(self) -> None:
        """Begin anew."""
        self.__init__()  # type: ignore[misc]  # nobody else is there yet

    def _is_idle(self) -> bool:
        waits = asyncio._get_running_loop() is None
        return self._turn.wait_for(lambda: self._under_way == 0, PATIENCE if waits else 0.0)

    def _enter(self) -> bool:
        with self._turn:
            if self._is_forking:
                return False
            self._under_way += 1
            return True

    def _leave(self) -> None:
        with self._turn:
            self._under_way -= 1
            self._turn.notify_all()


def _for_the_process() -> Gate:
    """Return a gate that forks pass.

    What is registered last is called first. So thread pools, which start nothing any more once they know of the fork, are
    imported before: the commits that are waited for need them.
    """
    gate = Gate()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=gate.before, after_in_parent=gate.after_in_parent, after_in_child=gate.after_in_child
        )
    return gate


GATE: Final = _for_the_process()
"""The gate of this process."""
