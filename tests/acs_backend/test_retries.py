"""What may be repeated is repeated until the deadline; what may not is not. Time here is a counter."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from azure.core.exceptions import (
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)

from acs_backend.retries import OneAttempt, OutcomeUnknown, Retries, current_attempt, removal


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Answer:
    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status_code = status
        self.headers = headers
        self.reason = "reason"
        self.content_type = "application/json"

    def text(self, encoding: str | None = None) -> str:
        return ""


def status(code: int, **headers: str) -> HttpResponseError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponseError(response=Answer(code, named))  # type: ignore[arg-type]  # what is read of an answer


def not_connected() -> ServiceRequestError:
    key = aiohttp.client_reqrep.ConnectionKey("h", 1, False, True, None, None, None)
    cause = aiohttp.ClientConnectorError(key, OSError(111, "refused"))
    return ServiceRequestError(cause, error=cause)


def untrusted() -> ServiceRequestError:
    key = aiohttp.client_reqrep.ConnectionKey("h", 1, True, True, None, None, None)
    cause = aiohttp.ClientConnectorCertificateError(key, ssl.SSLCertVerificationError("self-signed"))
    return ServiceRequestError(cause, error=cause)


def connection_lost() -> ServiceRequestError:
    cause = aiohttp.ServerDisconnectedError()
    return ServiceRequestError(cause, error=cause)


def scripted(*outcomes: Exception | str) -> tuple[Callable[[], Awaitable[str]], list[str]]:
    """Return a call that ends as each of *outcomes* in turn, the last again and again, and a list of its runs."""
    left, runs = list(outcomes), []

    async def call() -> str:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        runs.append(str(outcome))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return call, runs


def retries(clock: Clock, *, deadline: float = 10.0, attempt_timeout: float = 5.0) -> Retries:
    return Retries(
        deadline=deadline, attempt_timeout=attempt_timeout, clock=clock, sleep=clock.sleep, chance=lambda: 1.0
    )


TRANSIENT = [
    status(408),
    status(429),
    status(500),
    status(502),
    status(503),
    status(504),
    DecodeError(message="garbage"),
    TimeoutError(),
    not_connected(),
    connection_lost(),
    ServiceRequestTimeoutError("t"),
    ServiceResponseError("r"),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
async def test_an_idempotent_call_is_repeated_after_any_fault_that_may_pass(error: Exception) -> None:
    call, runs = scripted(error, error, "done")
    assert "done" == await retries(Clock()).idempotent(call)
    assert 3 == len(runs)


@pytest.mark.parametrize("error", [*map(status, [400, 401, 403, 404, 409, 413, 501]), untrusted()], ids=repr)
async def test_a_refusal_is_final_for_every_kind_of_call(error: Exception) -> None:
    for kind in ("idempotent", "once"):
        call, runs = scripted(error)
        with pytest.raises(type(error)):
            await getattr(retries(Clock()), kind)(call)
        assert 1 == len(runs)


async def test_pauses_double_up_to_a_limit_and_end_before_the_deadline() -> None:
    clock = Clock()
    call, _ = scripted(status(503))
    with pytest.raises(HttpResponseError):
        await retries(clock, deadline=39.0).idempotent(call)
    assert [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0] == clock.slept


async def test_the_service_s_own_pause_is_kept() -> None:
    clock = Clock()
    call, _ = scripted(status(429, Retry_After="7"), "done")
    await retries(clock).idempotent(call)
    assert [7.0] == clock.slept


async def test_a_pause_may_be_given_as_a_date() -> None:
    clock = Clock()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
    call, _ = scripted(status(429, Retry_After=date), "done")
    await retries(clock).idempotent(call)
    assert 3.0 < clock.slept[0] <= 5.0


@pytest.mark.parametrize("nonsense", ["soon", "-1", "nan", "inf", ""])
async def test_a_pause_that_makes_no_sense_is_ignored(nonsense: str) -> None:
    clock = Clock()
    call, _ = scripted(status(429, Retry_After=nonsense), "done")
    await retries(clock).idempotent(call)
    assert [0.25] == clock.slept


async def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    clock = Clock()
    call, runs = scripted(status(429, Retry_After="3600"))
    with pytest.raises(HttpResponseError):
        await retries(clock).idempotent(call)
    assert ([], 1) == (clock.slept, len(runs))


@pytest.mark.parametrize("error", [status(429), not_connected(), ServiceRequestTimeoutError("t")], ids=repr)
async def test_a_single_shot_is_repeated_where_it_certainly_had_no_effect(error: Exception) -> None:
    call, runs = scripted(error, "done")
    assert "done" == await retries(Clock()).once(call)
    assert 2 == len(runs)


@pytest.mark.parametrize(
    "error",
    [
        status(408),
        status(500),
        status(503),
        DecodeError(message="garbage"),
        TimeoutError(),
        connection_lost(),
    ],
    ids=repr,
)
async def test_a_single_shot_whose_outcome_is_unknown_is_not_repeated(error: Exception) -> None:
    call, runs = scripted(error)
    with pytest.raises(OutcomeUnknown) as caught:
        await retries(Clock()).once(call)
    assert (error, 1) == (caught.value.cause, len(runs))


async def test_a_single_shot_that_is_throttled_to_the_end_is_no_unknown_outcome() -> None:
    call, _ = scripted(status(429))
    with pytest.raises(HttpResponseError):
        await retries(Clock()).once(call)


async def test_an_attempt_that_takes_too_long_is_cut_off() -> None:
    cancelled = asyncio.Event()

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(TimeoutError):
        await retries(Clock(), deadline=0.0, attempt_timeout=0.01).idempotent(hangs)
    assert cancelled.is_set()


async def test_several_calls_share_a_deadline() -> None:
    clock = Clock()
    shared = retries(clock)
    until = shared.until()
    clock.now += 9.9
    call, runs = scripted(status(503))
    with pytest.raises(HttpResponseError):
        await shared.idempotent(call, until=until)
    assert (1, False) == (len(runs), shared.expired(until))


async def test_a_bug_in_the_call_is_not_repeated() -> None:
    call, runs = scripted(KeyError("bug"))
    with pytest.raises(KeyError):
        await retries(Clock()).idempotent(call)
    assert 1 == len(runs)


async def test_those_who_do_the_work_know_how_long_the_call_may_take() -> None:
    clock = Clock()
    found = []

    async def call() -> None:
        found.append(current_attempt())

    await retries(clock).idempotent(call)
    once = OneAttempt(deadline=10.0, attempt_timeout=5.0, clock=clock, sleep=clock.sleep)
    await once.idempotent(call)
    first, second = found
    assert first is not None
    assert second is not None
    assert [(1010.0, False), (1005.0, True)] == [(each.until, each.is_background) for each in (first, second)]
    assert (True, True, None) == (first.is_over, second.is_over, current_attempt())


async def test_a_call_within_a_call_has_an_attempt_of_its_own() -> None:
    clock = Clock()
    seen = []

    async def inner() -> None:
        seen.append(current_attempt())

    async def outer() -> None:
        seen.append(current_attempt())
        await retries(clock).once(inner)
        seen.append(current_attempt())

    await retries(clock).idempotent(outer)
    assert seen[0] is seen[2]
    assert seen[0] is not seen[1]


async def test_a_task_that_outlives_its_attempt_has_none() -> None:
    go_on = asyncio.Event()

    async def later() -> object:
        await go_on.wait()
        return current_attempt()

    async def call() -> asyncio.Task[object]:
        return asyncio.create_task(later())

    task = await retries(Clock()).idempotent(call)
    go_on.set()
    assert None is await task


async def test_a_pause_does_not_count_as_time_of_the_attempt() -> None:
    async def waits(seconds: float) -> None:
        attempt = current_attempt()
        assert attempt is not None
        with attempt.paused():
            await asyncio.sleep(seconds)

    async def call() -> str:
        await asyncio.gather(waits(0.01), waits(0.1))
        return "done"

    assert "done" == await retries(Clock(), attempt_timeout=0.05).once(call)


async def test_after_a_pause_the_attempt_has_its_full_time_and_no_more() -> None:
    async def call() -> None:
        attempt = current_attempt()
        assert attempt is not None
        with attempt.paused():
            await asyncio.sleep(0.02)
        await asyncio.Event().wait()

    with pytest.raises(OutcomeUnknown) as caught:
        await retries(Clock(), attempt_timeout=0.01).once(call)
    assert isinstance(caught.value.cause, TimeoutError)


def removing(*outcomes: Exception | str) -> tuple[Callable[[], Awaitable[None]], list[str]]:
    """Return such a `scripted` call as something that takes something away."""
    call, runs = scripted(*outcomes)

    async def remove() -> None:
        await call()

    return removal(remove, gone={403, 404}), runs


@pytest.mark.parametrize("error", [status(503), TimeoutError(), connection_lost(), DecodeError(message="?")])
@pytest.mark.parametrize("refusal", [403, 404])
async def test_what_is_gone_after_an_unclear_answer_was_taken_away_by_that_attempt(
    error: Exception, refusal: int
) -> None:
    remove, runs = removing(error, status(refusal))
    await retries(Clock()).idempotent(remove)
    assert 2 == len(runs)


@pytest.mark.parametrize("error", [status(429), not_connected()], ids=["throttled", "not connected"])
async def test_what_is_gone_after_an_attempt_without_effect_was_gone_before(error: Exception) -> None:
    remove, runs = removing(error, status(404))
    with pytest.raises(HttpResponseError):
        await retries(Clock()).idempotent(remove)
    assert 2 == len(runs)


async def test_a_refusal_makes_no_later_one_a_success() -> None:
    remove, _ = removing(status(403))
    for _ in range(2):
        with pytest.raises(HttpResponseError):
            await retries(Clock()).idempotent(remove)


async def test_after_an_attempt_that_hung_what_is_gone_was_taken_away() -> None:
    outcomes: list[Exception | None] = [None, status(404)]

    async def remove() -> None:
        outcome = outcomes.pop(0)
        if outcome is None:
            await asyncio.Event().wait()
        else:
            raise outcome

    await retries(Clock(), attempt_timeout=0.01).idempotent(removal(remove))
    assert [] == outcomes
