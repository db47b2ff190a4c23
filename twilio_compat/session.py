"""What the objects of one client share: who acts, through which backend, where events go, and who is followed.

Times are seconds of the event loop's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from twilio_compat.backend import Backend
from twilio_compat.cancellable import Promises
from twilio_compat.echoes import Echoes
from twilio_compat.emitter import ListenerTasks
from twilio_compat.errors import TwilioCompatError
from twilio_compat.expiry import Cancellable
from twilio_compat.guard import guarded
from twilio_compat.records import Actor
from twilio_compat.typing_throttle import TypingThrottle
from twilio_compat.users import FOLLOWED, Users

__all__ = ["Emit", "Session"]


class Emit(Protocol):
    """`ReplayEventEmitter.emit` of the client."""

    def __call__(self, event: str, *arguments: object) -> bool:
        """Emit *event* on the client."""


class Session:
    """One client's standing: not yet open, open, or ended with the error that ended it."""

    def __init__(
        self,
        listeners: ListenerTasks,
        emit: Emit,
        *,
        typing_timeout: float | None = None,
        users_followed: int = FOLLOWED,
    ) -> None:
        """Begin neither open nor ended, on the running loop.

        *listeners* run all callbacks of the client and its objects. *typing_timeout* overrides what the service says.
        """
        self.listeners = listeners
        self.emit = emit
        self._loop = asyncio.get_running_loop()
        self.echoes = Echoes(self._loop.time)
        self.typing = TypingThrottle(self._loop.time, typing_timeout)
        self.users = Users(self, users_followed)
        self._timers: set[_Timer] = set()
        self.promises = Promises()
        self.was_opened = False
        """Whether calls were let through at some time."""
        self._settled = asyncio.Event()
        self._held: tuple[Backend, Actor] | None = None
        self._deployment: Backend | None = None
        self._end: Exception | None = None
        self._trouble: Exception | None = None

    @property
    def backend(self) -> Backend:
        """What carries out calls. Raises the error that ended the session once it has ended."""
        return self._use()[0]

    @property
    def actor(self) -> Actor:
        """On whose behalf. Raises as `backend` does."""
        return self._use()[1]

    @property
    def deployment(self) -> Backend:
        """What tells the properties of the deployment, also after the end. Raises as `backend` before the start."""
        return self._deployment or self.backend

    async def ready(self) -> None:
        """Wait until the session is open. Raises the error that ended it, or that keeps it from opening."""
        await self._settled.wait()
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
        self._use()

    def act(self, backend: Backend, actor: Actor) -> None:
        """Carry out calls with *backend* on behalf of *actor* from now on."""
        self._deployment = backend
        self._held = (guarded(backend, lambda: self._end), actor)

    def renew(self, actor: Actor) -> None:
        """Carry out calls on behalf of *actor* from now on, who is the same user with another token."""
        self._held = (self.backend, actor)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Cancellable:
        """Call *callback* after *delay* seconds, unless the session has ended by then."""
        return _Timer(self._loop, delay, callback, self._timers)

    def open(self) -> None:
        """Let those through who wait in `ready`."""
        self.was_opened = True
        self._trouble = None
        self._settled.set()

    def hinder(self, error: Exception) -> None:
        """Refuse calls with *error* until the session opens: the service cannot be reached so far."""
        self._trouble = error
        self._settled.set()

    def end(self, error: Exception) -> None:
        """Refuse calls from now on, with *error*; the first end counts."""
        self._held = self._trouble = None
        self._end = self._end or error
        for timer in [*self._timers]:
            timer.cancel()
        self._settled.set()

    def _use(self) -> tuple[Backend, Actor]:
        if self._held is not None:
            return self._held
        if self._end is not None:
            raise self._end.with_traceback(None)
        raise TwilioCompatError(
            "The client is not initialized yet; await the call, or `async with Client(...)`"
        )


class _Timer:
    """A call to come, kept among the *pending* ones until it is made or called off."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        delay: float,
        callback: Callable[[], None],
        pending: set[_Timer],
    ) -> None:
        self._callback = callback
        self._pending = pending
        self._handle = loop.call_later(delay, self._ring)
        pending.add(self)

    def cancel(self) -> None:
        self._pending.discard(self)
        self._handle.cancel()

    def _ring(self) -> None:
        self._pending.discard(self)
        self._callback()
