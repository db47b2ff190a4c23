"""A flag of an OpenFeature provider.

The flag is called `KEY`; its value is the name of a stage, so give it a variant per stage. It is evaluated with the
target's key as targeting key, and with the attributes ``conversation_sid``, ``service``, ``unique_name`` and ``creator``
where they are known. What is no stage, and what the provider reports as an error, stands for None: stay.

Theory of operation
-------------------
Calls of an application wait for a flag at times, so a provider must never hold them up. An evaluation is a task of its
own, and is waited for `TIMEOUT` seconds at most. One that takes longer goes on, and what it says in the end is remembered;
whoever asks meanwhile, about whatever conversation, is told at once what the provider last said about that one, or None.
While the provider is overdue in this way no evaluation is begun; if nothing has come of the last one after `GIVEN_UP`
seconds it is cancelled, and the next question begins another, which nobody waits for, and which has twice as long.

Most providers are written for threads, and would hold up the event loop if they were asked in it. Those are asked in a
thread, which is a daemon: a provider that never answers does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Final, TypeVar

from twilio_compat.errors import ConfigurationError
from twilio_compat.rollout.staging.stages import Stage
from twilio_compat.rollout.staging.target import Target

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import FlagEvaluationDetails

KEY: Final = "twilio-compat.stage"
"""What the flag is called."""
TIMEOUT: Final = 0.25
"""Seconds that an evaluation is waited for."""
GIVEN_UP: Final = 10.0
"""Seconds after which an evaluation that does not end is cancelled; twice as many for each next one in turn."""
LONGEST: Final = 640.0
"""Seconds after which it is cancelled at the latest."""
REMEMBERED: Final = 10_000
"""Conversations whose last value is remembered."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class OpenFeatureFlag:
    """The flag of the provider that the application has set. Belongs to the event loop in which it is first used."""

    def __init__(
        self,
        client: OpenFeatureClient | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep,
    ) -> None:
        """Ask *client*, or one of the default domain. `ConfigurationError` where the SDK is not installed."""
        self._client = client or _default_client()
        self._clock = clock
        self._sleep = sleep
        self._last: OrderedDict[str, Stage] = OrderedDict()
        self._running: dict[str, asyncio.Task[Stage | None]] = {}
        self._overdue: asyncio.Task[Stage | None] | None = None
        self._overdue_until = 0.0
        self._patience = GIVEN_UP
        self._reported: set[str] = set()

    async def stage(self, target: Target) -> Stage | None:
        """Return what the provider says, or, when it does not answer in time, what it said last."""
        key = target.targeting_key
        if self._overdue is not None:
            self._try_again(target)
            return self._last.get(key)
        task = self._running.get(key) or self._begin(target)
        if not await self._in_time(task):
            self._is_overdue(task)
            return self._last.get(key)
        return task.result()

    async def close(self) -> None:
        """Wait for nothing any more."""
        running = [*self._running.values()]
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _in_time(self, task: asyncio.Task[Stage | None]) -> bool:
        timer = asyncio.ensure_future(self._sleep(TIMEOUT))
        try:
            await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return task.done() and not task.cancelled()

    def _is_overdue(self, task: asyncio.Task[Stage | None]) -> None:
        if self._overdue is None and not task.done():
            _log.warning("The flag %s was not evaluated within %s s; its last values hold", KEY, TIMEOUT)
            self._wait_for(task)

    def _try_again(self, target: Target) -> None:
        """Give up what is overdue for too long, and begin another in its place."""
        if self._overdue is not None and self._clock() >= self._overdue_until:
            self._overdue.cancel()
            self._wait_for(self._begin(target))

    def _wait_for(self, task: asyncio.Task[Stage | None]) -> None:
        self._overdue, self._overdue_until = task, self._clock() + self._patience
        self._patience = min(2 * self._patience, LONGEST)

    def _begin(self, target: Target) -> asyncio.Task[Stage | None]:
        key = target.targeting_key
        task = asyncio.ensure_future(self._evaluate(target))
        self._running[key] = task
        task.add_done_callback(lambda _: self._ended(key, task))
        return task

    def _ended(self, key: str, task: asyncio.Task[Stage | None]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            self._overdue, self._patience = None, GIVEN_UP

    async def _evaluate(self, target: Target) -> Stage | None:
        try:
            details = await self._details(_context(target))
        except Exception as error:  # noqa: BLE001  # a hook of the application may raise anything
            _raise_if_cancelled(error)
            self._report(f"The flag {KEY} could not be evaluated: {error!r}")
            return None
        if details.error_code is not None:
            self._report(f"The flag {KEY} could not be evaluated: {details.error_code}")
            return None
        return self._read(target.targeting_key, details.value)

    async def _details(self, context: EvaluationContext) -> FlagEvaluationDetails[str]:
        if _is_async(self._client):
            return await self._client.get_string_details_async(KEY, "", context)
        return await _in_daemon(lambda: self._client.get_string_details(KEY, "", context))

    def _read(self, key: str, value: str) -> Stage | None:
        try:
            stage = Stage(value)
        except ValueError:
            self._report(f"The flag {KEY} is {value!r}, which is no stage: {', '.join(Stage)}")
            return None
        self._last[key] = stage
        self._last.move_to_end(key)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return stage

    def _report(self, text: str) -> None:
        """Log it once: calls come by the thousand."""
        if text not in self._reported and len(self._reported) < 100:
            self._reported.add(text)
            _log.warning("%s; conversations stay where they are", text)


def _default_client() -> OpenFeatureClient:
    try:
        from openfeature import api
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "The flag service needs the OpenFeature SDK; pip install 'twilio-acs-compat[rollout]'"
        ) from error
    return api.get_client()


def _context(target: Target) -> EvaluationContext:
    from openfeature.evaluation_context import EvaluationContext

    known = {
        "conversation_sid": target.conversation_sid,
        "service": target.service,
        "unique_name": target.unique_name,
        "creator": target.creator,
    }
    attributes = {name: value for name, value in known.items() if value is not None}
    return EvaluationContext(targeting_key=target.targeting_key, attributes=attributes)


def _is_async(client: OpenFeatureClient) -> bool:
    """Say whether the provider does more in its coroutine than to call its function."""
    from openfeature.provider import AbstractProvider

    own = type(client.provider).resolve_string_details_async
    return own is not AbstractProvider.resolve_string_details_async


def _raise_if_cancelled(error: Exception) -> None:
    """Raise the cancellation that the SDK has made *error* of, if there was one."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


async def _in_daemon(function: Callable[[], T]) -> T:
    """Run *function* in a thread that nobody waits for at the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    run = copy_context().run

    def tell(action: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if future.done() else action())

    def work() -> None:
        try:
            result = run(function)
        except Exception as error:  # noqa: BLE001  # whoever waits is told
            reason = error
            tell(lambda: future.set_exception(reason))
        else:
            tell(lambda: future.set_result(result))

    threading.Thread(target=work, name="twilio-compat-flag", daemon=True).start()
    return await future
