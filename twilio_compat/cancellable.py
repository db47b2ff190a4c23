"""Calls under way that can be called off: Twilio's ``CancellablePromise``, over an asyncio task.

Theory of operation
-------------------
As in JavaScript, the work begins when the call is made and not when it is awaited, and goes on whether or not
anybody awaits it. What asyncio adds is an owner: each promise is begun by the `Promises` of its client, which keeps
it until it is settled, so that it can be neither collected half way nor left behind: `Client.shutdown` waits a
moment for those under way and calls off the rest. A failure that nobody has awaited when its promise is dropped goes
to the event loop's exception handler, as an unhandled rejection does in JavaScript.

There are two ways to call it off, and they differ in what the one who waits gets:

* `CancellablePromise.cancel`: whoever awaits it gets a `PromiseCancelledError`, an error like any other;
* cancelling a task that awaits it (``asyncio.timeout``, a task group that fails): that task gets asyncio's
  `CancelledError`, as everywhere, and anybody else who awaits the promise a `PromiseCancelledError`.

Either way the work itself sees a cancellation: it stops where it is, and cleans up before the waiting ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Generic, Self, TypeVar

from twilio_compat.errors import PromiseCancelledError

__all__ = ["CancellablePromise", "Promises"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class CancellablePromise(Awaitable[T_co], Generic[T_co]):
    """The outcome of a call that has begun. Awaiting it more than once gives the same outcome.

    Twilio's is made with an executor; this one with a coroutine. Applications get theirs from the calls they make.
    """

    def __init__(self, work: Coroutine[object, object, T_co]) -> None:
        """Begin *work*, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(work)

    def __await__(self) -> Generator[object, None, T_co]:
        """Wait for the outcome. Raises `PromiseCancelledError` where it was called off."""
        return self._outcome().__await__()

    def __repr__(self) -> str:
        """Tell how it stands."""
        return f"<CancellablePromise {self._standing()}>"

    def cancel(self) -> Self:
        """Call it off. One that is settled stays as it is; what has reached the service is not undone."""
        self._task.cancel()
        return self

    async def _outcome(self) -> T_co:
        waiting = asyncio.current_task()
        before = waiting.cancelling() if waiting is not None else 0
        try:
            return await self._task
        except asyncio.CancelledError:
            if waiting is not None and waiting.cancelling() > before:
                raise
            raise PromiseCancelledError from None

    def _standing(self) -> str:
        if not self._task.done():
            return "pending"
        if self._task.cancelled():
            return "cancelled"
        return "settled"


class Promises:
    """The promises of one client that are not settled yet."""

    def __init__(self) -> None:
        """Begin with none."""
        self._pending: set[asyncio.Task[object]] = set()

    def begin(self, work: Coroutine[object, object, T]) -> CancellablePromise[T]:
        """Begin *work*, and own it until it is settled."""
        promise = CancellablePromise(work)
        task: asyncio.Task[object] = promise._task
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return promise

    async def drain(self, grace: float) -> None:
        """Wait up to *grace* seconds for those under way, then call off the rest. From within one, but for itself."""
        if others := self._pending - {asyncio.current_task()}:
            _, late = await asyncio.wait(others, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
