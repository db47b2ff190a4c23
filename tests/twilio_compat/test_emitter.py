"""Node's emitter rules, replay, and listeners that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.journal import settle
from twilio_compat.emitter import ListenerTasks, ReplayEventEmitter
from twilio_compat.errors import ArgumentError, MaxListenersExceededWarning, TwilioCompatError


@pytest.fixture
async def tasks() -> ListenerTasks:
    return ListenerTasks(asyncio.get_running_loop())


@pytest.fixture
async def emitter(tasks: ListenerTasks) -> ReplayEventEmitter:
    return ReplayEventEmitter(tasks)


@pytest.fixture
async def reports() -> list[dict[str, Any]]:
    """What reaches the loop's exception handler."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: found.append(context))
    return found


async def test_listeners_are_called_in_order_of_registration(emitter: ReplayEventEmitter) -> None:
    heard: list[str] = []
    emitter.on("x", lambda: heard.append("first")).addListener("x", lambda: heard.append("second"))
    assert emitter.emit("x")
    assert ["first", "second"] == heard


async def test_an_event_nobody_listens_to_is_dropped(emitter: ReplayEventEmitter) -> None:
    assert not emitter.emit("anything at all", 1)


async def test_on_is_a_decorator_too(emitter: ReplayEventEmitter) -> None:
    heard: list[int] = []

    @emitter.on("x")
    def listen(number: int) -> None:
        heard.append(number)

    @emitter.once("x")
    def listen_once(number: int) -> None:
        heard.append(-number)

    emitter.emit("x", 1)
    emitter.emit("x", 2)
    listen(3)
    assert [1, -1, 2, 3] == heard


async def test_a_listener_registered_twice_is_called_twice_and_taken_back_one_by_one(
    emitter: ReplayEventEmitter,
) -> None:
    heard: list[int] = []
    emitter.on("x", heard.append).on("x", heard.append)
    emitter.emit("x", 1)
    emitter.off("x", heard.append)
    emitter.emit("x", 2)
    emitter.removeListener("x", heard.append)
    emitter.emit("x", 3)
    assert [1, 1, 2] == heard


async def test_taking_back_what_was_never_registered_does_nothing(emitter: ReplayEventEmitter) -> None:
    assert emitter is emitter.off("x", print)


async def test_listeners_can_be_counted_and_dropped(emitter: ReplayEventEmitter) -> None:
    emitter.on("x", print).on("x", repr).on("y", print)
    assert (2, [print, repr], 0) == (
        emitter.listenerCount("x"),
        emitter.listeners("x"),
        emitter.listenerCount("z"),
    )
    emitter.removeAllListeners("x")
    assert (0, 1) == (emitter.listenerCount("x"), emitter.listenerCount("y"))
    emitter.removeAllListeners()
    assert 0 == emitter.listenerCount("y")


async def test_a_listener_may_take_itself_back_while_it_runs(emitter: ReplayEventEmitter) -> None:
    heard: list[int] = []

    def listen(number: int) -> None:
        heard.append(number)
        emitter.off("x", listen)

    emitter.on("x", listen).on("x", heard.append)
    emitter.emit("x", 1)
    emitter.emit("x", 2)
    assert [1, 1, 2] == heard


@pytest.mark.parametrize("add", ["onWithReplay", "addListenerWithReplay"])
async def test_replay_brings_the_last_emission_only_and_then_goes_on(
    emitter: ReplayEventEmitter, add: str
) -> None:
    heard: list[int] = []
    emitter.emit("x", 1)
    emitter.emit("x", 2)
    getattr(emitter, add)("x", heard.append)
    emitter.emit("x", 3)
    assert [2, 3] == heard


async def test_once_with_replay_is_called_once_in_either_case(emitter: ReplayEventEmitter) -> None:
    heard: list[int] = []
    emitter.onceWithReplay("x", heard.append)
    emitter.emit("x", 1)
    emitter.emit("x", 2)
    emitter.onceWithReplay("x", heard.append)
    emitter.emit("x", 3)
    assert [1, 2] == heard


async def test_a_listener_that_fails_harms_nobody_else(
    emitter: ReplayEventEmitter, reports: list[dict[str, Any]]
) -> None:
    heard: list[int] = []
    emitter.on("x", lambda number: number / 0).on("x", heard.append)
    emitter.emit("x", 1)
    assert [1] == heard
    [report] = reports
    assert isinstance(report["exception"], ZeroDivisionError)
    assert ("Exception in a listener of the event 'x'", "x") == (report["message"], report["event"])


async def test_a_listener_that_asks_a_cancelled_task_harms_nobody_either(
    emitter: ReplayEventEmitter, reports: list[dict[str, Any]]
) -> None:
    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    heard: list[int] = []
    emitter.on("x", lambda number: cancelled.result()).on("x", heard.append)
    emitter.emit("x", 1)
    assert [1] == heard
    assert [asyncio.CancelledError] == [type(report["exception"]) for report in reports]


@pytest.mark.parametrize("add", ["on", "once", "addListener", "onWithReplay", "onceWithReplay"])
async def test_what_cannot_be_called_is_no_listener(emitter: ReplayEventEmitter, add: str) -> None:
    emitter.emit("x")
    with pytest.raises(
        ArgumentError, match=r'^The "listener" argument must be of type Function\. Received type str$'
    ):
        getattr(emitter, add)("x", "listener")
    assert 0 == emitter.listenerCount("x")


async def test_an_async_listener_that_fails_is_reported_the_same_way(
    emitter: ReplayEventEmitter, reports: list[dict[str, Any]]
) -> None:
    @emitter.on("x")
    async def fail() -> None:
        raise ZeroDivisionError

    emitter.emit("x")
    await settle()
    assert [("x", fail)] == [(report["event"], report["listener"]) for report in reports]


async def test_draining_waits_for_listeners_and_cancels_the_late(
    emitter: ReplayEventEmitter, tasks: ListenerTasks
) -> None:
    ended: list[str] = []
    before = asyncio.all_tasks()

    def listener(name: str, work: Callable[[], Any]) -> Callable[[], Any]:
        async def listen() -> None:
            try:
                await work()
                ended.append(f"{name} finished")
            except asyncio.CancelledError:
                ended.append(f"{name} cancelled")
                raise

        return listen

    emitter.on("x", listener("quick", lambda: asyncio.sleep(0)))
    emitter.on("x", listener("endless", asyncio.Event().wait))
    emitter.emit("x")
    await tasks.drain(0.01)
    assert ["quick finished", "endless cancelled"] == ended
    assert before == asyncio.all_tasks()


# The rest of Node's rules


async def test_listeners_can_be_put_before_the_others(emitter: ReplayEventEmitter) -> None:
    heard: list[str] = []
    emitter.on("x", lambda: heard.append("third"))
    emitter.prependListener("x", lambda: heard.append("second"))
    emitter.prependOnceListener("x", lambda: heard.append("first"))
    emitter.emit("x")
    emitter.emit("x")
    assert ["first", "second", "third", "second", "third"] == heard


async def test_coming_and_going_is_told(emitter: ReplayEventEmitter) -> None:
    told: list[tuple[str, str, int]] = []
    emitter.on("newListener", lambda event, _: told.append(("new", event, emitter.listenerCount(event))))
    emitter.on("removeListener", lambda event, _: told.append(("gone", event, emitter.listenerCount(event))))
    told.clear()
    emitter.on("x", print).once("x", print).once("y", repr)
    emitter.off("x", print).emit("y", 1)
    assert [("new", "x", 0), ("new", "x", 1), ("new", "y", 0), ("gone", "x", 1), ("gone", "y", 0)] == told
    told.clear()
    emitter.removeAllListeners()
    assert [("gone", "newListener", 0), ("gone", "x", 0)] == told
    assert [] == emitter.eventNames()


async def test_who_comes_or_goes_during_an_emission_changes_nothing_for_it(
    emitter: ReplayEventEmitter,
) -> None:
    heard: list[str] = []

    def second() -> None:
        heard.append("second")

    def first() -> None:
        heard.append("first")
        emitter.off("x", second)
        emitter.on("x", lambda: heard.append("late"))

    emitter.once("x", first).on("x", second)
    emitter.emit("x")
    emitter.emit("x")
    assert ["first", "second", "late"] == heard


async def test_a_listener_for_one_time_is_called_once_even_where_it_emits_again(
    emitter: ReplayEventEmitter,
) -> None:
    heard: list[int] = []
    emitter.on("x", lambda number: emitter.emit("x", number + 1) if number < 2 else None)
    emitter.once("x", heard.append)
    emitter.emit("x", 0)
    assert [2] == heard


async def test_one_listener_can_be_counted_and_wrappers_can_be_told(emitter: ReplayEventEmitter) -> None:
    emitter.on("x", print).on("x", print).once("x", repr)
    assert (2, 1, 3) == (
        emitter.listenerCount("x", print),
        emitter.listenerCount("x", repr),
        emitter.listenerCount("x"),
    )
    *plain, wrapper = emitter.rawListeners("x")
    assert [print, print] == plain
    assert (repr, ["x"]) == (wrapper.listener, emitter.eventNames())  # type: ignore[attr-defined]  # a wrapper has it


async def test_an_error_nobody_listens_to_is_raised(emitter: ReplayEventEmitter) -> None:
    with pytest.raises(KeyError):
        emitter.emit("error", KeyError("x"))
    with pytest.raises(TwilioCompatError, match=r"^Unhandled error. \('text'\)$"):
        emitter.emit("error", "text")
    heard: list[str] = []
    emitter.on("error", heard.append).emit("error", "text")
    assert ["text"] == heard


async def test_too_many_listeners_of_an_event_are_warned_of_once(emitter: ReplayEventEmitter) -> None:
    for _ in range(10):
        emitter.on("x", print)
    with pytest.warns(MaxListenersExceededWarning, match="11 x listeners added") as warned:
        emitter.on("x", print).on("x", print)
    assert [__file__] == [each.filename for each in warned]
    emitter.setMaxListeners(0)
    for _ in range(30):
        emitter.on("y", print)
    assert (0, 30) == (emitter.getMaxListeners(), emitter.listenerCount("y"))


@pytest.mark.parametrize("number", [-1, "3", True])
async def test_a_limit_of_listeners_is_a_number_from_zero(
    emitter: ReplayEventEmitter, number: object
) -> None:
    with pytest.raises(ArgumentError, match='The value of "n" is out of range'):
        emitter.setMaxListeners(number)  # type: ignore[arg-type]  # that is the point
