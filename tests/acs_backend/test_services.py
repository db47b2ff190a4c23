"""Services are worlds of their own, on one resource, for every process that shares the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from acs_backend import AcsBackend
from acs_backend.conversations import Conversations
from acs_emulator import Emulator
from tests.acs_backend.deployment import KEY, SECRET, Deployment, draft
from twilio_compat.account import ConversationQuery, RoleDraft, UserDraft, account_actor
from twilio_compat.errors import ConflictError, LimitError, NotFoundError, TokenError
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.records import Actor, ConversationDraft, ConversationRecord, ParticipantDraft

MISSING = "IS" + "e" * 32
NAMED = ConversationDraft(unique_name="lobby")


@pytest.fixture
async def deployment(emulator: Emulator, shared_store: str) -> AsyncIterator[Deployment]:
    """Share each kind of store."""
    async with Deployment(emulator, shared_store) as running:
        yield running


@pytest.fixture
def elsewhere(deployment: Deployment) -> AcsBackend:
    """Return the backend of another process."""
    return deployment.backend()


@pytest.fixture
async def tenant(backend: AcsBackend) -> AcsBackend:
    return await backend.of((await backend.services.create("Tenant")).sid)


def token_for(service_sid: str, identity: str = "alice") -> str:
    token = AccessToken("AC" + "0" * 32, KEY, SECRET, identity=identity)
    token.add_grant(ChatGrant(service_sid=service_sid))
    return str(token.to_jwt())


def account_of(backend: AcsBackend) -> Actor:
    return account_actor(backend.service_sid)


async def create(backend: AcsBackend, conversation: ConversationDraft = NAMED) -> ConversationRecord:
    return await backend.conversations.create(account_of(backend), conversation)


async def conversations_of(backend: AcsBackend) -> list[str]:
    found = await backend.conversations.page(account_of(backend), ConversationQuery(), after=None, limit=50)
    return [each.sid for each in found]


async def test_the_default_service_is_there_from_the_start_and_the_first_of_the_list(
    backend: AcsBackend,
) -> None:
    (default,) = await backend.services.list()
    assert backend.service_sid == default.sid
    made = await backend.services.create("Second")
    assert [default, made] == await backend.services.list()
    assert default == await backend.services.get(backend.service_sid)


async def test_a_service_that_was_made_is_there_for_every_process(
    backend: AcsBackend, elsewhere: AcsBackend
) -> None:
    made = await backend.services.create("Made")
    assert made == await backend.services.get(made.sid) == await elsewhere.services.get(made.sid)
    assert made.sid == (await elsewhere.of(made.sid)).service_sid


async def test_two_services_may_be_called_alike(backend: AcsBackend) -> None:
    first, second = [await backend.services.create("Alike") for _ in range(2)]
    assert ("Alike", "Alike") == (first.friendly_name, second.friendly_name)
    assert first.sid != second.sid


async def test_a_name_that_is_too_long_makes_no_service(backend: AcsBackend) -> None:
    with pytest.raises(LimitError) as refused:
        await backend.services.create("x" * 257)
    assert 50003 == refused.value.code
    assert 1 == len(await backend.services.list())


@pytest.mark.parametrize("sid", [MISSING, "", "IS", "../default", "CH" + "a" * 32])
async def test_a_service_that_was_never_made_is_not_found(backend: AcsBackend, sid: str) -> None:
    for work in (backend.services.get, backend.services.delete, backend.services.of):
        with pytest.raises(NotFoundError) as refused:
            await work(sid)
        assert 50050 == refused.value.code


async def test_the_default_service_is_its_own_backend_and_cannot_be_deleted(backend: AcsBackend) -> None:
    assert backend is await backend.of(None)
    assert backend is await backend.of(backend.service_sid)
    with pytest.raises(ConflictError):
        await backend.services.delete(backend.service_sid)
    assert 1 == len(await backend.services.list())


async def test_a_service_has_one_backend_however_often_it_is_asked_for(
    backend: AcsBackend, tenant: AcsBackend
) -> None:
    assert tenant is await backend.of(tenant.service_sid)
    assert tenant is await tenant.of(tenant.service_sid)
    assert backend is await tenant.of(None)


async def test_a_unique_name_names_another_conversation_in_each_service(
    backend: AcsBackend, tenant: AcsBackend
) -> None:
    here, there = await create(backend), await create(tenant)
    assert here.sid != there.sid
    assert ([here.sid], [there.sid]) == (await conversations_of(backend), await conversations_of(tenant))
    found = await tenant.conversations.get_by_unique_name(account_of(tenant), "lobby")
    assert there.sid == found.sid


async def test_a_conversation_of_one_service_is_not_found_in_another(
    backend: AcsBackend, tenant: AcsBackend
) -> None:
    here, there = await create(backend), await create(tenant)
    for world, sid in ((tenant, here.sid), (backend, there.sid)):
        with pytest.raises(NotFoundError):
            await world.conversations.get(account_of(world), sid)
        with pytest.raises(NotFoundError):
            await world.messages.create(account_of(world), sid, draft("hi"))


async def test_users_and_roles_of_one_service_are_not_those_of_another(
    backend: AcsBackend, tenant: AcsBackend
) -> None:
    here = await backend.users.create(account_of(backend), UserDraft(identity="alice", friendly_name="A"))
    there = await tenant.users.create(account_of(tenant), UserDraft(identity="alice", friendly_name="B"))
    assert here.sid != there.sid
    assert ("A", "B") == (here.friendly_name, there.friendly_name)
    role = await tenant.roles.create(RoleDraft(friendly_name="mute", type="conversation", permissions=()))
    with pytest.raises(NotFoundError):
        await backend.roles.get(role.sid)


async def test_a_token_of_a_service_signs_in_to_that_service(backend: AcsBackend, tenant: AcsBackend) -> None:
    actor = await backend.sign_in(token_for(tenant.service_sid))
    assert ("alice", tenant.service_sid) == (actor.identity, actor.service_sid)
    made = await tenant.conversations.create(actor, NAMED)
    assert [made.sid] == await conversations_of(tenant)
    assert [] == await conversations_of(backend)


async def test_a_token_of_an_unknown_service_is_for_the_default_one_where_none_was_set(
    backend: AcsBackend,
) -> None:
    assert backend.service_sid == await backend.services.of_token(MISSING)
    assert backend.service_sid == await backend.services.of_token(None)
    assert backend.service_sid == (await backend.sign_in(token_for(MISSING))).service_sid


async def test_a_token_of_an_unknown_service_is_refused_where_the_default_one_was_set(
    deployment: Deployment,
) -> None:
    strict = deployment.backend(service_sid="IS" + "5" * 32)
    assert "IS" + "5" * 32 == await strict.services.of_token(None)
    made = await strict.services.create("Made")
    assert made.sid == await strict.services.of_token(made.sid)
    with pytest.raises(TokenError) as refused:
        await strict.sign_in(token_for(MISSING))
    assert 51101 == refused.value.code


async def test_a_deleted_service_is_gone_with_its_threads_and_the_others_stay(
    backend: AcsBackend, tenant: AcsBackend, deployment: Deployment
) -> None:
    kept, gone = await create(backend), await create(tenant)
    native = await deployment.native(await tenant.issue_identity("bob", with_token=True))
    await tenant.participants.create(account_of(tenant), gone.sid, ParticipantDraft(identity="bob"))
    assert 1 == len(await native.threads())
    await backend.services.delete(tenant.service_sid)
    for work in (backend.services.get, backend.services.of, backend.services.delete):
        with pytest.raises(NotFoundError):
            await work(tenant.service_sid)
    assert [backend.service_sid] == [each.sid for each in await backend.services.list()]
    assert [kept.sid] == await conversations_of(backend)
    assert [] == await native.threads()


async def test_a_service_that_another_process_deleted_is_found_to_be_gone(
    backend: AcsBackend, tenant: AcsBackend, deployment: Deployment
) -> None:
    late = deployment.backend()
    await backend.services.delete(tenant.service_sid)
    with pytest.raises(NotFoundError):
        await late.of(tenant.service_sid)
    assert 1 == len(await late.services.list())


async def test_a_deletion_that_broke_off_leaves_nothing_to_find_and_can_be_gone_on_with(
    backend: AcsBackend, tenant: AcsBackend, elsewhere: AcsBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(tenant)

    async def die(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(Conversations, "delete", die)
        with pytest.raises(ConnectionError):
            await backend.services.delete(tenant.service_sid)
    for world in (backend, elsewhere):
        assert 1 == len(await world.services.list())
        with pytest.raises(NotFoundError):
            await world.of(tenant.service_sid)
    await elsewhere.services.delete(tenant.service_sid)
    with pytest.raises(NotFoundError):
        await backend.services.delete(tenant.service_sid)
