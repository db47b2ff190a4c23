"""Node's event emitter with replay: what every object with events inherits.

The methods are those of Node's ``EventEmitter``, and so are the rules: listeners are called in the order in which
they were registered; one that is registered twice is called twice, and `off` takes back the newest registration;
who registers or goes while an event is emitted changes nothing for that emission; ``newListener`` is emitted before a
listener is registered, and ``removeListener`` after one is gone. An event nobody listens to is dropped, except
``error``: emitting that without a listener raises. Two things come on top:

* Replay, as Twilio's client has it: the arguments of the last emission of each event are kept, and only those.
* Listeners may be plain or async, and one that fails harms nobody else. An exception goes to the event loop's
  exception handler with the event's name. Async listeners become tasks of `ListenerTasks`, which belongs to the
  client: it keeps them from being collected while they run, and `Client.shutdown` ends them.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import ClassVar, Self, TypeAlias, TypeVar, overload

from twilio_compat.arguments import non_negative_integer
from twilio_compat.errors import ArgumentError, MaxListenersExceededWarning, TwilioCompatError

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
    """One call of `on` or `once`."""

    emitter: ReplayEventEmitter
    event: str
    listener: Listener
    once: bool
    spent: bool = False

    def __call__(self, *arguments: object) -> None:
        if self.spent:
            return
        if self.once:
            self.spent = True
            self.emitter._unregister(self)
        self.emitter._tasks.call(self.event, self.listener, arguments)


class ReplayEventEmitter:
    """Node's ``EventEmitter`` with the replaying additions of Twilio's client.

    Each message is one, and few are ever listened to, so what listeners need is made for the first of them.
    """

    defaultMaxListeners: ClassVar[int] = 10
    """How many listeners an event may have before a `MaxListenersExceededWarning` is given."""

    def __init__(self, tasks: ListenerTasks) -> None:
        """Run listeners through *tasks*."""
        self._tasks = tasks
        self._registered: dict[str, list[_Registration]] | None = None
        self._last: dict[str, tuple[object, ...]] | None = None
        self._max_listeners: int | None = None

    # Registering

    @overload
    def on(self, event: str) -> Callable[[ListenerT], ListenerT]: ...
    @overload
    def on(self, event: str, listener: Listener) -> Self: ...
    def on(self, event: str, listener: Listener | None = None) -> Self | Callable[[ListenerT], ListenerT]:
        """Call *listener* at each *event*. Without a listener: a decorator."""
        if listener is None:
            return self._decorator(event, self.on)
        return self._register(event, listener)

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
        return self._register(event, listener)

    def prependListener(self, event: str, listener: Listener) -> Self:
        """Do as `on` does, but call *listener* before those that are registered now."""
        return self._register(event, listener, first=True)

    def prependOnceListener(self, event: str, listener: Listener) -> Self:
        """Do as `once` does, but call *listener* before those that are registered now."""
        return self._register(event, listener, once=True, first=True)

    def onWithReplay(self, event: str, listener: Listener) -> Self:
        """Call *listener* at once with the last emission of *event*, if there was one, and at each that follows."""
        _check(listener)
        self._replay(event, listener)
        return self._register(event, listener)

    addListenerWithReplay = onWithReplay  # Twilio's name

    def onceWithReplay(self, event: str, listener: Listener) -> Self:
        """Call *listener* once: with the last emission of *event* if there was one, else at the next."""
        _check(listener)
        return self if self._replay(event, listener) else self._register(event, listener, once=True)

    # Taking back

    def off(self, event: str, listener: Listener) -> Self:
        """Take back the newest registration of *listener* for *event*; nothing happens where there is none."""
        found = (each for each in reversed(self._of(event)) if each.listener == listener)
        if (newest := next(found, None)) is not None:
            self._unregister(newest)
        return self

    def removeListener(self, event: str, listener: Listener) -> Self:
        """Do as `off` does."""
        return self.off(event, listener)

    def removeAllListeners(self, event: str | None = None) -> Self:
        """Drop the listeners of *event*, or of every event; the newest goes first."""
        names = self.eventNames() if event is None else [event]
        for name in sorted(names, key="removeListener".__eq__):  # who is told of removals goes last
            for each in reversed([*self._of(name)]):
                self._unregister(each)
        return self

    # Emitting

    def emit(self, event: str, *arguments: object) -> bool:
        """Call the listeners of *event* in order of registration; return whether there were any."""
        if self._last is None:
            self._last = {}
        self._last[event] = arguments
        if self._registered is None and event != "error":
            return False
        registered = [*self._of(event)]
        if not registered and event == "error":
            _raise(arguments[0] if arguments else None)
        for each in registered:
            each(*arguments)
        return bool(registered)

    # Asking

    def listenerCount(self, event: str, listener: Listener | None = None) -> int:
        """Return how many listeners *event* has, or how many times it has *listener*."""
        return sum(1 for each in self._of(event) if listener is None or each.listener == listener)

    def listeners(self, event: str) -> list[Listener]:
        """Return the listeners of *event*, in the order in which they are called."""
        return [each.listener for each in self._of(event)]

    def rawListeners(self, event: str) -> list[Listener]:
        """Return them as they are called: one that is called once only in a wrapper, whose ``listener`` it is."""
        return [each if each.once else each.listener for each in self._of(event)]

    def eventNames(self) -> list[str]:
        """Return the events that have listeners."""
        return [*(self._registered or ())]

    def setMaxListeners(self, n: int) -> Self:
        """Warn where an event gets more than *n* listeners; 0 never warns."""
        if not non_negative_integer.accepts(n):
            raise ArgumentError(
                f'The value of "n" is out of range. It must be a non-negative number. Received {n!r}'
            )
        self._max_listeners = n
        return self

    def getMaxListeners(self) -> int:
        """Return how many listeners an event may have before there is a warning."""
        return self.defaultMaxListeners if self._max_listeners is None else self._max_listeners

    # Within

    def _decorator(
        self, event: str, add: Callable[[str, Listener], Self]
    ) -> Callable[[ListenerT], ListenerT]:
        def register(listener: ListenerT) -> ListenerT:
            add(event, listener)
            return listener

        return register

    def _register(self, event: str, listener: Listener, *, once: bool = False, first: bool = False) -> Self:
        _check(listener)
        if self._of("newListener"):
            self.emit("newListener", event, listener)
        if self._registered is None:
            self._registered = {}
        registered = self._registered.setdefault(event, [])
        registered.insert(0 if first else len(registered), _Registration(self, event, listener, once))
        if len(registered) == self.getMaxListeners() + 1 > 1:
            text = f"{len(registered)} {event} listeners added to {self!r}; are there some that are never removed?"
            warnings.warn(text, MaxListenersExceededWarning, stacklevel=3)
        return self

    def _unregister(self, registration: _Registration) -> None:
        event, registered = registration.event, self._of(registration.event)
        if self._registered is None or registration not in registered:
            return
        registered.remove(registration)
        if not registered:
            del self._registered[event]
        if self._of("removeListener"):
            self.emit("removeListener", event, registration.listener)

    def _of(self, event: str) -> list[_Registration]:
        return [] if self._registered is None else self._registered.get(event, [])

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


def _raise(error: object) -> None:
    """Raise an ``error`` that nobody listens to."""
    if isinstance(error, BaseException):
        raise error
    raise TwilioCompatError(f"Unhandled error. ({error!r})")
