"""What a backend does after its caller has gone on: by tasks that nobody waits for, but for the end.

Each errand has a key, and one with a key is out at a time. Of several that wait behind it the last counts: it says
what is true now. Closing the backend lets those that are left finish, within a few seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable

from acs_backend.errors import Subject, translated
from twilio_compat.errors import TwilioCompatError

LONGEST_GOODBYE = 5.0
"""Seconds that closing waits for what is under way."""

_log = logging.getLogger(__name__)


class Errands:
    """The errands of one kind. *what* names one of them in warnings, where it fails."""

    def __init__(self, what: str, subject: Subject) -> None:
        """Have none; *subject* is what they are about, for the words of an error."""
        self._what = what
        self._subject = subject
        self._waiting: dict[Hashable, Callable[[], Awaitable[object]]] = {}
        self._out: dict[Hashable, asyncio.Task[None]] = {}

    def run(self, key: Hashable, errand: Callable[[], Awaitable[object]]) -> None:
        """Do it in the background; returns at once."""
        self._waiting[key] = errand
        if key not in self._out:
            self._out[key] = asyncio.create_task(self._run_all(key))

    def call_off(self, key: Hashable) -> None:
        """Do not do what has not begun yet."""
        self._waiting.pop(key, None)

    async def close(self) -> None:
        """Finish. Safe to call twice."""
        tasks = list(self._out.values())
        if not tasks:
            return
        _, unfinished = await asyncio.wait(tasks, timeout=LONGEST_GOODBYE)
        for each in unfinished:
            each.cancel()
        if unfinished:
            _log.warning("%s (%s times) was given up at closing", self._what, len(unfinished))
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_all(self, key: Hashable) -> None:
        try:
            while errand := self._waiting.pop(key, None):
                await self._run(errand)
        finally:
            del self._out[key]

    async def _run(self, errand: Callable[[], Awaitable[object]]) -> None:
        try:
            with translated(self._subject):
                await errand()
        except TwilioCompatError as error:
            _log.warning("%s failed: %s", self._what, error)
