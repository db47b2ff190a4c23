"""With nothing but an ACS user token: no steward, no store that lasts."""

from __future__ import annotations

import pytest

from acs_backend import AcsBackend
from tests.acs_backend.deployment import Deployment, NativeUser, bodies, next_of, send
from twilio_compat.errors import ConfigurationError, DirectModeError
from twilio_compat.events import ConversationLeft, MessageAdded, Synchronized
from twilio_compat.records import Actor, ConversationDraft, ParticipantDraft
from twilio_compat.settings import Settings


@pytest.fixture
def direct(deployment: Deployment) -> AcsBackend:
    return deployment.backend(connection_string=None, endpoint=deployment.emulator.http_endpoint)


@pytest.fixture
async def people(deployment: Deployment, direct: AcsBackend) -> tuple[Actor, NativeUser]:
    """Alice, who uses the library with her ACS token, and Bob, who uses ACS and made a thread for both."""
    backend = deployment.backend()
    alice = await backend.issue_identity("alice", with_token=True)
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    await bob.create_thread("Direct", alice.acs_user_id)
    return await direct.sign_in(alice.token or ""), bob


async def test_reading_sending_and_listening_work(
    direct: AcsBackend, people: tuple[Actor, NativeUser]
) -> None:
    alice, bob = people
    (chat,) = await direct.conversations.list(alice)
    async with direct.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await (await bob.only_thread()).send_message("hello")
        assert ("hello", bob.acs_id) == (
            (added := (await next_of(events, MessageAdded)).message).body,
            added.author,
        )
        assert 1 == (await send(direct, alice, chat, "hi")).index
        assert ["hello", "hi"] == await bodies(direct, alice, chat)
        await direct.participants.delete(alice, chat.sid, alice.identity)
        assert "left" == (await next_of(events, ConversationLeft)).reason


async def test_a_member_may_be_added_by_acs_id(
    deployment: Deployment, direct: AcsBackend, people: tuple[Actor, NativeUser]
) -> None:
    alice, _ = people
    carol = await deployment.backend().issue_identity("carol")
    (chat,) = await direct.conversations.list(alice)
    await direct.participants.create(alice, chat.sid, ParticipantDraft(identity=carol.acs_user_id))
    listed = [each.identity for each in await direct.participants.list(alice, chat.sid)]
    assert carol.acs_user_id in listed


async def test_what_needs_the_steward_or_the_store_says_what_to_set(
    direct: AcsBackend, people: tuple[Actor, NativeUser]
) -> None:
    alice, _ = people
    (chat,) = await direct.conversations.list(alice)
    for attempt in (
        direct.conversations.create(alice, ConversationDraft()),
        direct.participants.create(alice, chat.sid, ParticipantDraft(identity="a Twilio name")),
    ):
        with pytest.raises(DirectModeError, match="COMMUNICATION_SERVICES_CONNECTION_STRING") as refusal:
            await attempt
        assert "steward" not in str(refusal.value)


def test_without_any_resource_the_error_names_the_variable() -> None:
    with pytest.raises(ConfigurationError, match="COMMUNICATION_SERVICES_CONNECTION_STRING"):
        AcsBackend(Settings())
