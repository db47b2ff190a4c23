"""The roles of those who were given none, where a deployment widened Twilio's defaults."""

from __future__ import annotations

from typing import Any

import pytest

from acs_backend import AcsBackend
from acs_backend.roles import CHANNEL_ADMIN, CHANNEL_USER, SERVICE_ADMIN, SERVICE_USER
from tests.acs_backend.deployment import Deployment, next_of, room, send, sign_in
from twilio_compat.errors import ForbiddenError
from twilio_compat.events import ParticipantUpdated, Synchronized
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationRecord,
    MessageChanges,
    ParticipantChanges,
    ParticipantDraft,
    UserChanges,
)

WIDENED = [{"participant_role": "channel admin"}, {"user_role": "service admin"}]


@pytest.fixture(params=WIDENED, ids=str)
def widened(request: pytest.FixtureRequest, deployment: Deployment) -> AcsBackend:
    changes: dict[str, Any] = request.param
    return deployment.backend(**changes)


async def chat_of_three(backend: AcsBackend) -> tuple[Actor, Actor, ConversationRecord]:
    """Let alice make a conversation with bob and carol."""
    alice, bob = await sign_in(backend, "alice", "bob")
    return alice, bob, await room(backend, alice, "alice", "bob", "carol")


async def test_every_member_may_what_admins_may(widened: AcsBackend) -> None:
    alice, bob, chat = await chat_of_three(widened)
    sent = await send(widened, alice, chat, "old")
    changes = ConversationChanges(friendly_name="Den", attributes={"x": 1})
    assert "Den" == (await widened.conversations.update(bob, chat.sid, changes)).friendly_name
    await widened.participants.create(bob, chat.sid, ParticipantDraft(identity="dave"))
    await widened.participants.delete(bob, chat.sid, "carol")
    edited = await widened.messages.update(bob, chat.sid, sent.sid, MessageChanges(body="new"))
    assert "new" == edited.body
    members = await widened.participants.list(bob, chat.sid)
    assert ["alice", "bob", "dave"] == [each.identity for each in members]
    await widened.conversations.delete(bob, chat.sid)
    assert [] == await widened.conversations.list(alice)


async def test_who_is_no_member_gains_nothing(widened: AcsBackend) -> None:
    _, _, chat = await chat_of_three(widened)
    (eve,) = await sign_in(widened, "eve")
    with pytest.raises(ForbiddenError) as caught:
        await widened.conversations.update(eve, chat.sid, ConversationChanges(friendly_name="x"))
    assert 50430 == caught.value.code


async def test_whoever_was_given_a_role_has_that_one(deployment: Deployment) -> None:
    backend = deployment.backend(participant_role="channel admin")
    alice, bob, chat = await chat_of_three(backend)
    await backend.participants.update(alice, chat.sid, "bob", ParticipantChanges(role_sid=CHANNEL_USER))
    with pytest.raises(ForbiddenError) as caught:
        await backend.conversations.update(bob, chat.sid, ConversationChanges(friendly_name="x"))
    assert 50107 == caught.value.code


async def test_a_service_admin_changes_other_users(deployment: Deployment) -> None:
    backend = deployment.backend(user_role="service admin")
    alice, _ = await sign_in(backend, "alice", "bob")
    changed = await backend.users.update(alice, "bob", UserChanges(friendly_name="Bob"))
    assert ("Bob", SERVICE_ADMIN) == (changed.friendly_name, changed.role_sid)


async def test_the_role_is_told_wherever_a_member_or_a_user_is(deployment: Deployment) -> None:
    backend = deployment.backend(participant_role="channel admin", user_role="service admin")
    alice, bob, chat = await chat_of_three(backend)
    assert {CHANNEL_ADMIN} == {each.role_sid for each in await backend.participants.list(bob, chat.sid)}
    assert SERVICE_ADMIN == (await backend.users.get(alice, "bob")).role_sid
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await backend.participants.update(bob, chat.sid, "bob", ParticipantChanges(attributes={"x": 1}))
        assert CHANNEL_ADMIN == (await next_of(events, ParticipantUpdated)).participant.role_sid
    narrow = deployment.backend()
    assert [CHANNEL_ADMIN, CHANNEL_USER, CHANNEL_USER] == [
        each.role_sid for each in await narrow.participants.list(bob, chat.sid)
    ]
    assert SERVICE_USER == (await narrow.users.get(alice, "bob")).role_sid
