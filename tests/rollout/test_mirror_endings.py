"""What a mirror is told of a conversation that was closed or deleted before it had everything."""

from __future__ import annotations

import pytest

from tests.rollout.deployment import ACCOUNT, RolloutDeployment, drained, held_up, on_side, room, send
from tests.support.waiting import eventually
from twilio_compat.errors import ConflictError
from twilio_compat.records import ConversationChanges, MessageChanges, ParticipantDraft
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.staging.stages import Side


async def is_at_rest(backend: RolloutBackend) -> bool:
    return not any([(await backend.office.outbox.backlog(side)).waiting for side in Side])


async def given_up(backend: RolloutBackend) -> list[str | None]:
    return [each.last_error for side in Side for each in await backend.office.outbox.dead(side, limit=9)]


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_a_mirror_is_closed_only_when_it_has_what_was_written_before(
    deployment: RolloutDeployment, stage: str
) -> None:
    backend = deployment.open(stage)
    made = await room(backend, "bob")
    first = await send(backend, made.sid, "first")
    await drained(backend, made.sid)
    with held_up(backend):
        await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(state="inactive"))
        await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="late"))
        await send(backend, made.sid, "last words")
        await backend.messages.update(ACCOUNT, made.sid, first.sid, MessageChanges(body="edited"))
        await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(state="closed"))
    await eventually(lambda: is_at_rest(backend))
    assert [] == await given_up(backend)
    for side in Side:
        pin = await backend.office.pins.of(await backend.office.target(made.sid))
        place = await backend.office.place(pin, side, at_once=True)
        found = await place.backend.conversations.get(ACCOUNT, place.sid)
        members = await place.backend.participants.list(ACCOUNT, place.sid)
        assert "closed" == found.state.current
        assert {"bob", "late"} == {each.identity for each in members}
        assert ["edited", "last words"] == [body for _, _, body in await on_side(backend, made.sid, side)]


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_a_closed_conversation_refuses_a_message_alike_on_both_sides(
    deployment: RolloutDeployment, stage: str
) -> None:
    backend = deployment.open(stage)
    made = await room(backend, "bob")
    await backend.conversations.update(ACCOUNT, made.sid, ConversationChanges(state="closed"))
    with pytest.raises(ConflictError) as caught:
        await send(backend, made.sid, "too late")
    assert 50377 == caught.value.code


@pytest.mark.parametrize("stage", ["dualwrite", "live"])
async def test_what_was_written_in_a_conversation_that_is_gone_by_now_is_no_dead_letter(
    deployment: RolloutDeployment, stage: str
) -> None:
    backend = deployment.open(stage)
    with held_up(backend):
        made = await room(backend, "bob", unique_name="again")
        await send(backend, made.sid, "kept")
        gone = await send(backend, made.sid, "gone")
        await backend.messages.delete(ACCOUNT, made.sid, gone.sid)
        await backend.conversations.delete(ACCOUNT, made.sid)
    await eventually(lambda: is_at_rest(backend))
    assert [] == await given_up(backend)
    again = await room(backend, "bob", unique_name="again")
    await send(backend, again.sid, "hello")
    await drained(backend, again.sid)
    assert await on_side(backend, again.sid, Side.ACS) == await on_side(backend, again.sid, Side.TWILIO)
