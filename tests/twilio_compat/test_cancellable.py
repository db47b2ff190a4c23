"""Promises: they begin at once, can be called off, and are never left behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest

from twilio_compat.cancellable import CancellablePromise, Promises
from twilio_compat.errors import PromiseCancelledError, TwilioCompatError


class Work:
    """Something that takes until `go_on` is set, and tells how it ended."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.ended: list[str] = []

    async def run(self) -> str:
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # cleaning up takes a moment
            self.ended.append("cancelled")
            raise
        self.ended.append("done")
        return "outcome"


async def fail() -> str:
    raise LookupError("no luck")


@pytest.fixture
async def work() -> Work:
    return Work()


@pytest.fixture
async def reported() -> list[dict[str, object]]:
    """What the event loop was told of failures."""
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    return told


async def test_the_work_begins_before_it_is_awaited(work: Work) -> None:
    work.go_on.set()
    promise = CancellablePromise(work.run())
    await asyncio.sleep(0)
    assert ["done"] == work.ended
    assert "outcome" == await promise


async def test_awaiting_it_again_gives_the_same_outcome(work: Work) -> None:
    work.go_on.set()
    promise = CancellablePromise(work.run())
    assert ["outcome"] * 3 == [await promise, *await asyncio.gather(promise, promise)]


async def test_a_failure_is_raised_where_it_is_awaited() -> None:
    with pytest.raises(LookupError, match="no luck"):
        await CancellablePromise(fail())


async def test_a_failure_nobody_awaits_is_reported_to_the_event_loop(
    reported: list[dict[str, object]],
) -> None:
    CancellablePromise(fail())
    await asyncio.sleep(0)
    gc.collect()
    assert ["no luck"] == [str(each["exception"]) for each in reported]


async def test_calling_it_off_stops_the_work_and_tells_whoever_awaits_it(work: Work) -> None:
    promise = CancellablePromise(work.run())
    await asyncio.sleep(0)
    assert promise is promise.cancel()
    with pytest.raises(PromiseCancelledError, match=r"^Promise was cancelled$"):
        await promise
    assert ["cancelled"] == work.ended


async def test_the_error_of_a_promise_called_off_belongs_to_the_tree() -> None:
    assert issubclass(PromiseCancelledError, TwilioCompatError)
    assert not issubclass(PromiseCancelledError, asyncio.CancelledError)


async def test_a_promise_called_off_at_once_never_begins(work: Work) -> None:
    with pytest.raises(PromiseCancelledError):
        await CancellablePromise(work.run()).cancel()
    assert [] == work.ended


async def test_a_promise_called_off_that_nobody_awaits_is_not_reported(
    work: Work, reported: list[dict[str, object]]
) -> None:
    CancellablePromise(work.run()).cancel()
    await asyncio.sleep(0)
    gc.collect()
    assert [] == reported


async def test_what_is_settled_cannot_be_called_off(work: Work) -> None:
    work.go_on.set()
    promise = CancellablePromise(work.run())
    await promise
    assert "outcome" == await promise.cancel()


async def test_a_task_that_stops_waiting_calls_it_off_for_everybody(work: Work) -> None:
    async def wait() -> str:
        return await promise

    promise = CancellablePromise(work.run())
    one, other = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    with pytest.raises(PromiseCancelledError):
        await other
    assert ["cancelled"] == work.ended


async def test_a_time_limit_calls_it_off(work: Work) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await CancellablePromise(work.run())
    assert [] == [each for each in work.ended if each == "done"]


async def test_a_task_that_survived_a_cancellation_still_tells_the_two_apart(work: Work) -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            promise = CancellablePromise(work.run()).cancel()
        try:
            return await promise
        except PromiseCancelledError:
            return "called off"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    assert "called off" == await task


@pytest.mark.parametrize(
    ("settle", "standing"),
    [
        (lambda work, promise: work.go_on.set(), "settled"),
        (lambda work, promise: promise.cancel(), "cancelled"),
    ],
)
async def test_it_tells_how_it_stands(
    work: Work, settle: Callable[[Work, CancellablePromise[str]], object], standing: str
) -> None:
    promise = CancellablePromise(work.run())
    assert "<CancellablePromise pending>" == repr(promise)
    settle(work, promise)
    await asyncio.gather(promise, return_exceptions=True)
    assert f"<CancellablePromise {standing}>" == repr(promise)


async def test_those_under_way_may_finish(work: Work) -> None:
    promises = Promises()
    promise = promises.begin(work.run())
    asyncio.get_running_loop().call_soon(work.go_on.set)
    await promises.drain(grace=5)
    assert "outcome" == await promise


async def test_those_that_take_too_long_are_called_off_and_cleaned_up(work: Work) -> None:
    promises = Promises()
    promise = promises.begin(work.run())
    await asyncio.sleep(0)
    await promises.drain(grace=0)
    assert ["cancelled"] == work.ended
    with pytest.raises(PromiseCancelledError):
        await promise


async def test_one_that_shuts_down_everything_does_not_wait_for_itself(work: Work) -> None:
    promises = Promises()

    async def shut_down() -> str:
        await promises.drain(grace=0)
        return "shut down"

    assert "shut down" == await promises.begin(shut_down())


async def test_an_owner_keeps_what_nobody_else_holds(work: Work) -> None:
    promises = Promises()
    promises.begin(work.run())
    await asyncio.sleep(0)
    gc.collect()
    work.go_on.set()
    await promises.drain(grace=5)
    assert ["done"] == work.ended
