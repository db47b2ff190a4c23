"""Threads for what blocks, which take work for as long as there is a process.

Python's own pools take none once the main thread has ended, though other threads may go on, and `atexit` has its turn
only then. What a loop gives to a thread, such as the commit that a write waits for, must be done nevertheless. These
threads are daemons, so nobody waits for them; who gives them work does. They start at once, since none can be started
at the very end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final, ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_Work: TypeAlias = Callable[[], None]

COUNT: Final = 8


class Workers(ThreadPoolExecutor):
    """A pool in all that a loop asks of one, with threads of its own in place of its base's."""

    def __init__(self, name: str) -> None:
        """Start the threads; *name* is how their names begin."""
        super().__init__(1)
        self._lock = threading.Lock()
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._ended = False
        self._workers = [self._thread(f"{name} {number + 1}") for number in range(COUNT)]

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``fn(...)`` done by one of the threads."""
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # raised by who waits for the future
                future.set_exception(error)

        with self._lock:
            if self._ended:
                raise RuntimeError("The threads were ended before the work was given to them")
            self._work.put(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads once they have done what they were given."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        with self._lock:
            if not self._ended:
                self._ended = True
                for _ in self._workers:
                    self._work.put(None)
        if wait:
            for each in self._workers:
                each.join()

    def _thread(self, name: str) -> threading.Thread:
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        thread.start()
        return thread

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # it holds what came of it
