"""Whether a mirror has everything is asked before a handover, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.rollout.deployment import ACCOUNT, RolloutDeployment, drained, on_side, room, send
from twilio_compat.records import MessageDraft
from twilio_compat.rollout.mirroring import tail
from twilio_compat.rollout.mirroring.tail import Tails
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side


async def pin_of(deployment: RolloutDeployment) -> tuple[Tails, Pin]:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob")
    await send(backend, made.sid, "through the library")
    await drained(backend, made.sid)
    return Tails(backend.office), await backend.office.pins.of(await backend.office.target(made.sid))


async def test_what_was_written_past_the_library_is_found_and_told(deployment: RolloutDeployment) -> None:
    tails, pin = await pin_of(deployment)
    assert await tails.drained(pin, Side.ACS)
    past = MessageDraft(mutation_id="past", body="past the library", author="bob", is_first=True)
    await deployment.twilio.backend.messages.create(ACCOUNT, pin.conversation_sid, past)
    assert not await tails.drained(pin, Side.ACS)
    backend = deployment.open("dualwrite")
    backend.look_after()
    await drained(backend, pin.conversation_sid)
    assert await tails.drained(pin, Side.ACS)
    bodies = [body for _, _, body in await on_side(backend, pin.conversation_sid, Side.ACS)]
    assert ["through the library", "past the library"] == bodies


async def test_a_side_that_does_not_answer_is_not_waited_for_for_long(
    deployment: RolloutDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> Sequence[Entry]:
        return await asyncio.get_running_loop().create_future()

    tails, pin = await pin_of(deployment)
    monkeypatch.setattr(tail, "PATIENCE", 0.01)
    monkeypatch.setattr(tails, "behind", hang)
    async with asyncio.timeout(10):
        assert not await tails.drained(pin, Side.ACS)
