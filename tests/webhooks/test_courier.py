"""What is in the queue is delivered: in order, again where it failed, and by whoever is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from acs_backend.queues import Queues
from acs_backend.store.database import Database
from tests.webhooks.clock import Clock, until
from tests.webhooks.receiver import AUTH_TOKEN, Heard, Receiver
from twilio_compat.account import Errand, TakenErrand
from twilio_compat.webhooks.caller import Caller
from twilio_compat.webhooks.courier import HOLD, Courier
from twilio_compat.webhooks.news import QUEUE
from twilio_compat.webhooks.parameters import time_text
from twilio_compat.webhooks.requests import Signer
from twilio_compat.webhooks.targets import Target

SIGNER = Signer(auth_token=AUTH_TOKEN, account_sid="AC1")


@pytest.fixture
async def queues(tmp_path: Path, clock: Clock) -> AsyncIterator[Queues]:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    yield Queues(database, clock=clock.now)
    await database.close()


class Desk:
    """Couriers on one queue, and what they know of targets."""

    def __init__(self, queues: Queues, clock: Clock, receiver: Receiver) -> None:
        self.queues, self.clock, self.receiver = queues, clock, receiver
        self.targets: dict[str, Target] = {}
        self.caller = Caller(timeout=0.2)
        self.couriers: list[Courier] = []

    def courier(self, signer: Signer | None = SIGNER) -> Courier:
        courier = Courier(
            self.queues,
            self.caller,
            signer,
            self.find,
            now=self.clock.now,
            sleep=self.clock.sleep,
            chance=lambda: 0.5,
        )
        self.couriers.append(courier)
        return courier

    async def find(self, service_sid: str, name: str, conversation_sid: str | None) -> Target | None:
        return self.targets.get(name)

    def errand(self, key: str, line: str = "CH1", path: str = "/") -> Errand:
        content = {
            "url": self.receiver.url + path,
            "method": "POST",
            "parameters": {"EventType": "onMessageAdded", "Body": key},
            "target": "account",
            "service": "IS1",
            "conversation": line,
            "since": time_text(self.clock.now()),
        }
        return Errand(queue=QUEUE, line=line, key=key, content=dict(content), due=self.clock.now())

    async def add(self, courier: Courier, *errands: Errand) -> None:
        await self.queues.add(errands)
        courier.wake([each.key for each in errands])

    async def close(self) -> None:
        for each in self.couriers:
            await each.close()
        await self.caller.close()


@pytest.fixture
async def desk(queues: Queues, clock: Clock, receiver: Receiver) -> AsyncIterator[Desk]:
    desk = Desk(queues, clock, receiver)
    yield desk
    await desk.close()


async def settled(desk: Desk, *, waiting: int = 0, dead: int = 0) -> None:
    """Wait until so much waits and so much was given up."""

    async def is_so() -> bool:
        found = await desk.queues.backlog(QUEUE)
        return (found.waiting, found.dead) == (waiting, dead)

    await until(is_so)


async def retried(desk: Desk) -> None:
    """Wait until the first of what waits was tried and put off; then let the time come."""

    async def put_off() -> float | None:
        due = await desk.queues.next_due(QUEUE)
        return None if due is None else max(0.0, (due - desk.clock.now()).total_seconds())

    desk.clock.advance(await until(put_off))


async def test_what_is_put_into_the_queue_is_delivered_in_order_and_signed(desk: Desk) -> None:
    courier = desk.courier()
    await desk.add(courier, *(desk.errand(f"{number} 👋") for number in range(200)))
    heard = await desk.receiver.take(200)
    assert [f"{number} 👋" for number in range(200)] == [each.told["Body"] for each in heard]
    assert all(each.is_genuine for each in heard)
    await settled(desk)


async def test_a_receiver_that_fails_is_called_again_and_its_line_waits(desk: Desk) -> None:
    courier = desk.courier()
    courier.minds_all = True
    desk.receiver.answer(503)
    await desk.add(courier, desk.errand("1"), desk.errand("2"))
    await desk.receiver.next()
    await retried(desk)
    await desk.receiver.next()
    desk.receiver.answer(200)
    await retried(desk)
    assert ["1", "2"] == [each.told["Body"] for each in await desk.receiver.take(2)]
    assert ["0", "1", "2"] == [each.told["RetryCount"] for each in desk.receiver.heard[:3]]
    assert 1 == len({each.headers["i-twilio-idempotency-token"] for each in desk.receiver.heard[:3]})
    await settled(desk)


async def test_a_line_that_fails_holds_up_no_other(desk: Desk) -> None:
    async def respond(heard: Heard) -> web.Response:
        return web.Response(status=500 if heard.path == "/dead" else 200)

    desk.receiver.respond = respond
    courier = desk.courier()
    errands = [desk.errand("dead", "CH1:account", "/dead")]
    errands += [desk.errand(f"{number}", f"CH{number}:account") for number in range(2, 52)]
    await desk.add(courier, *errands)
    await settled(desk, waiting=1)
    assert {*map(str, range(2, 52)), "dead"} == {each.told["Body"] for each in desk.receiver.heard}


async def test_a_receiver_that_does_not_answer_in_time_is_called_again(desk: Desk) -> None:
    async def respond(heard: Heard) -> web.Response:
        if len(desk.receiver.heard) == 1:
            await asyncio.Event().wait()
        return web.Response()

    desk.receiver.respond = respond
    courier = desk.courier()
    courier.minds_all = True
    await desk.add(courier, desk.errand("1"))
    await desk.receiver.next()
    await retried(desk)
    await desk.receiver.next()
    await settled(desk)


async def test_a_receiver_that_is_not_there_is_called_again_until_it_is_given_up(desk: Desk) -> None:
    courier = desk.courier()
    courier.minds_all = True
    await desk.add(courier, Errand(**{**_fields(desk.errand("1")), "content": _to_nowhere(desk)}))

    async def given_up() -> TakenErrand | None:
        desk.clock.advance(60)
        return next(iter(await desk.queues.dead(QUEUE, limit=10)), None)

    dead = await until(given_up)
    assert "No connection" in (dead.last_error or "")
    assert 20 < dead.attempts < 40


async def test_a_receiver_that_refuses_is_not_called_again_and_can_be_told_later(desk: Desk) -> None:
    desk.receiver.answer(403)
    courier = desk.courier()
    await desk.add(courier, desk.errand("1"), desk.errand("2"))
    await settled(desk, dead=2)
    desk.receiver.answer(200)
    assert 2 == await desk.queues.revive(QUEUE)
    courier.wake()
    await settled(desk)
    assert ["1", "2"] == [each.told["Body"] for each in desk.receiver.heard[2:]]


async def test_a_redirect_is_not_followed(desk: Desk) -> None:
    async def respond(heard: Heard) -> web.Response:
        return web.Response(status=302, headers={"Location": desk.receiver.url + "/elsewhere"})

    desk.receiver.respond = respond
    await desk.add(desk.courier(), desk.errand("1"))
    await settled(desk, dead=1)
    assert ["/"] == [each.path for each in desk.receiver.heard]


async def test_no_cookie_is_kept(desk: Desk) -> None:
    async def respond(heard: Heard) -> web.Response:
        response = web.Response()
        response.set_cookie("session", "1")
        return response

    desk.receiver.respond = respond
    await desk.add(desk.courier(), desk.errand("1"), desk.errand("2"))
    await settled(desk)
    assert all("cookie" not in each.headers for each in desk.receiver.heard)


async def test_a_url_that_was_corrected_meanwhile_is_called(desk: Desk, clock: Clock) -> None:
    desk.targets["account"] = Target(
        name="account", url=desk.receiver.url + "/new", method="GET", since=clock.now(), parameters={}
    )
    await desk.add(desk.courier(), desk.errand("1", path="/old"))
    heard = await desk.receiver.next()
    assert ("GET", "/new", True) == (heard.method, heard.path, heard.is_genuine)


async def test_two_processes_deliver_once_and_in_order(desk: Desk) -> None:
    one, two = desk.courier(), desk.courier()
    lines = [f"CH{number}" for number in range(5)]
    errands = [desk.errand(f"{line}:{number}", line) for number in range(20) for line in lines]
    await desk.add(one, *errands[::2])
    await desk.add(two, *errands[1::2])
    await settled(desk)
    told = [each.told["Body"] for each in desk.receiver.heard]
    assert 100 == len(told) == len(set(told))
    for line in lines:
        of_line = [each for each in told if each.startswith(f"{line}:")]
        added = [each.key for each in [*errands[::2], *errands[1::2]] if each.line == line]
        assert added == of_line


async def test_what_a_process_left_in_the_middle_is_delivered_by_another_one(
    desk: Desk, clock: Clock
) -> None:
    await desk.queues.add([desk.errand("1"), desk.errand("2")])
    assert 1 == len(await desk.queues.take(QUEUE, limit=10, hold=HOLD))  # and dies
    courier = desk.courier()
    courier.minds_all = True
    courier.wake()
    clock.advance(HOLD + 1)
    courier.wake()
    assert ["1", "2"] == [each.told["Body"] for each in await desk.receiver.take(2)]


async def test_a_process_without_an_auth_token_leaves_it_to_others(desk: Desk) -> None:
    await desk.add(desk.courier(signer=None), desk.errand("1"))
    await desk.couriers[0].close()
    assert 1 == (await desk.queues.backlog(QUEUE)).waiting
    await desk.add(desk.courier())
    await desk.receiver.next()


async def test_whoever_closes_at_once_delivers_what_they_have_put_into_the_queue(desk: Desk) -> None:
    courier = desk.courier()
    await desk.add(courier, desk.errand("1"), desk.errand("2", "CH2"), desk.errand("3"))
    await courier.close()
    assert {"1", "2", "3"} == {each.told["Body"] for each in desk.receiver.heard}
    assert 0 == (await desk.queues.backlog(QUEUE)).waiting


async def test_whoever_closes_does_not_wait_for_what_others_have_left(desk: Desk) -> None:
    desk.receiver.answer(503)
    courier = desk.courier()
    await desk.add(courier, desk.errand("1"))
    await desk.receiver.next()
    await courier.close()
    assert 1 == (await desk.queues.backlog(QUEUE)).waiting


def _fields(errand: Errand) -> dict[str, object]:
    return {"queue": errand.queue, "line": errand.line, "key": errand.key, "due": errand.due}


def _to_nowhere(desk: Desk) -> dict[str, object]:
    return {**desk.errand("1").content, "url": "http://127.0.0.1:9/"}
