"""The backends of services: what each has for itself, how long it is open, and what a deletion takes with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from acs_backend import AcsBackend, open_backend
from acs_backend.roles import CHANNEL_USER
from acs_backend.services import DEFAULT_NAME
from acs_backend.sids import service_sid
from acs_emulator import Emulator
from tests.acs_backend.deployment import (
    Deployment,
    bodies,
    draft,
    next_event,
    next_of,
    page,
    room,
    send,
    sign_in,
    twilio_token,
)
from tests.acs_backend.middleman import Fault, Middleman
from tests.acs_backend.store.databases import execute
from twilio_compat import Client
from twilio_compat.account import AccountBackend, UserDraft, account_actor
from twilio_compat.errors import (
    ClosedError,
    ConfigurationError,
    NotFoundError,
    TokenError,
    TwilioCompatError,
)
from twilio_compat.events import MessageAdded, SourceRefused, Synchronized
from twilio_compat.records import Actor, MediaUpload
from twilio_compat.settings import Settings

ACCOUNT = account_actor()
SET = "IS" + "5" * 32


@pytest.fixture
async def deployment(emulator: Emulator, shared_store: str) -> AsyncIterator[Deployment]:
    """Open backends on one emulator and one store of each kind."""
    async with Deployment(emulator, shared_store) as running:
        yield running


@pytest.fixture
def elsewhere(deployment: Deployment) -> AcsBackend:
    """Return the backend of another process."""
    return deployment.backend()


async def made(backend: AcsBackend, name: str = "Other") -> AcsBackend:
    """Make a service and return its backend."""
    return await backend.of((await backend.services.create(name)).sid)


async def user_of(backend: AcsBackend, service: AcsBackend, identity: str = "alice") -> Actor:
    """Sign somebody in who has a token for a service."""
    return await backend.sign_in(twilio_token(identity, service_sid=service.service_sid))


async def is_unknown(backend: AcsBackend, sid: str) -> bool:
    """Say whether nothing knows of a service."""
    codes = []
    for call in (backend.of(sid), backend.services.get(sid), backend.services.delete(sid)):
        try:
            await call
        except NotFoundError as error:
            codes.append(error.code)
    return [50050] * 3 == codes and sid not in [each.sid for each in await backend.services.list()]


# The list of them


def test_the_adapter_serves_accounts(emulator: Emulator) -> None:
    backend = open_backend(Settings(connection_string=emulator.connection_string, database_url="sqlite://"))
    assert isinstance(backend, AccountBackend)


async def test_its_sid_belongs_to_the_resource_unless_one_is_set(deployment: Deployment) -> None:
    derived = deployment.backend()
    assert service_sid(deployment.emulator.http_endpoint) == derived.service_sid
    assert SET == deployment.backend(service_sid=SET).service_sid


@pytest.mark.parametrize("sid", ["IS1", "CH" + "0" * 32, "IS" + "F" * 32])
async def test_what_is_no_sid_of_a_service_cannot_be_set(deployment: Deployment, sid: str) -> None:
    with pytest.raises(ConfigurationError, match="TWILIO_COMPAT_SERVICE_SID"):
        deployment.backend(service_sid=sid)


async def test_services_that_were_made_follow_in_that_order(
    backend: AcsBackend, elsewhere: AcsBackend
) -> None:
    sids = [
        (await each.services.create(name)).sid
        for name, each in zip("abc", [backend, elsewhere] * 2, strict=False)
    ]
    found = await elsewhere.services.list()
    assert [backend.service_sid, *sids] == [each.sid for each in found]
    assert [DEFAULT_NAME, "a", "b", "c"] == [each.friendly_name for each in found]
    assert sorted(found, key=lambda each: each.date_created) == found
    assert found[1] == await backend.services.get(sids[0])


# Worlds of their own


async def test_users_roles_documents_and_files_are_each_services_own(backend: AcsBackend) -> None:
    other = await made(backend)
    await backend.users.create(ACCOUNT, UserDraft(identity="alice", friendly_name="Ours"))
    await other.users.create(ACCOUNT, UserDraft(identity="alice", friendly_name="Theirs"))
    names = [(await each.users.get(ACCOUNT, "alice")).friendly_name for each in (backend, other)]
    assert ["Ours", "Theirs"] == names
    assert await backend.identities.acs_id("alice") != await other.identities.acs_id("alice")
    await other.roles.update(CHANNEL_USER, [])
    assert 8 == len((await backend.roles.get(CHANNEL_USER)).permissions)
    await other.documents.put("kind", "name", {})
    assert await backend.documents.get("kind", "name") is None
    file = await other.media.upload(ACCOUNT, MediaUpload(content=b"x", content_type="text/plain"))
    for call in (backend.media.get(file.sid), backend.media.temporary_urls(ACCOUNT, [file.sid])):
        with pytest.raises(NotFoundError):
            await call
    assert await other.leases.hold("timers", "one", seconds=30)
    assert await backend.leases.hold("timers", "two", seconds=30)


async def test_every_process_serves_a_service(deployment: Deployment, backend: AcsBackend) -> None:
    other = await made(backend)
    alice = await user_of(backend, other)
    chat = await room(other, alice, "alice")
    await send(other, alice, chat, "one")
    elsewhere = await deployment.backend().of(other.service_sid)
    await send(elsewhere, alice, chat, "two")
    assert ["one", "two"] == await bodies(other, alice, chat)
    async with elsewhere.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await send(other, alice, chat, "three")
        assert "three" == (await next_of(events, MessageAdded)).message.body


async def test_a_service_is_there_after_a_restart(deployment: Deployment) -> None:
    before = deployment.backend()
    other = await made(before)
    alice = await user_of(before, other)
    chat = await room(other, alice, "alice")
    await send(other, alice, chat, "hello")
    await before.close()
    after = await deployment.backend().of(other.service_sid)
    assert ["hello"] == await bodies(after, alice, chat)


async def test_services_in_memory_are_apart_too(deployment: Deployment) -> None:
    backend = deployment.backend(database_url="sqlite://")
    other = await made(backend)
    alice = await user_of(backend, other)
    await room(other, alice, "alice")
    assert 1 == len(await other.conversations.list(alice))
    assert [] == await backend.conversations.list(await user_of(backend, backend))
    await backend.services.delete(other.service_sid)
    assert await is_unknown(backend, other.service_sid)


# Signing in


async def test_an_acs_token_is_for_the_default_service(backend: AcsBackend) -> None:
    issued = await backend.issue_identity("natalie", with_token=True)
    assert issued.token is not None
    actor = await backend.sign_in(issued.token)
    assert backend is await backend.of(actor.service_sid)


async def test_a_client_is_connected_to_the_service_of_its_token(
    deployment: Deployment, backend: AcsBackend
) -> None:
    other = await made(backend)
    tokens = [
        twilio_token("alice", service_sid=each.service_sid, ttl=ttl)
        for each, ttl in ((backend, 3600), (other, 3600), (other, 1800))
    ]
    options = {"settings": deployment.settings}
    async with Client(tokens[0], options) as ours, Client(tokens[1], options) as theirs:
        chat = await theirs.createConversation({"uniqueName": "lobby"})
        await chat.join()
        with pytest.raises(TwilioCompatError):
            await ours.getConversationByUniqueName("lobby")
        await theirs.updateToken(tokens[2])
        for token in (tokens[0], twilio_token("bob", service_sid=other.service_sid)):
            with pytest.raises(TokenError):
                await theirs.updateToken(token)
        assert chat.sid == (await theirs.getConversationByUniqueName("lobby")).sid


# Deleting


async def status_of(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


def files(directory: Path) -> list[str]:
    return [each.name.lower() for each in directory.iterdir()]


async def stores(url: str, directory: Path) -> list[str]:
    """Return the names of the schemas, or of the files."""
    if url.startswith("sqlite"):
        return files(directory)
    return [str(each) for each in await execute(url, "SELECT nspname FROM pg_namespace")]


async def test_a_deleted_service_takes_everything_with_it(
    deployment: Deployment,
    backend: AcsBackend,
    elsewhere: AcsBackend,
    alice: Actor,
    shared_store: str,
    tmp_path: Path,
) -> None:
    ours = await room(backend, alice, "alice")
    other = await made(backend)
    native = await deployment.native(await other.issue_identity("natalie", with_token=True))
    bob = await user_of(backend, other, "bob")
    chats = [await room(other, bob, "bob", "natalie") for _ in range(3)]
    file = await other.media.upload(bob, MediaUpload(content=b"x", content_type="text/plain"))
    await other.messages.create(bob, chats[0].sid, draft(None, media=(file,)))
    url = (await other.media.temporary_urls(bob, [file.sid]))[file.sid]
    assert 3 == len(await native.threads())
    assert any(other.service_sid.lower() in each for each in await stores(shared_store, tmp_path))

    await elsewhere.services.delete(other.service_sid)

    assert await is_unknown(elsewhere, other.service_sid)
    assert [] == await native.threads()
    assert 404 == await status_of(url)
    left = await stores(shared_store, tmp_path)
    assert [] == [each for each in left if other.service_sid.lower() in each]
    assert [ours.sid] == [each.sid for each in await elsewhere.conversations.list(alice)]


async def test_who_has_a_deleted_service_open_is_told(backend: AcsBackend, elsewhere: AcsBackend) -> None:
    other = await made(backend)
    alice = await user_of(backend, other)
    chat = await room(other, alice, "alice")
    await send(other, alice, chat, "hello")
    async with other.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await elsewhere.services.delete(other.service_sid)
        with pytest.raises(NotFoundError) as caught:
            await other.users.get(ACCOUNT, "alice")
        assert 50050 == caught.value.code
        while not isinstance(event := await next_event(events), SourceRefused):
            pass
        assert 51101 == getattr(event.error, "code", None)
    async with asyncio.timeout(30):
        while not await is_unknown_to(backend, other.service_sid):
            pass  # it is noticed within a second
    with pytest.raises(ClosedError):
        await other.users.get(ACCOUNT, "alice")


async def is_unknown_to(backend: AcsBackend, sid: str) -> bool:
    try:
        await backend.of(sid)
    except NotFoundError:
        return True
    return False


async def test_a_token_of_a_deleted_service_is_for_the_default_one(backend: AcsBackend) -> None:
    other = await made(backend)
    token = twilio_token("alice", service_sid=other.service_sid)
    assert other.service_sid == (await backend.sign_in(token)).service_sid
    await backend.services.delete(other.service_sid)
    assert backend.service_sid == (await backend.sign_in(token)).service_sid


async def test_a_deletion_that_was_broken_off_is_finished_by_the_next(
    deployment: Deployment, backend: AcsBackend, middleman: Middleman
) -> None:
    other = await made(backend)
    native = await deployment.native(await other.issue_identity("natalie", with_token=True))
    alice = await user_of(backend, other)
    for _ in range(2):
        await room(other, alice, "alice", "natalie")
    through = middleman.connection_string(str(deployment.settings.connection_string))
    broken = deployment.backend(connection_string=through, deadline=1.5, service_sid=backend.service_sid)
    middleman.fault = lambda seen: Fault.ERROR if seen.method == "DELETE" else None
    with pytest.raises(TwilioCompatError):
        await broken.services.delete(other.service_sid)
    assert 2 == len(await native.threads())
    for each in (broken, deployment.backend()):
        assert await is_unknown_to(each, other.service_sid)
        assert other.service_sid not in [found.sid for found in await each.services.list()]
    await deployment.backend().services.delete(other.service_sid)
    assert [] == await native.threads()
    assert await is_unknown(deployment.backend(), other.service_sid)


async def test_of_two_who_delete_a_service_at_once_neither_leaves_anything(
    backend: AcsBackend, elsewhere: AcsBackend, shared_store: str, tmp_path: Path
) -> None:
    other = await made(backend)
    await room(other, await user_of(backend, other), "alice")
    outcomes = await asyncio.gather(
        *(each.services.delete(other.service_sid) for each in (backend, elsewhere)), return_exceptions=True
    )
    assert {NotFoundError} >= {type(each) for each in outcomes if each is not None}
    assert await is_unknown(backend, other.service_sid)
    left = await stores(shared_store, tmp_path)
    assert [] == [each for each in left if other.service_sid.lower() in each]


async def test_services_end_with_the_backend_that_opened_them(deployment: Deployment) -> None:
    backend = deployment.backend()
    other = await made(backend)
    alice = await user_of(backend, other)
    chat = await room(other, alice, "alice")
    await send(other, alice, chat, "hello")
    await backend.close()
    await backend.close()
    with pytest.raises(ClosedError):
        await page(other, alice, chat)
    with pytest.raises(ClosedError):
        await backend.of(other.service_sid)


async def test_a_store_that_cannot_be_made_makes_no_service(emulator: Emulator, tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    async with Deployment(emulator, f"sqlite:///{home / 'store.db'}") as deployment:
        backend = deployment.backend()
        (default,) = await backend.services.list()
        home.rename(away)
        with pytest.raises(ConfigurationError, match="cannot be used"):
            await backend.services.create("Other")
        assert [default] == await backend.services.list()
        away.rename(home)
        await made(backend)


async def test_services_need_a_store_that_lasts(emulator: Emulator) -> None:
    backend = AcsBackend(Settings(endpoint=emulator.http_endpoint))
    with pytest.raises(TwilioCompatError, match="COMMUNICATION_SERVICES_CONNECTION_STRING"):
        await backend.services.create("Other")
    await backend.close()


async def test_users_of_several_services_listen_at_once(backend: AcsBackend) -> None:
    other = await made(backend)
    ours, theirs = (await sign_in(backend, "alice"))[0], await user_of(backend, other)
    chats = [await room(backend, ours, "alice"), await room(other, theirs, "alice")]
    async with backend.subscribe(ours) as first, other.subscribe(theirs) as second:
        for events in (first, second):
            await next_of(events, Synchronized)
        await send(backend, ours, chats[0], "here")
        await send(other, theirs, chats[1], "there")
        assert "here" == (await next_of(first, MessageAdded)).message.body
        assert "there" == (await next_of(second, MessageAdded)).message.body
