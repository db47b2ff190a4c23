"""Node's event emitter with replay, over pyee: what every object with events inherits.

pyee keeps the listeners and calls them. Three things come on top:

* Node's rules where pyee's differ: a listener registered twice is called twice, `off` takes back the newest
  registration, and `on` returns the emitter so that calls can be chained.
* Replay, as Twilio's client has it: the arguments of the last emission of each event are kept, and only those.
* Listeners may be plain or async, and one that fails harms nobody else. An exception goes to the event loop's
  exception handler with the event's name. Async listeners become tasks of `ListenerTasks`, which belongs to the
  client: it keeps them from being collected while they run, and `Client.shutdown` ends them.

An event nobody listens to is dropped, except ``error``: as in Node, emitting that without a listener raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Self, TypeAlias, TypeVar, overload

from pyee.base import EventEmitter

from twilio_compat.errors import ArgumentError

__all__ = ["Listener", "ListenerTasks", "ReplayEventEmitter"]

Listener: TypeAlias = Callable[..., object]
"""A plain or async function; it is called with what the event carries."""

ListenerT = TypeVar("ListenerT", bound=Listener)


class ListenerTasks:
    """The listeners of one client at work: it calls them, and owns those that are async until they end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run async listeners on *loop*."""
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()

    def call(self, event: str, listener: Listener, arguments: tuple[object, ...]) -> None:
        """Call *listener*; where it is async, start it."""
        try:
            outcome = listener(*arguments)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # handed to the loop's handler
            self._report(event, listener, error)  # a cancellation is the listener's: nothing was awaited here
        else:
            if isawaitable(outcome):
                self._start(event, listener, outcome)

    def _start(self, event: str, listener: Listener, outcome: Awaitable[object]) -> None:
        task = self._loop.create_task(self._finish(event, listener, outcome), name=f"listener of {event!r}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, event: str, listener: Listener, outcome: Awaitable[object]) -> None:
        try:
            await outcome
        except Exception as error:  # noqa: BLE001  # as in `call`
            self._report(event, listener, error)

    def _report(self, event: str, listener: Listener, error: BaseException) -> None:
        self._loop.call_exception_handler(
            {
                "message": f"Exception in a listener of the event {event!r}",
                "exception": error,
                "event": event,
                "listener": listener,
            }
        )

    async def drain(self, grace: float) -> None:
        """Wait up to *grace* seconds for running listeners, then cancel the rest.

        The listener that calls this, if one does, is left to finish by itself.
        """
        if others := self._tasks - {asyncio.current_task()}:
            _, late = await asyncio.wait(others, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


@dataclass(eq=False, slots=True)
class _Registration:
    """One call of `on` or `once`: pyee's listener, so that the same function can be registered twice."""

    emitter: ReplayEventEmitter
    event: str
    listener: Listener
    once: bool

    def __call__(self, *arguments: object) -> None:
        if self.once:
            self.emitter._unregister(self)
        self.emitter._tasks.call(self.event, self.listener, arguments)


class ReplayEventEmitter:
    """Node's ``EventEmitter`` with the replaying additions of Twilio's client.

    Each message is one, and few are ever listened to, so what listeners need is made for the first of them.
    """

    def __init__(self, tasks: ListenerTasks) -> None:
        """Run listeners through *tasks*."""
        self._tasks = tasks
        self._registrations: EventEmitter | None = None
        self._last: dict[str, tuple[object, ...]] | None = None

    @overload
    def on(self, event: str) -> Callable[[ListenerT], ListenerT]: ...
    @overload
    def on(self, event: str, listener: Listener) -> Self: ...
    def on(self, event: str, listener: Listener | None = None) -> Self | Callable[[ListenerT], ListenerT]:
        """Call *listener* at each *event*. Without a listener: a decorator."""
        if listener is None:
            return self._decorator(event, self.on)
        return self._register(event, listener, once=False)

    @overload
    def once(self, event: str) -> Callable[[ListenerT], ListenerT]: ...
    @overload
    def once(self, event: str, listener: Listener) -> Self: ...
    def once(self, event: str, listener: Listener | None = None) -> Self | Callable[[ListenerT], ListenerT]:
        """Call *listener* at the next *event* only. Without a listener: a decorator."""
        if listener is None:
            return self._decorator(event, self.once)
        return self._register(event, listener, once=True)

    def addListener(self, event: str, listener: Listener) -> Self:
        """Do as `on` does."""
        return self._register(event, listener, once=False)

    def onWithReplay(self, event: str, listener: Listener) -> Self:
        """Call *listener* at once with the last emission of *event*, if there was one, and at each that follows."""
        _check(listener)
        self._replay(event, listener)
        return self._register(event, listener, once=False)

    addListenerWithReplay = onWithReplay  # Twilio's name

    def onceWithReplay(self, event: str, listener: Listener) -> Self:
        """Call *listener* once: with the last emission of *event* if there was one, else at the next."""
        _check(listener)
        return self if self._replay(event, listener) else self._register(event, listener, once=True)

    def off(self, event: str, listener: Listener) -> Self:
        """Take back the newest registration of *listener* for *event*; nothing happens where there is none."""
        found = (each for each in reversed(self._registered(event)) if each.listener == listener)
        if (newest := next(found, None)) is not None:
            self._unregister(newest)
        return self

    def removeListener(self, event: str, listener: Listener) -> Self:
        """Do as `off` does."""
        return self.off(event, listener)

    def removeAllListeners(self, event: str | None = None) -> Self:
        """Drop the listeners of *event*, or of every event."""
        if self._registrations is not None:
            self._registrations.remove_all_listeners(event)
        return self

    def emit(self, event: str, *arguments: object) -> bool:
        """Call the listeners of *event* in order of registration; return whether there were any."""
        if self._last is None:
            self._last = {}
        self._last[event] = arguments
        if self._registrations is None and event != "error":
            return False
        return self._made().emit(event, *arguments)

    def listenerCount(self, event: str) -> int:
        """Return how many listeners *event* has."""
        return len(self._registered(event))

    def listeners(self, event: str) -> list[Listener]:
        """Return the listeners of *event*, oldest first."""
        return [each.listener for each in self._registered(event)]

    def _decorator(
        self, event: str, add: Callable[[str, Listener], Self]
    ) -> Callable[[ListenerT], ListenerT]:
        def register(listener: ListenerT) -> ListenerT:
            add(event, listener)
            return listener

        return register

    def _register(self, event: str, listener: Listener, *, once: bool) -> Self:
        _check(listener)
        self._made().add_listener(event, _Registration(self, event, listener, once))
        return self

    def _made(self) -> EventEmitter:
        if self._registrations is None:
            self._registrations = EventEmitter()
        return self._registrations

    def _registered(self, event: str) -> list[_Registration]:
        if self._registrations is None:
            return []
        return [each for each in self._registrations.listeners(event) if isinstance(each, _Registration)]

    def _unregister(self, registration: _Registration) -> None:
        if registration in self._registered(registration.event):
            self._made().remove_listener(registration.event, registration)

    def _replay(self, event: str, listener: Listener) -> bool:
        if self._last is None or event not in self._last:
            return False
        self._tasks.call(event, listener, self._last[event])
        return True


def _check(listener: Listener) -> None:
    """Refuse what cannot be called, as Node does, rather than at each emission."""
    if not callable(listener):
        given = type(listener).__name__
        raise ArgumentError(f'The "listener" argument must be of type Function. Received type {given}')
