"""Delivering what is in the queue, each line in its order and many lines at once.

Every process delivers what it has put into the queue itself, right away; so nobody waits for another process, and a
script that lives for a second tells its own news. The one process that holds the lease (`twilio_compat.webhooks.worker`)
sees to everything else as well: what is to be tried again, and what others have left. The queue gives a line to one
process at a time, so that two of them at work keep the order, and tell nothing twice.

What is told is told at least once: a process that dies between the answer and the note that it came leaves it to the
next. The idempotency token of both calls is the same.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from twilio_compat.account import Errands, TakenErrand
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import JSONObject, JSONValue
from twilio_compat.waiting import first
from twilio_compat.webhooks import attempts
from twilio_compat.webhooks.answers import Answer
from twilio_compat.webhooks.caller import Caller, NoAnswerError
from twilio_compat.webhooks.news import QUEUE, SILENT
from twilio_compat.webhooks.requests import Signer, WebhookCall, request
from twilio_compat.webhooks.targets import Target

AT_ONCE: Final = 16
"""Calls under way at a time."""
HOLD: Final = 30.0
"""Seconds for which a line is held while it is told: much longer than a webhook may take to answer."""
LOOK_EVERY: Final = 0.5
"""Seconds between two looks for what others have put into the queue."""
LONGEST_PAUSE: Final = 30.0
"""Seconds between two looks at a store that fails, at most."""
GOODBYE: Final = 2.0
"""Seconds that closing leaves for what this process has put into the queue."""

Find: TypeAlias = Callable[[str, str, str | None], Awaitable[Target | None]]
"""Returns how a target of a service, by its name, and of a conversation perhaps, is configured now."""

_log = logging.getLogger(__name__)


class Courier:
    """Takes from the queue and calls webhooks."""

    def __init__(
        self,
        errands: Errands,
        caller: Caller,
        signer: Signer | None,
        find: Find,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Coroutine[None, None, None]],
        chance: Callable[[], float],
    ) -> None:
        """Rest until there is something to deliver. *chance* is random, from 0 to 1.

        Without a *signer* everything is left to other processes.
        """
        self.minds_all = False
        """Whether to look for what others have put into the queue, too."""
        self._errands = errands
        self._caller = caller
        self._signer = signer
        self._find = find
        self._now = now
        self._sleep = sleep
        self._chance = chance
        self._own: set[str] = set()
        """Keys of what this process put into the queue and has not tried yet."""
        self._under_way: set[asyncio.Task[None]] = set()
        self._work: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._is_closing = False

    def wake(self, keys: Sequence[str] = ()) -> None:
        """Look at the queue now; *keys* are what this process has put into it."""
        self._own.update(keys)
        self._woken.set()
        if self._work is None and not self._is_closing:
            self._work = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Deliver what this process has put into the queue, within `GOODBYE`, and stop. Safe to call twice."""
        self._is_closing = True
        self._woken.set()
        work, self._work = self._work, None
        if work is None:
            return
        await asyncio.wait([work], timeout=GOODBYE)
        left = [work, *self._under_way]
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    # Working

    async def _run(self) -> None:
        failures = 0
        while True:
            self._woken.clear()
            try:
                is_idle = await self._take()
                failures = 0
            except TwilioCompatError as error:
                _log.warning("The queue of webhooks cannot be read: %s", error)
                is_idle, failures = True, failures + 1
            if self._is_closing and not self._under_way and (is_idle or not self._own):
                return
            if is_idle:
                await self._rest(failures)

    async def _take(self) -> bool:
        """Set out with what can be taken; say whether there is no more for now."""
        free = AT_ONCE - len(self._under_way)
        if free == 0 or self._signer is None or (self._is_closing and not self._own):
            return True
        own = frozenset(self._own)
        taken = await self._errands.take(QUEUE, limit=free, hold=HOLD)
        for each in taken:
            task = asyncio.create_task(self._deliver(each))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        if not taken and not self._under_way:
            self._own -= own  # others have taken it
        return not taken

    async def _rest(self, failures: int) -> None:
        if failures:
            pause = min(LONGEST_PAUSE, 2.0 ** min(failures - 1, 10))
        else:
            pause = LOOK_EVERY if self.minds_all else math.inf
        if math.isinf(pause):
            await self._woken.wait()
        else:
            await first(self._sleep(pause), self._woken.wait())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A webhook was not told, because of a fault in this library", exc_info=error)

    # One delivery

    async def _deliver(self, taken: TakenErrand) -> None:
        try:
            await self._tell(taken)
        except TwilioCompatError as error:
            _log.warning("What became of the webhook %s could not be noted: %s", taken.errand.key, error)
        finally:
            self._own.discard(taken.errand.key)

    async def _tell(self, taken: TakenErrand) -> None:
        assert self._signer is not None, "nothing is taken without it"
        if taken.errand.content.get(SILENT):
            await self._errands.done(taken.errand_id)
            return
        try:
            call = await self._call(taken)
            answer = await self._caller.call(request(call, self._signer, retries=taken.attempts))
        except NoAnswerError as error:
            await self._fail(taken, str(error))
        except ValueError as error:
            await self._give_up(taken, str(error))
        else:
            await self._note(taken, answer)

    async def _note(self, taken: TakenErrand, answer: Answer) -> None:
        if answer.is_success:
            await self._errands.done(taken.errand_id)
        elif attempts.is_final(answer.status):
            await self._give_up(taken, f"HTTP {answer.status}")
        else:
            await self._fail(taken, f"HTTP {answer.status}")

    async def _fail(self, taken: TakenErrand, error: str) -> None:
        since = _since(taken.errand.content) or taken.errand.due
        at = attempts.next_attempt(taken.attempts + 1, since=since, now=self._now(), chance=self._chance())
        if at is None:
            await self._give_up(taken, error)
        else:
            await self._errands.retry(taken.errand_id, at=at, error=error)

    async def _give_up(self, taken: TakenErrand, error: str) -> None:
        _log.warning("The webhook %s is given up: %s", taken.errand.key, error)
        await self._errands.bury(taken.errand_id, error=error)

    async def _call(self, taken: TakenErrand) -> WebhookCall:
        """Return the call that is to be made: to where the target is now, if it still is."""
        content = taken.errand.content
        target = await self._find(_text(content, "service"), _text(content, "target"), _conversation(content))
        return WebhookCall(
            url=target.url if target else _text(content, "url"),
            method=target.method if target else _text(content, "method"),
            key=taken.errand.key,
            parameters=_texts(content.get("parameters")),
        )


def _text(content: JSONObject, name: str) -> str:
    return str(content.get(name, ""))


def _texts(value: JSONValue) -> dict[str, str]:
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _conversation(content: JSONObject) -> str | None:
    sid = content.get("conversation")
    return sid if isinstance(sid, str) else None


def _since(content: JSONObject) -> datetime | None:
    since = content.get("since")
    return datetime.fromisoformat(since) if isinstance(since, str) else None
