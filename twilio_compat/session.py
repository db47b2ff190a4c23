"""What the objects of one client share: who acts, through which backend, and where events go."""

from __future__ import annotations

import asyncio
from typing import Protocol

from twilio_compat.backend import Backend
from twilio_compat.cancellable import Promises
from twilio_compat.echoes import Echoes
from twilio_compat.emitter import ListenerTasks
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import Actor

__all__ = ["Emit", "Session"]


class Emit(Protocol):
    """`ReplayEventEmitter.emit` of the client."""

    def __call__(self, event: str, *arguments: object) -> bool:
        """Emit *event* on the client."""


class Session:
    """One client's standing: not yet open, open, or ended with the error that ended it."""

    def __init__(self, listeners: ListenerTasks, emit: Emit) -> None:
        """Begin neither open nor ended. *listeners* run all callbacks of the client and its objects."""
        self.listeners = listeners
        self.emit = emit
        self.echoes = Echoes()
        self.promises = Promises()
        self._settled = asyncio.Event()
        self._held: tuple[Backend, Actor] | None = None
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

    async def ready(self) -> None:
        """Wait until the session is open. Raises the error that ended it, or that keeps it from opening."""
        await self._settled.wait()
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
        self._use()

    def act(self, backend: Backend, actor: Actor) -> None:
        """Carry out calls with *backend* on behalf of *actor* from now on."""
        self._held = (backend, actor)

    def open(self) -> None:
        """Let those through who wait in `ready`."""
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
        self._settled.set()

    def _use(self) -> tuple[Backend, Actor]:
        if self._held is not None:
            return self._held
        if self._end is not None:
            raise self._end.with_traceback(None)
        raise TwilioCompatError(
            "The client is not initialized yet; await the call, or `async with Client(...)`"
        )
