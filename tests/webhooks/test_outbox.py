"""News reaches the queue, in order, whatever becomes of the store meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from tests.webhooks.clock import BEGINNING
from twilio_compat.account import Errand
from twilio_compat.errors import NotFoundError, ServiceUnavailableError
from twilio_compat.webhooks.news import QUEUE
from twilio_compat.webhooks.outbox import Letter, Outbox


class Queue:
    """A store's queue that may fail, and that counts transactions."""

    def __init__(self) -> None:
        self.added: list[str] = []
        self.transactions = 0
        self.is_down = False

    async def add(self, errands: Sequence[Errand]) -> int:
        await asyncio.sleep(0)
        if self.is_down:
            raise ServiceUnavailableError("The store does not answer")
        self.transactions += 1
        self.added += [each.key for each in errands]
        return len(errands)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def outbox(queue: Queue, told: list[str]) -> Outbox:
    return Outbox(queue, told.extend)  # type: ignore[arg-type]  # it only adds


def letter(*keys: str) -> Letter:
    async def write() -> Sequence[Errand]:
        return [Errand(queue=QUEUE, line="CH1", key=key, content={}, due=BEGINNING) for key in keys]

    return write


async def test_what_was_added_is_in_the_queue(queue: Queue, outbox: Outbox, told: list[str]) -> None:
    await outbox.add(letter("1", "2"), letter())
    assert ["1", "2"] == queue.added == told


async def test_those_who_add_at_the_same_time_share_a_transaction_and_keep_their_order(
    queue: Queue, outbox: Outbox
) -> None:
    await asyncio.gather(*(outbox.add(letter(str(each))) for each in range(50)))
    assert [*map(str, range(50))] == queue.added
    assert queue.transactions <= 2


async def test_a_store_that_fails_fails_nobody_and_loses_nothing(
    queue: Queue, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    queue.is_down = True
    with caplog.at_level(logging.WARNING):
        await outbox.add(letter("1"))
    assert "waits in memory" in caplog.text
    queue.is_down = False
    await outbox.add(letter("2"))
    assert ["1", "2"] == queue.added


async def test_what_waits_is_tried_again_and_at_the_end_for_the_last_time(
    queue: Queue, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    queue.is_down = True
    await outbox.add(letter("1"))
    queue.is_down = False
    await outbox.flush()
    assert ["1"] == queue.added
    queue.is_down = True
    await outbox.add(letter("2"))
    with caplog.at_level(logging.ERROR):
        await outbox.close()
    assert "Webhooks are not told of 1 events" in caplog.text


async def test_a_key_that_this_process_has_added_is_not_added_again(queue: Queue, outbox: Outbox) -> None:
    await outbox.add(letter("1"))
    await outbox.add(letter("1", "2"))
    assert (["1", "2"], 2) == (queue.added, queue.transactions)


async def test_what_can_never_be_addressed_holds_nothing_up(
    queue: Queue, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def to_nobody() -> Sequence[Errand]:
        raise NotFoundError("Service instance not found", code=50050)

    with caplog.at_level(logging.ERROR):
        await outbox.add(to_nobody, letter("1"))
    assert ["1"] == queue.added
    assert "Service instance not found" in caplog.text


async def test_whoever_gives_up_waiting_has_added_it_all_the_same(queue: Queue, outbox: Outbox) -> None:
    adding = asyncio.create_task(outbox.add(letter("1")))
    await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    await outbox.flush()
    assert ["1"] == queue.added
