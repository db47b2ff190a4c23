"""What goes on in the background of a backend: one task, which looks after everything that nobody calls for.

Theory of operation
-------------------
Every few seconds the worker makes a round, in each process that changes or follows anything.

- Where webhooks are told, or something is left in the queue, one process is wanted for what takes only one: to watch
  (`twilio_compat.webhooks.watcher`), to tell again what could not be told, and to tell what others have left. It is the
  one with the lease, which it keeps from round to round. When it ends it gives the lease back; when it dies, the lease
  ends after `LEASE` seconds, and the next round of another process takes it.
- Conversations whose timers have run out are moved on: those of the services that this process uses, or all that may
  have webhooks if it has the lease. Several that ask are told of each move once, and it costs a look at an index.
- What could not be put into the queue is tried again.

So nothing that is acknowledged depends on one process, and without webhooks a round is a few small queries.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from twilio_compat.account import AccountBackend
from twilio_compat.errors import ClosedError, TwilioCompatError
from twilio_compat.waiting import first
from twilio_compat.webhooks import events
from twilio_compat.webhooks import news as writing
from twilio_compat.webhooks.courier import Courier
from twilio_compat.webhooks.desk import Desk
from twilio_compat.webhooks.outbox import Outbox
from twilio_compat.webhooks.watcher import Watcher

ROUND: Final = 5.0
"""Seconds between two rounds."""
FIRST_ROUND: Final = 1.0
"""Seconds before the first one, which a script that does one thing and ends can do without."""
LEASE: Final = 15.0
"""Seconds for which the lease runs on after a round."""
GOODBYE: Final = 2.0
"""Seconds that closing waits for a round."""
LEASE_NAME: Final = "webhooks"

_WATCHED: Final = (
    events.MESSAGE_ADDED,
    events.MESSAGE_UPDATED,
    events.MESSAGE_REMOVED,
    events.PARTICIPANT_ADDED,
    events.PARTICIPANT_REMOVED,
    events.CONVERSATION_UPDATED,
    events.CONVERSATION_REMOVED,
)
"""What others may have brought about who tell nobody."""

Served: TypeAlias = tuple[AccountBackend, Desk]
"""A service, and its desk."""


class Territory(Protocol):
    """What there is to look after."""

    async def is_wanted(self) -> bool:
        """Say whether there is anything that takes one process: webhooks that are told, or calls to be made."""

    async def services(self) -> Sequence[Served]:
        """Return all services that may have webhooks."""

    async def opened(self) -> Sequence[Served]:
        """Return the services that this process uses."""


_log = logging.getLogger(__name__)


class Worker:
    """Makes the rounds. Belongs to the event loop in which it is started."""

    def __init__(
        self,
        root: AccountBackend,
        territory: Territory,
        outbox: Outbox,
        courier: Courier,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        sleep: Callable[[float], Coroutine[None, None, None]],
    ) -> None:
        """Rest until it is started; *root* is the backend of the default service, where nobody is told."""
        self._root = root
        self._territory = territory
        self._outbox = outbox
        self._courier = courier
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._name = uuid.uuid4().hex
        self._task: asyncio.Task[None] | None = None
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._has_lease = False
        self._called = asyncio.Event()
        self._is_closed = False

    def start(self) -> None:
        """Begin to make rounds; once more does nothing."""
        if self._task is None and not self._is_closed:
            self._task = asyncio.create_task(self._run())

    def call(self) -> None:
        """Make a round now: what is configured has changed."""
        self.start()
        self._called.set()

    async def close(self) -> None:
        """Stop, after the round that is under way, and give the lease back. Safe to call twice."""
        self._is_closed = True
        self._called.set()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait([task], timeout=GOODBYE)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._stop_watching(set())
        await self._release()

    # A round

    async def _run(self) -> None:
        await first(self._sleep(FIRST_ROUND), self._called.wait())
        while not self._is_closed:
            self._called.clear()
            try:
                await self._round()
            except ClosedError:
                return
            except TwilioCompatError as error:
                _log.warning("Webhooks and timers are not looked after for now: %s", error)
            if not self._is_closed:
                await first(self._sleep(ROUND), self._called.wait())

    async def _round(self) -> None:
        await self._take_turn(await self._territory.is_wanted())
        opened = {backend.service_sid: (backend, desk) for backend, desk in await self._territory.opened()}
        services = await self._territory.services() if self._has_lease else []
        watched = [(backend, desk) for backend, desk in services if await _is_watched(desk)]
        await self._watch(watched)
        for backend, desk in (opened | {each[0].service_sid: each for each in services}).values():
            await self._move_on(backend, desk)
        await self._outbox.flush()

    async def _take_turn(self, is_wanted: bool) -> None:
        if is_wanted:
            self._has_lease = await self._root.leases.hold(LEASE_NAME, self._name, seconds=LEASE)
        else:
            await self._release()
        self._courier.minds_all = self._has_lease
        if self._has_lease:
            self._courier.wake()

    async def _move_on(self, backend: AccountBackend, desk: Desk) -> None:
        moves = await backend.conversations.move_due()
        await desk.announce([writing.state_updated(each) for each in moves], source=None)

    async def _release(self) -> None:
        if not self._has_lease:
            return
        self._has_lease = False
        try:
            await self._root.leases.release(LEASE_NAME, self._name)
        except TwilioCompatError as error:
            _log.warning("Other processes tell webhooks only once the lease of this one has ended: %s", error)

    # Watching

    async def _watch(self, services: Sequence[tuple[AccountBackend, Desk]]) -> None:
        await self._stop_watching({backend.service_sid for backend, _ in services})
        for backend, desk in services:
            if backend.service_sid not in self._watching:
                watcher = Watcher(backend, desk, now=self._now, clock=self._clock, sleep=self._sleep)
                self._watching[backend.service_sid] = asyncio.create_task(_kept(watcher))

    async def _stop_watching(self, but: set[str]) -> None:
        """Stop to watch all services *but* these, and forget whoever has stopped by itself."""
        for sid, task in list(self._watching.items()):
            if sid not in but or task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._watching[sid]


async def _kept(watcher: Watcher) -> None:
    """Watch until it fails, and say so; the next round begins anew."""
    try:
        await watcher.run()
    except* TwilioCompatError as errors:
        for error in errors.exceptions:
            _log.warning("What native clients do is not told to webhooks for now: %s", error)


async def _is_watched(desk: Desk) -> bool:
    hooks = await desk.switchboard.hooks()
    return any(hooks.may_tell(each) for each in _WATCHED)
