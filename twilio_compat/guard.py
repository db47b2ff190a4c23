"""A backend for a session that may end in the middle of a call.

Shutting a client down releases connections that its own calls may be using. What they fail with then comes from deep
inside a library, says nothing to an application, and is no fault of the service. So each call of a session goes
through here: where the session has ended meanwhile, such a failure becomes the error that ended it, with the failure
as its cause. An answer of the service stays what it is: it was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

from twilio_compat.backend import Backend
from twilio_compat.errors import BackendError, ClosedError, TwilioCompatError

__all__ = ["guarded"]

Ended = Callable[[], Exception | None]
"""Returns the error that ended the session; None while it has not ended."""

_PARTS: Final = frozenset(
    {
        "conversations",
        "user_conversations",
        "participants",
        "messages",
        "users",
        "media",
        "content_templates",
        "push_registrations",
    }
)


def guarded(backend: Backend, ended: Ended) -> Backend:
    """Return *backend* for a session that has ended once *ended* returns an error."""
    return cast("Backend", _Guarded(backend, ended))


class _Guarded:
    """A backend whose parts are guarded."""

    def __init__(self, backend: Backend, ended: Ended) -> None:
        self._backend = backend
        self._parts = {name: _Part(getattr(backend, name), ended) for name in _PARTS}

    def __getattr__(self, name: str) -> object:
        return self._parts.get(name) or getattr(self._backend, name)


class _Part:
    """A part of a backend whose calls are guarded."""

    def __init__(self, part: object, ended: Ended) -> None:
        self._part = part
        self._ended = ended

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        method = getattr(self._part, name)

        async def call(*args: object, **kwargs: object) -> object:
            try:
                return await method(*args, **kwargs)
            except (Exception, asyncio.CancelledError) as error:
                if (end := self._ended()) is None or not _is_collapse(error):
                    raise
                raise end.with_traceback(None) from error

        setattr(self, name, call)  # found without this method from now on
        return call


def _is_collapse(error: BaseException) -> bool:
    """Tell whether a call did not get to an answer, other than by its caller's wish."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() == 0
    return isinstance(error, BackendError | ClosedError) or not isinstance(error, TwilioCompatError)
