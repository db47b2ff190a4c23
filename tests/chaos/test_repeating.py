"""Whoever does not know what became of a message sends the same draft again, and there is one message."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from acs_backend import AcsBackend
from acs_emulator.faults import Kind
from tests.acs_backend.deployment import draft, send
from tests.chaos.party import hasty_backend
from tests.chaos.stage import Stage
from twilio_compat.errors import BackendError
from twilio_compat.records import MessageRecord


async def send_there(stage: Stage, elsewhere: AcsBackend, body: str) -> MessageRecord:
    return await send(elsewhere, stage.alice, stage.chat, body)


async def test_a_draft_that_was_acknowledged_is_the_same_message_again(stage: Stage) -> None:
    message = draft("once")
    first = await stage.send(message)
    await stage.send(draft("between"))
    assert first == await stage.send(message)
    await stage.send(draft("after"))
    assert ["once", "between", "after"] == await stage.bodies()


async def test_a_draft_that_is_sent_twice_at_once_is_one_message(stage: Stage) -> None:
    message = draft("once")
    first, second = await asyncio.gather(stage.send(message), stage.send(message))
    assert first == second
    assert ["once"] == await stage.bodies()


async def test_drafts_repeated_in_a_flood_are_the_same_messages(stage: Stage) -> None:
    flood = [draft(str(number)) for number in range(20)]
    some = await asyncio.gather(*(stage.send(each) for each in flood[:10]))
    every = await asyncio.gather(*(stage.send(each) for each in flood))
    assert some == every[:10]
    assert list(range(20)) == sorted(each.index for each in every)
    assert 20 == len(await stage.bodies())


@pytest.mark.parametrize("kind", Kind)
async def test_a_send_that_was_given_up_is_found_when_it_is_repeated(stage: Stage, kind: Kind) -> None:
    message = draft("maybe")
    lost = stage.deployment.emulator.faults.add(kind, "SendChatMessage", latency=0.05)
    sending = asyncio.ensure_future(stage.send(message))
    assert await asyncio.to_thread(lost.wait_until_seen)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    stage.deployment.emulator.faults.clear()
    again = await stage.send(message)
    assert 0 == again.index
    assert 1 == (await stage.send(draft("after"))).index
    assert ["maybe", "after"] == await stage.bodies()


async def test_a_send_whose_outcome_stays_unknown_is_found_by_another_process(stage: Stage) -> None:
    message = draft("maybe")
    impatient = hasty_backend(replace(stage.deployment.settings, deadline=4.0))
    stage.deployment.emulator.faults.add(Kind.DROP_ANSWER, "SendChatMessage", "ListChatMessages")
    with pytest.raises(BackendError, match="unknown"):
        await impatient.messages.create(stage.alice, stage.chat.sid, message)
    await impatient.close()
    stage.deployment.emulator.faults.clear()
    await stage.send(draft("between"))
    assert 0 == (await stage.send(replace(message, is_first=False))).index
    assert ["maybe", "between"] == await stage.bodies()


async def test_a_draft_that_another_process_sent_is_the_same_message(stage: Stage) -> None:
    message = draft("once")
    first = await stage.send(message)
    elsewhere = hasty_backend(stage.deployment.settings)
    try:
        await send_there(stage, elsewhere, "between")
        again = await elsewhere.messages.create(stage.alice, stage.chat.sid, replace(message, is_first=False))
        assert (first.sid, first.index) == (again.sid, again.index)
        await send_there(stage, elsewhere, "after")
    finally:
        await elsewhere.close()
    assert ["once", "between", "after"] == await stage.bodies()


async def test_a_draft_that_a_process_sent_that_has_ended_is_the_same_message(stage: Stage) -> None:
    message = draft("once")
    elsewhere = hasty_backend(stage.deployment.settings)
    first = await elsewhere.messages.create(stage.alice, stage.chat.sid, message)
    await elsewhere.close()
    for number in range(3):
        await stage.send(draft(str(number)))
    assert first.index == (await stage.send(replace(message, is_first=False))).index
    assert ["once", "0", "1", "2"] == await stage.bodies()
