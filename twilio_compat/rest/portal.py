"""The way from blocking code to the event loop that the library runs on.

twilio-python blocks its caller, in whatever thread that is; everything here is written for an event loop. So a process
has one thread of its own with a loop, the portal, which starts with the first call. Applications live on it, one for
each `Deployment`, whoever calls them.

A fork copies the memory of a process but not its threads. The child finds a loop that nobody runs, with sockets that
are still the parent's. It must neither use nor close those: closing an encrypted connection says good-bye on it, and
taking a socket from the loop takes it from the parent's. So a child forgets all that without touching it, for good
(`_keep_for_ever`), and begins anew.

At the end of the process, when all threads have ended that it waits for, the applications are closed; they have a few
seconds for that.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Final, Self, TypeVar

from twilio_compat.errors import ClosedError
from twilio_compat.rest.app import Application
from twilio_compat.rest.deployment import Deployment, Opened
from twilio_compat.rest.workers import Workers

T = TypeVar("T")

CLOSING: Final = 5.0
"""Seconds that the end of a process waits for its applications to close."""
GRACE: Final = 1.0
"""Seconds that are left to what was called off because they were not enough."""
THREADS: Final = "twilio-compat"
"""How the names of a portal's threads begin."""


class Portal:
    """A thread with an event loop, and the applications on it. Use from any thread but that one."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._lock = threading.Lock()
        self._engine: _Engine | None = None
        self._users: dict[Deployment, weakref.WeakSet[object]] = {}
        _forget_in_children(self)

    def __enter__(self) -> Self:
        """Serve for the length of a block; tests do."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close."""
        self.close()

    def submit(self, deployment: Deployment, work: Callable[[Application], Awaitable[T]]) -> Future[T]:
        """Begin *work* on the application of *deployment*; the future's `cancel` calls it off."""
        return self._running().submit(deployment, work)

    def run(
        self,
        deployment: Deployment,
        work: Callable[[Application], Awaitable[T]],
        timeout: float | None = None,
    ) -> T:
        """Do *work*, and wait for it. What interrupts the wait calls it off, as *timeout* seconds do (`TimeoutError`).

        `ClosedError` where the portal is closed meanwhile.
        """
        engine = self._running()
        engine.check_thread()
        future = engine.submit(deployment, work)
        try:
            return future.result(timeout)
        except CancelledError as error:
            raise ClosedError("The library was closed before the call had ended") from error
        except BaseException as error:
            if future.cancel() and isinstance(error, FutureTimeoutError):
                raise TimeoutError(f"No answer within {timeout} s") from error
            raise

    def join(self, deployment: Deployment, user: object) -> None:
        """Note that *user* is going to use the application of *deployment*."""
        with self._lock:
            self._users.setdefault(deployment, weakref.WeakSet()).add(user)

    def leave(self, deployment: Deployment, user: object, timeout: float = CLOSING) -> None:
        """Close the application unless somebody else uses it, waiting up to *timeout* seconds; a later call opens another."""
        with self._lock:
            users = self._users.get(deployment, weakref.WeakSet())
            users.discard(user)
            if users:
                return
            self._users.pop(deployment, None)
            engine = self._engine
        if engine is not None:
            engine.release(deployment, timeout)

    def close(self, timeout: float = CLOSING) -> None:
        """Close all applications, waiting up to *timeout* seconds. A later call begins anew."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop(timeout)

    def forget(self) -> None:
        """Leave everything to the process that this one was forked from."""
        if self._engine is not None:
            _keep_for_ever(self._engine)
        self._engine, self._lock = None, threading.Lock()

    def _running(self) -> _Engine:
        engine = self._engine
        if engine is not None:
            return engine
        with self._lock:
            if self._engine is None:
                self._engine = _Engine()
            return self._engine


class _Engine:
    """The thread and its loop. What is private happens on the loop, the rest in other threads."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._stopped = False
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(Workers(THREADS))
        self._applications: dict[Deployment, Opened] = {}
        self._thread = threading.Thread(target=self._serve, name=THREADS, daemon=True)
        self._thread.start()

    def submit(self, deployment: Deployment, work: Callable[[Application], Awaitable[T]]) -> Future[T]:
        """Begin *work*. `ClosedError`."""
        with self._gate:
            if self._stopped:
                raise ClosedError("The library was closed before the call began")
            return asyncio.run_coroutine_threadsafe(self._do(deployment, work), self._loop)

    def check_thread(self) -> None:
        """Refuse to let the thread wait that would have to answer."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("A blocking call on the thread that would answer it waits for ever")

    def release(self, deployment: Deployment, timeout: float) -> None:
        """Close one application."""
        self.check_thread()
        with self._gate:
            if self._stopped:
                return
            closing = asyncio.run_coroutine_threadsafe(self._release(deployment), self._loop)
        _wait(closing, timeout)

    def stop(self, timeout: float) -> None:
        """Close all applications, end the thread."""
        self.check_thread()
        with (
            self._gate
        ):  # what was submitted before is a task by the time that `_close` runs, and is ended by it
            self._stopped = True
        _wait(asyncio.run_coroutine_threadsafe(self._close(), self._loop), timeout)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout + GRACE)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            if left := asyncio.all_tasks(self._loop):  # of a closing that took too long
                for each in left:
                    each.cancel()
                self._loop.run_until_complete(asyncio.wait(left, timeout=GRACE))
        finally:
            self._loop.close()

    async def _do(self, deployment: Deployment, work: Callable[[Application], Awaitable[T]]) -> T:
        opened = self._applications.get(deployment)
        if opened is None:
            opened = self._applications[deployment] = Opened(deployment)
            opened.task.add_done_callback(lambda _: self._forget(deployment, opened))
        ready = opened.ready
        return await work(ready.result() if ready.done() else await asyncio.shield(ready))

    def _forget(self, deployment: Deployment, opened: Opened | None) -> None:
        if self._applications.get(deployment) is opened:
            del self._applications[deployment]

    async def _release(self, deployment: Deployment) -> None:
        if (opened := self._applications.pop(deployment, None)) is not None:
            await opened.close()

    async def _close(self) -> None:
        """Close the applications, then end what is left of those who called them."""
        closing = [self._release(each) for each in list(self._applications)]
        await asyncio.gather(*closing, return_exceptions=True)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


def _wait(closing: Future[None], timeout: float) -> None:
    try:
        closing.result(timeout)
    except FutureTimeoutError:
        closing.cancel()


def _keep_for_ever(it: object) -> None:
    """Let nothing that *it* holds ever be finalized, not even when the interpreter ends."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(it))


def _forget_in_children(portal: Portal) -> None:
    """Have *portal* forget its engine in every child that is forked, for as long as there is a portal."""
    known = weakref.ref(portal)

    def forget() -> None:
        if (mine := known()) is not None:
            mine.forget()

    os.register_at_fork(after_in_child=forget)


def _for_the_process() -> Portal:
    portal = Portal()
    atexit.register(portal.close)
    return portal


PROCESS: Final = _for_the_process()
"""The portal that all clients of a process share, unless they are given another."""
