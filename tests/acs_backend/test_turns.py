"""Requests wait for their turn at an emulator that enforces ACS's rates.

Time runs fast, for the emulator and the backend alike.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acs_backend import AcsBackend
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.retries import OneAttempt, Retries
from acs_backend.turns import open_turns, patience
from acs_emulator import Emulator, Exchange, Options
from tests.acs_backend.deployment import Deployment, bodies, next_event, next_of, page, room, send, sign_in
from tests.acs_backend.stub_service import StubService, says
from tests.acs_backend.test_clients import SENT, THREAD, Tokens
from twilio_compat.errors import RateLimitedError, ServiceTimeoutError
from twilio_compat.events import MessageAdded, Synchronized


class FastTime:
    """Time at *speed* times its pace."""

    def __init__(self, speed: float = 50.0) -> None:
        self.speed = speed
        self.begun, self.date = time.monotonic(), datetime.now(UTC)

    def __call__(self) -> float:
        return (time.monotonic() - self.begun) * self.speed

    def now(self) -> datetime:
        """Begin with the real time, which the SDK signs its requests with."""
        return self.date + timedelta(seconds=self())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class Strict:
    """A deployment on an emulator that enforces the rates, and what went over the wire."""

    def __init__(self, deployment: Deployment, clock: FastTime, exchanges: list[Exchange]) -> None:
        self.deployment = deployment
        self.clock = clock
        self.exchanges = exchanges

    def backend(
        self, *, deadline: float = 60.0, rate_limits: str = "on", poll_interval: float = 0.05
    ) -> AcsBackend:
        fields = {
            each: getattr(self.deployment.settings, each) for each in self.deployment.settings.__slots__
        }
        settings = type(self.deployment.settings)(
            **fields | {"deadline": deadline, "rate_limits": rate_limits, "poll_interval": poll_interval}
        )
        backend = AcsBackend(settings, clock=self.clock, sleep=self.clock.sleep)
        self.deployment._resources.push_async_callback(backend.close)
        return backend

    def statuses(self, operation: str) -> Counter[int]:
        return Counter(each.status for each in self.exchanges if each.operation == operation)


@asynccontextmanager
async def strictly(path: Path, *, speed: float = 50.0, retry_after: bool = True) -> AsyncIterator[Strict]:
    """Run a deployment that keeps its store at *path*."""
    clock, exchanges = FastTime(speed), list[Exchange]()
    options = Options(rate_limits="on", retry_after=retry_after)
    with Emulator(options, clock=clock.now, observe=exchanges.append) as emulator:
        async with Deployment(emulator, f"sqlite:///{path / 'store.db'}") as deployment:
            yield Strict(deployment, clock, exchanges)


@pytest.fixture(params=[True, False], ids=["with Retry-After", "without Retry-After"])
async def strict(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Strict]:
    async with strictly(tmp_path, retry_after=request.param) as running:
        yield running


async def test_twenty_senders_get_their_turns_in_order_and_none_is_refused(strict: Strict) -> None:
    backend = strict.backend()
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    texts = [str(number) for number in range(20)]
    began = strict.clock()
    await asyncio.gather(*(send(backend, alice, chat, text) for text in texts))
    assert 10.0 <= strict.clock() - began < 60.0
    assert Counter({201: 20}) == strict.statuses("SendChatMessage")
    written = await bodies(backend, alice, chat)
    assert [set(texts[:10]), set(texts[10:])] == [set(written[:10]), set(written[10:])]


async def test_a_flood_in_one_thread_delays_no_other_thread(strict: Strict) -> None:
    backend = strict.backend(deadline=300.0)
    (alice,) = await sign_in(backend, "alice")
    flooded, quiet = await room(backend, alice, "alice"), await room(backend, alice, "alice")
    flood = [asyncio.ensure_future(send(backend, alice, flooded, str(number))) for number in range(31)]
    await asyncio.sleep(0)
    for number in range(5):
        await send(backend, alice, quiet, str(number))
    assert not all(each.done() for each in flood)
    await asyncio.gather(*flood)
    assert {201} == strict.statuses("SendChatMessage").keys()


async def test_a_send_whose_turn_would_come_too_late_is_told_so_at_once_and_never_appears(
    tmp_path: Path,
) -> None:
    async with strictly(tmp_path, speed=1.0) as strict:
        backend = strict.backend(deadline=9.0)
        (alice,) = await sign_in(backend, "alice")
        chat = await room(backend, alice, "alice")
        outcomes = await asyncio.gather(
            *(send(backend, alice, chat, str(number)) for number in range(14)), return_exceptions=True
        )
        refused = [each for each in outcomes if isinstance(each, RateLimitedError)]
        assert [(429, 20429)] * 4 == [(each.status, each.code) for each in refused]
        assert "ACS takes 10 message writes in 10 seconds and 30 in a minute per thread" in refused[0].detail
        assert {str(number) for number in range(10)} == set(await bodies(backend, alice, chat))
        assert strict.clock() < 9.0
        assert Counter({201: 10}) == strict.statuses("SendChatMessage")


async def test_a_message_that_was_sent_and_cannot_be_counted_is_no_429(deployment: Deployment) -> None:
    backend = deployment.backend(deadline=1.0)
    (alice,) = await sign_in(backend, "alice")
    await backend.issue_identity("bob", with_token=True)
    chat = await room(backend, alice, "alice", "bob")
    deployment.emulator.faults.add("throttle", "ListChatMessages")
    with pytest.raises(ServiceTimeoutError, match="unknown"):
        await send(backend, alice, chat, "sent")
    deployment.emulator.faults.clear()
    assert ["sent"] == await bodies(backend, alice, chat)


async def test_a_message_that_was_perhaps_sent_and_gets_no_second_turn_is_no_429(tmp_path: Path) -> None:
    async with strictly(tmp_path, speed=1.0) as strict:
        backend = strict.backend(deadline=9.0)
        (alice,) = await sign_in(backend, "alice")
        chat = await room(backend, alice, "alice")
        await asyncio.gather(*(send(backend, alice, chat, str(number)) for number in range(9)))
        strict.deployment.emulator.faults.add("arrive-late", "SendChatMessage", count=1, latency=0.3)
        with pytest.raises(ServiceTimeoutError, match="unknown"):
            await send(backend, alice, chat, "late")
        await asyncio.sleep(0.4)
        assert "late" in await bodies(backend, alice, chat)


@pytest.mark.parametrize("seconds", [None, 0, 1])
async def test_a_refused_request_for_a_user_or_a_token_is_signed_anew_and_sent_again(
    strict: Strict, seconds: int | None
) -> None:
    for operation in ("CreateIdentity", "IssueAccessToken", "CreateChatThread"):
        strict.deployment.emulator.faults.add("throttle", operation, count=2, retry_after=seconds)
    backend = strict.backend()
    (alice,) = await sign_in(backend, "alice")
    await send(backend, alice, await room(backend, alice, "alice"), "hello")
    assert [2, 2, 2] == [each.hits for each in strict.deployment.emulator.faults.rules]


async def test_processes_that_share_a_rate_find_their_pace(strict: Strict) -> None:
    backends = [strict.backend(deadline=300.0) for _ in range(2)]
    actors = [(await sign_in(each, "alice"))[0] for each in backends]
    chat = await room(backends[0], actors[0], "alice")
    await asyncio.gather(
        *(send(backends[number % 2], actors[number % 2], chat, str(number)) for number in range(24))
    )
    written = await bodies(backends[0], actors[0], chat)
    assert sorted(str(number) for number in range(24)) == sorted(str(each) for each in written)
    assert strict.statuses("SendChatMessage")[429] < 24


async def test_asleep_the_first_refusal_wakes(strict: Strict) -> None:
    backend = strict.backend(deadline=300.0, rate_limits="auto")
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    await asyncio.gather(*(send(backend, alice, chat, str(number)) for number in range(18)))
    assert 18 == len(await bodies(backend, alice, chat))
    assert strict.statuses("SendChatMessage")[429] < 36


async def test_a_cancelled_sender_gives_the_turn_to_the_next(tmp_path: Path) -> None:
    async with strictly(tmp_path, speed=10.0) as strict:
        backend = strict.backend(deadline=300.0)
        (alice,) = await sign_in(backend, "alice")
        chat = await room(backend, alice, "alice")
        await asyncio.gather(*(send(backend, alice, chat, str(number)) for number in range(10)))
        waiting = [asyncio.ensure_future(send(backend, alice, chat, str(number))) for number in range(10, 35)]
        await strict.clock.sleep(1.0)
        for each in waiting[:20]:
            each.cancel()
        began = strict.clock()
        await asyncio.gather(*waiting[20:])
        assert strict.clock() - began < 40.0
        assert [str(each) for each in (*range(10), *range(30, 35))] == sorted(
            map(str, await bodies(backend, alice, chat)), key=int
        )


async def test_a_thread_that_is_read_too_often_holds_up_no_news_of_the_others(tmp_path: Path) -> None:
    async with strictly(tmp_path, speed=4.0) as strict:
        backend, elsewhere = strict.backend(poll_interval=1.0), strict.backend()
        alice, bob = await sign_in(backend, "alice", "bob")
        crowded, calm = [await room(backend, alice, "alice", "bob") for _ in range(2)]
        async with backend.subscribe(bob) as events:
            await next_of(events, Synchronized)
            await asyncio.gather(*(page(backend, bob, crowded) for _ in range(25)))
            began = strict.clock()
            for chat, text in ((crowded, "later"), (calm, "soon")):
                await send(elsewhere, alice, chat, text)
            told = [(await next_event(events), strict.clock() - began) for _ in range(2)]
    soon, later = ((each.message.body, after) for each, after in told if isinstance(each, MessageAdded))
    assert ("soon", "later", True) == (soon[0], later[0], soon[1] + 1.0 < later[1])


async def test_who_has_no_patience_is_told_at_once_that_the_turn_is_far() -> None:
    clock = FastTime(1.0)
    turns = open_turns("on", "http://127.0.0.1:1", clock=clock, sleep=clock.sleep)
    retries = Retries(deadline=60.0, attempt_timeout=5.0, clock=clock, sleep=clock.sleep)
    async with StubService(SENT) as stub:
        clients = AcsClients(stub.endpoint, None, timeout=5.0, turns=turns)
        thread = clients.thread(AcsUser("8:acs:alice", Tokens("t")), THREAD)
        with patience(1.0):
            for _ in range(10):
                await retries.once(lambda: thread.send_message("hello"))
            with pytest.raises(RateLimitedError, match="10 message writes in 10 seconds"):
                await retries.once(lambda: thread.send_message("hello"))
        await clients.close()
    assert (10, True) == (len(stub.requests), clock() < 5.0)


async def test_the_wait_for_a_turn_is_no_time_of_the_request() -> None:
    clock = FastTime(20.0)
    turns = open_turns("on", "http://127.0.0.1:1", clock=clock, sleep=clock.sleep)
    retries = Retries(deadline=60.0, attempt_timeout=0.4, clock=clock, sleep=clock.sleep)
    async with StubService(SENT) as stub:
        clients = AcsClients(stub.endpoint, None, timeout=5.0, turns=turns)
        thread = clients.thread(AcsUser("8:acs:alice", Tokens("t")), THREAD)
        sent = [await retries.once(lambda: thread.send_message("hello")) for _ in range(11)]
        await clients.close()
    assert (11, 11, True) == (len(sent), len(stub.requests), clock() >= 10.0)


async def test_what_nobody_waits_for_gives_way() -> None:
    clock = FastTime(1.0)
    turns = open_turns("on", "http://127.0.0.1:1", clock=clock, sleep=clock.sleep)
    background = OneAttempt(deadline=60.0, attempt_timeout=5.0, clock=clock, sleep=clock.sleep)
    retries = Retries(deadline=60.0, attempt_timeout=5.0, clock=clock, sleep=clock.sleep)
    async with StubService(
        says(200, {"id": "19:a", "topic": "t", "createdOn": "2026-01-31T12:00:00Z"})
    ) as stub:
        clients = AcsClients(stub.endpoint, None, timeout=5.0, turns=turns)
        get = clients.thread(AcsUser("8:acs:alice", Tokens("t")), THREAD).get_properties
        for _ in range(25):
            await background.idempotent(get)
        with pytest.raises(RateLimitedError, match="50 readings of threads in 10 seconds per user"):
            await background.idempotent(get)
        for _ in range(25):
            await retries.idempotent(get)
        await clients.close()
    assert (50, True) == (len(stub.requests), clock() < 10.0)


@pytest.mark.parametrize(
    ("setting", "endpoint", "awake"),
    [
        ("auto", "https://contoso.communication.azure.com", True),
        ("auto", "http://127.0.0.1:7080", False),
        ("auto", "https://localhost:7443", False),
        ("on", "http://127.0.0.1:7080", True),
    ],
)
def test_rates_are_kept_at_once_where_they_are_enforced(setting: str, endpoint: str, awake: bool) -> None:
    turns = open_turns(setting, endpoint, clock=time.monotonic, sleep=asyncio.sleep)
    assert turns is not None
    assert awake == turns.awake


def test_off_there_are_no_lines() -> None:
    assert None is open_turns("off", "https://x", clock=time.monotonic, sleep=asyncio.sleep)


def test_idle_lines_are_dropped() -> None:
    now = [0.0]
    turns = open_turns("on", "https://x", clock=lambda: now[0], sleep=asyncio.sleep)
    assert turns is not None
    for number in range(5000):
        now[0] += 100.0
        assert turns.line("GET", f"/chat/threads/{number}/messages", "ann")
    assert len(turns._lines) <= 1024
