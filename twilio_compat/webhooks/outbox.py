"""What is to be told, on its way into the store's queue.

The change that it tells of was made, and acknowledged; so that the store cannot be reached must not fail the call that
made it. Each piece of news is a *letter*, which is addressed on its way, since it takes the store to know to whom. What
cannot be put into the queue stays here, in order, and is tried again with what comes next, by the worker, and at the
end. Those who put something in at the same time share a transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from twilio_compat.account import Errand, Errands
from twilio_compat.errors import TranslationGapError, TwilioCompatError, TwilsockUpstreamError

AT_ONCE: Final = 200
"""Letters whose errands one transaction adds."""
REMEMBERED: Final = 10_000
"""Keys of what was put into the queue that are remembered, to spare the watcher the putting."""

_log = logging.getLogger(__name__)


Letter: TypeAlias = Callable[[], Awaitable[Sequence[Errand]]]
"""Returns the errands that tell a piece of news to whoever is to be told of it."""


class Outbox:
    """The errands that this process adds. *added* is called with the keys of those that are in the queue now."""

    def __init__(self, errands: Errands, added: Callable[[Sequence[str]], None]) -> None:
        """Begin empty."""
        self._errands = errands
        self._added = added
        self._waiting: list[Letter] = []
        self._flushing: asyncio.Task[None] | None = None
        self._known: OrderedDict[str, None] = OrderedDict()

    async def add(self, *letters: Letter) -> None:
        """Put news into the queue: return when it is there, or when it is clear that this must wait."""
        if letters:
            self._waiting += letters
            await self.flush()

    async def flush(self) -> None:
        """Put what waits into the queue, or as much as is taken."""
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._drain())
        flushing = self._flushing
        await asyncio.wait([flushing])
        flushing.result()

    async def close(self) -> None:
        """Put what waits into the queue, or lose it, and say so."""
        if self._waiting:
            await self.flush()
        if self._waiting:
            _log.error("Webhooks are not told of %s events, which could not be kept", len(self._waiting))

    async def _drain(self) -> None:
        try:
            while batch := self._waiting[:AT_ONCE]:
                errands = [each for letter in batch for each in await self._written(letter)]
                await self._put([each for each in errands if each.key not in self._known])
                del self._waiting[: len(batch)]
        except TwilioCompatError as error:
            _log.warning("What webhooks are to be told waits in memory, since it cannot be kept: %s", error)
        finally:
            self._flushing = None

    async def _written(self, letter: Letter) -> Sequence[Errand]:
        """Return the errands of a letter: none where it can never be addressed, such as in a service that is gone."""
        try:
            return await letter()
        except (TwilsockUpstreamError, TranslationGapError) as error:
            _log.error("Webhooks are not told of an event: %s", error)
            return []

    async def _put(self, errands: Sequence[Errand]) -> None:
        if not errands:
            return
        await self._errands.add(errands)
        keys = [each.key for each in errands]
        self._known |= dict.fromkeys(keys)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        self._added(keys)
