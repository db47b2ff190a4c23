"""Comparison of both sides as they are: what a mirror is told of is alike, and what was done past it is found."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.rollout.deployment import (
    ACCOUNT,
    RolloutDeployment,
    drained,
    moved,
    rollout_deployment,
    room,
    send,
)
from twilio_compat.account import on_behalf_of
from twilio_compat.errors import NotFoundError
from twilio_compat.records import (
    ConversationChanges,
    Direction,
    MessageChanges,
    ParticipantChanges,
    UserConversationChanges,
)
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.comparing.shadow import Counts
from twilio_compat.rollout.staging.stages import Side, Stage


@pytest.fixture
async def deployment(store: str) -> AsyncIterator[RolloutDeployment]:
    async with rollout_deployment(store, rate_limits="off", rollout_sample=1.0, rollout_bodies="on") as found:
        yield found


async def filled(backend: RolloutBackend) -> tuple[str, str]:
    """Return a conversation in which something of everything has happened, and a message of it."""
    made = await room(backend, "bob", "ann", unique_name="support")
    sent = [await send(backend, made.sid, f"message {number}") for number in range(4)]
    await backend.messages.update(
        ACCOUNT, made.sid, sent[1].sid, MessageChanges(body="edited 🙂", attributes={"a": [1, None]})
    )
    await backend.messages.delete(ACCOUNT, made.sid, sent[2].sid)
    await backend.conversations.update(
        ACCOUNT, made.sid, ConversationChanges(friendly_name="Support", attributes={"open": True})
    )
    await backend.participants.update(
        ACCOUNT, made.sid, "bob", ParticipantChanges(attributes={"x": 1}, last_read_message_index=1)
    )
    await drained(backend, made.sid)
    return made.sid, sent[1].sid


async def everything_read(backend: RolloutBackend, sid: str, message_sid: str) -> Counts:
    """Read all there is to be read, as the account and as a member."""
    for actor in (ACCOUNT, on_behalf_of("bob")):
        await backend.conversations.get(actor, sid)
        await backend.participants.list(actor, sid)
        await backend.participants.count(actor, sid)
        await backend.messages.count(actor, sid)
        await backend.messages.get(actor, sid, message_sid)
        for direction in Direction:
            await backend.messages.page(actor, sid, size=2, anchor=None, direction=direction)
            await backend.messages.page(actor, sid, size=2, anchor=1, direction=direction)
        with pytest.raises(NotFoundError):
            await backend.messages.get(actor, sid, "IM" + "0" * 32)
        await backend.office.shadow.idle()
    await backend.user_conversations.get(on_behalf_of("bob"), sid)
    await backend.office.shadow.idle()
    return backend.office.shadow.counts


async def mismatches(backend: RolloutBackend) -> list[tuple[str, str, object, object]]:
    return [
        (found.operation, str(each["path"]), each["authority"], each["mirror"])
        for found in await backend.parts.mismatches.list()
        for each in found.differences
    ]


async def test_reads_of_both_sides_are_alike_in_shadow(deployment: RolloutDeployment) -> None:
    backend = deployment.open("shadow")
    counts = await everything_read(backend, *await filled(backend))
    assert [] == await mismatches(backend)
    assert (21, 0, 0, 0) == (counts.alike, counts.differing, counts.failed, counts.dropped)


async def test_reads_of_both_sides_are_alike_while_live(deployment: RolloutDeployment) -> None:
    backend = deployment.open("live")
    counts = await everything_read(backend, *await filled(backend))
    assert [] == await mismatches(backend)
    assert (21, 0, 0, 0) == (counts.alike, counts.differing, counts.failed, counts.dropped)


async def test_reads_are_alike_after_the_authority_has_changed(deployment: RolloutDeployment) -> None:
    backend = deployment.open("shadow")
    sid, message_sid = await filled(backend)
    await moved(backend, sid, Stage.LIVE)
    for number in range(2):
        await send(backend, sid, f"born on ACS {number}")
    bob = on_behalf_of("bob")
    await backend.user_conversations.update(bob, sid, UserConversationChanges(last_read_message_index=4))
    await drained(backend, sid)
    await everything_read(backend, sid, message_sid)
    assert [] == await mismatches(backend)


async def test_what_was_done_past_the_mirror_is_found(deployment: RolloutDeployment) -> None:
    backend = deployment.open("shadow")
    sid, message_sid = await filled(backend)
    acs = backend.office.sides.of(Side.ACS)
    await acs.messages.update(ACCOUNT, sid, message_sid, MessageChanges(body="edited past the library"))
    await backend.messages.get(ACCOUNT, sid, message_sid)
    await backend.office.shadow.idle()
    found = [each for each in await mismatches(backend) if each[1] == "body"]
    assert [("messages.get", "body", "edited 🙂", "edited past the library")] == found
