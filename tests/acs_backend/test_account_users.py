"""What an account does with users: make, list and delete them; and who is one again afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from azure.core.exceptions import HttpResponseError

from acs_backend import AcsBackend
from acs_backend.identities import STEWARD
from acs_backend.roles import SERVICE_ADMIN, SERVICE_USER
from acs_backend.sids import USER, is_sid
from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment, bodies, next_of, page, room, send, sign_in
from twilio_compat.account import RoleDraft, UserDraft, account_actor, on_behalf_of
from twilio_compat.errors import (
    ArgumentError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    TwilioCompatError,
    TwilsockUpstreamError,
)
from twilio_compat.events import ConversationLeft, Synchronized, UserUpdated
from twilio_compat.records import Actor, ParticipantDraft, UserChanges, UserRecord

ACCOUNT = account_actor()


@pytest.fixture
async def deployment(emulator: Emulator, shared_store: str) -> AsyncIterator[Deployment]:
    """Open backends on one emulator and one store of each kind."""
    async with Deployment(emulator, shared_store) as running:
        yield running


@pytest.fixture
def elsewhere(deployment: Deployment) -> AcsBackend:
    """Return the backend of another process."""
    return deployment.backend()


def draft(identity: str, **fields: object) -> UserDraft:
    return UserDraft(identity=identity, **fields)  # type: ignore[arg-type]  # as the test says


async def everybody(backend: AcsBackend) -> list[str]:
    return [each.identity for each in await backend.users.page(ACCOUNT, after=None, limit=100)]


async def is_gone(backend: AcsBackend, user: UserRecord) -> bool:
    """Say whether nothing finds a user any more."""
    codes = []
    for call in (backend.users.get(ACCOUNT, user.identity), backend.users.by_sid(ACCOUNT, user.sid)):
        try:
            await call
        except NotFoundError as error:
            codes.append(error.code)
    return [50200, 50200] == codes and user.identity not in await everybody(backend)


async def test_a_user_is_made_as_the_draft_says(backend: AcsBackend, elsewhere: AcsBackend) -> None:
    made = await backend.users.create(
        ACCOUNT, draft("alice", friendly_name="Alice", attributes={"x": [1]}, role_sid=SERVICE_ADMIN)
    )
    assert ("alice", "Alice", {"x": [1]}, SERVICE_ADMIN) == (
        made.identity,
        made.friendly_name,
        made.attributes,
        made.role_sid,
    )
    assert is_sid(made.sid, USER)
    assert made.date_created == made.date_updated is not None
    assert (
        made == await elsewhere.users.get(ACCOUNT, "alice") == await backend.users.by_sid(ACCOUNT, made.sid)
    )
    (alice,) = await sign_in(elsewhere, "alice")
    assert made == await elsewhere.users.get(alice, "alice")


async def test_a_user_without_a_name_is_called_by_their_identity(backend: AcsBackend) -> None:
    made = await backend.users.create(ACCOUNT, draft("alice"))
    assert ("alice", {}, SERVICE_USER) == (made.friendly_name, made.attributes, made.role_sid)


async def test_nobody_is_made_twice(backend: AcsBackend, elsewhere: AcsBackend) -> None:
    outcomes = await asyncio.gather(
        *(each.users.create(ACCOUNT, draft("alice")) for each in (backend, elsewhere) * 3),
        return_exceptions=True,
    )
    refused = [each for each in outcomes if isinstance(each, ConflictError)]
    assert [(409, 50201, "User already exists")] * 5 == [
        (each.status, each.code, each.detail) for each in refused
    ]
    assert ["alice"] == await everybody(backend)


async def test_whoever_signed_in_is_a_user_already(backend: AcsBackend, alice: Actor) -> None:
    with pytest.raises(ConflictError):
        await backend.users.create(ACCOUNT, draft("alice"))


REFUSED: list[tuple[UserDraft, int]] = [
    (draft(""), 50204),
    (draft("x" * 257), 50207),
    (draft(STEWARD), 50203),
    (draft("8:acs:someone_1"), 50203),
    (draft("US" + "0" * 32), 50206),
    (draft("alice", friendly_name="x" * 257), 50003),
    (draft("alice", attributes={"x": "y" * 16 * 1024}), 50303),
    (draft("alice", role_sid="RL" + "0" * 32), 50100),
]


@pytest.mark.parametrize(("refused", "code"), REFUSED, ids=lambda each: str(each)[:60])
async def test_what_twilio_would_refuse_makes_nobody(
    backend: AcsBackend, refused: UserDraft, code: int
) -> None:
    with pytest.raises(TwilsockUpstreamError) as caught:
        await backend.users.create(ACCOUNT, refused)
    assert code == caught.value.code
    assert [] == await everybody(backend)


@pytest.mark.parametrize("identity", ["a\0b", "\ud800"])
async def test_nobody_is_made_of_what_is_no_text(backend: AcsBackend, identity: str) -> None:
    with pytest.raises(ArgumentError):
        await backend.users.create(ACCOUNT, draft(identity))


async def test_users_are_the_accounts_to_make_and_to_delete(backend: AcsBackend, alice: Actor) -> None:
    for call in (backend.users.create(alice, draft("bob")), backend.users.delete(alice, "alice")):
        with pytest.raises(ForbiddenError, match="User unauthorized for command") as caught:
            await call
        assert 50107 == caught.value.code


async def test_the_account_changes_any_user_and_gives_roles(backend: AcsBackend) -> None:
    await backend.users.create(ACCOUNT, draft("alice"))
    moderator = await backend.roles.create(
        RoleDraft(friendly_name="moderator", type="service", permissions=("editAnyMessage",))
    )
    changes = UserChanges(friendly_name="Alice A.", role_sid=moderator.sid)
    changed = await backend.users.update(ACCOUNT, "alice", changes)
    assert ("Alice A.", moderator.sid) == (changed.friendly_name, changed.role_sid)
    changed = await backend.users.update(on_behalf_of("alice"), "alice", UserChanges(attributes=[1]))
    assert ("Alice A.", [1]) == (changed.friendly_name, changed.attributes)


async def test_all_users_are_listed_page_by_page_in_the_order_in_which_they_were_made(
    backend: AcsBackend, elsewhere: AcsBackend
) -> None:
    names = [f"user {number}" for number in range(7)]
    for number, name in enumerate(names):
        await (backend, elsewhere)[number % 2].users.create(ACCOUNT, draft(name))
    (alice,) = await sign_in(backend, "alice")
    await room(backend, alice, "alice", "added")
    found: list[str] = []
    after = None
    while some := await elsewhere.users.page(ACCOUNT, after=after, limit=4):
        found += [each.identity for each in some]
        after = some[-1].sid
    assert [*names, "alice", "added"] == found


async def test_users_that_were_made_in_the_same_millisecond_are_all_listed_once(
    deployment: Deployment, backend: AcsBackend
) -> None:
    await asyncio.gather(*(backend.users.create(ACCOUNT, draft(f"{n}")) for n in range(10)))
    found: list[str] = []
    after = None
    while some := await backend.users.page(ACCOUNT, after=after, limit=1):
        found += [each.identity for each in some]
        after = some[-1].sid
    assert sorted(map(str, range(10))) == sorted(found)


@pytest.mark.parametrize("sid", ["US" + "0" * 32, "x", "", "US\0"])
async def test_who_is_unknown_is_not_found(backend: AcsBackend, sid: str) -> None:
    for call in (
        backend.users.by_sid(ACCOUNT, sid),
        backend.users.page(ACCOUNT, after=sid, limit=1),
        backend.users.delete(ACCOUNT, "nobody"),
    ):
        with pytest.raises(NotFoundError) as caught:
            await call
        assert 50200 == caught.value.code


async def test_the_steward_is_no_user_of_the_account_either(backend: AcsBackend, alice: Actor) -> None:
    steward = await backend.identities.steward()
    assert ["alice"] == await everybody(backend)
    for identity in (STEWARD, steward.id):
        with pytest.raises(NotFoundError):
            await backend.users.delete(ACCOUNT, identity)


# Deleting


async def test_a_deleted_user_is_in_no_conversation_and_what_they_wrote_stays(
    deployment: Deployment, backend: AcsBackend, elsewhere: AcsBackend
) -> None:
    alice, bob = await sign_in(backend, "alice", "bob")
    user = await backend.users.get(bob, "bob")
    chats = [await room(backend, creator, "alice", "bob") for creator in (alice, bob)]
    sent = await send(backend, bob, chats[0], "hello")
    await elsewhere.users.delete(ACCOUNT, "bob")
    assert await is_gone(backend, user)
    assert await is_gone(elsewhere, user)
    for chat in chats:
        members = await backend.participants.list(alice, chat.sid)
        assert ["alice"] == [each.identity for each in members]
    (message,) = (await page(elsewhere, alice, chats[0])).items
    assert ("bob", "hello", sent.sid) == (message.author, message.body, message.sid)


async def test_a_deleted_users_client_is_told_that_it_left(
    backend: AcsBackend, elsewhere: AcsBackend
) -> None:
    alice, bob = await sign_in(backend, "alice", "bob")
    chat = await room(backend, alice, "alice", "bob")
    async with backend.subscribe(bob) as events:
        await next_of(events, Synchronized)
        await elsewhere.users.delete(ACCOUNT, "bob")
        assert chat.sid == (await next_of(events, ConversationLeft)).conversation_sid


async def test_those_who_knew_a_deleted_user_see_a_plain_one(
    backend: AcsBackend, elsewhere: AcsBackend
) -> None:
    alice, bob = await sign_in(backend, "alice", "bob")
    await backend.users.update(bob, "bob", UserChanges(friendly_name="Bob", attributes=[1]))
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await elsewhere.users.delete(ACCOUNT, "bob")
        told = (await next_of(events, UserUpdated)).user
        assert ("bob", {}) == (told.friendly_name, told.attributes)
        await elsewhere.users.create(ACCOUNT, draft("bob", friendly_name="Robert"))
        again = (await next_of(events, UserUpdated)).user
        assert "Robert" == again.friendly_name
        assert again.date_updated is not None
        assert told.date_updated is not None
        assert again.date_updated > told.date_updated


async def test_nobody_is_deleted_twice(backend: AcsBackend) -> None:
    await backend.users.create(ACCOUNT, draft("bob"))
    await backend.users.delete(ACCOUNT, "bob")
    with pytest.raises(NotFoundError):
        await backend.users.delete(ACCOUNT, "bob")
    with pytest.raises(NotFoundError):
        await backend.users.update(ACCOUNT, "bob", UserChanges(friendly_name="x"))


async def test_who_is_made_again_is_a_new_user(backend: AcsBackend, elsewhere: AcsBackend) -> None:
    old = await backend.users.create(
        ACCOUNT, draft("bob", friendly_name="Bob", attributes=[1], role_sid=SERVICE_ADMIN)
    )
    acs_id = await backend.identities.acs_id("bob")
    await backend.users.delete(ACCOUNT, "bob")
    new = await elsewhere.users.create(ACCOUNT, draft("bob"))
    assert ("bob", {}, SERVICE_USER) == (new.friendly_name, new.attributes, new.role_sid)
    assert old.date_created is not None
    assert new.date_created is not None
    assert old.date_created < new.date_created
    assert acs_id == await elsewhere.identities.acs_id("bob")
    assert ["bob"] == await everybody(backend)


async def see_by_signing_in(backend: AcsBackend, alice: Actor) -> None:
    await sign_in(backend, "bob")


async def see_by_adding(backend: AcsBackend, alice: Actor) -> None:
    await room(backend, alice, "alice", "bob")


async def see_by_acting_on_behalf(backend: AcsBackend, alice: Actor) -> None:
    await backend.conversations.list(on_behalf_of("bob"))


@pytest.mark.parametrize("see", [see_by_signing_in, see_by_adding, see_by_acting_on_behalf])
async def test_who_is_seen_again_is_a_user_again_wherever_they_were_known(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor, see: object
) -> None:
    (bob,) = await sign_in(elsewhere, "bob")
    await elsewhere.users.update(bob, "bob", UserChanges(friendly_name="Bob"))
    await room(elsewhere, alice, "alice", "bob")
    await backend.users.delete(ACCOUNT, "bob")
    await see(elsewhere, alice)  # type: ignore[operator]
    assert "bob" == (await backend.users.get(ACCOUNT, "bob")).friendly_name
    assert {"alice", "bob"} == {*await everybody(backend)}


async def test_a_client_that_stayed_signed_in_is_a_user_again_when_it_asks_or_joins(
    backend: AcsBackend, elsewhere: AcsBackend
) -> None:
    alice, bob = await sign_in(backend, "alice", "bob")
    await elsewhere.users.delete(ACCOUNT, "bob")
    assert "bob" == (await backend.users.get(bob, "bob")).identity
    assert "bob" in await everybody(elsewhere)
    await elsewhere.users.delete(ACCOUNT, "bob")
    chat = await room(backend, alice, "alice")
    await backend.participants.create(bob, chat.sid, ParticipantDraft(identity="bob"))
    assert "bob" in await everybody(elsewhere)
    await send(backend, bob, chat, "here again")
    assert ["here again"] == await bodies(elsewhere, alice, chat)


async def test_a_native_client_of_a_deleted_user_gets_no_further(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    issued = await backend.issue_identity("bob", with_token=True)
    native = await deployment.native(issued)
    await room(backend, alice, "alice", "bob")
    assert 1 == len(await native.threads())
    await backend.users.delete(ACCOUNT, "bob")
    with pytest.raises(HttpResponseError) as caught:
        await native.threads()
    assert 401 == caught.value.status_code
    again = await backend.issue_identity("bob", with_token=True)
    assert issued.acs_user_id == again.acs_user_id
    assert [] == await (await deployment.native(again)).threads()
    assert "bob" in await everybody(backend)


async def test_a_user_leaves_conversations_that_the_library_did_not_make(
    deployment: Deployment, backend: AcsBackend
) -> None:
    native = await deployment.native(await backend.issue_identity("natalie", with_token=True))
    bob_id = await backend.identities.acs_id("bob")
    await native.create_thread("Native", native.acs_id, bob_id)
    (bob,) = await sign_in(backend, "bob")
    assert 1 == len(await backend.conversations.list(bob))
    await backend.users.delete(ACCOUNT, "bob")
    members = [each.identifier.raw_id async for each in (await native.only_thread()).list_participants()]
    assert [native.acs_id] == members


async def test_a_native_user_who_never_came_through_the_library_is_deleted_too(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    stranger = await deployment.backend(database_url="sqlite://").issue_identity("x", with_token=True)
    chat = await room(backend, alice, "alice", stranger.acs_user_id)
    await backend.users.delete(ACCOUNT, stranger.acs_user_id)
    assert ["alice"] == [each.identity for each in await backend.participants.list(alice, chat.sid)]
    with pytest.raises(NotFoundError):
        await backend.users.get(ACCOUNT, stranger.acs_user_id)
    await backend.participants.create(alice, chat.sid, ParticipantDraft(identity=stranger.acs_user_id))
    assert stranger.acs_user_id == (await backend.users.get(ACCOUNT, stranger.acs_user_id)).identity


async def test_devices_of_a_deleted_user_are_forgotten(deployment: Deployment) -> None:
    backend = deployment.backend(reachability=True)
    (bob,) = await sign_in(backend, "bob")
    await backend.push_registrations.create(bob, "fcm", "device")
    assert (await backend.users.get(bob, "bob")).is_notifiable
    await backend.users.delete(ACCOUNT, "bob")
    assert not (await backend.users.get(bob, "bob")).is_notifiable


async def test_who_is_added_while_they_are_deleted_is_either_out_or_a_user(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor
) -> None:
    await sign_in(elsewhere, "bob")
    chats = [await room(backend, alice, "alice") for _ in range(4)]
    joining = ParticipantDraft(identity="bob")
    outcomes = await asyncio.gather(
        elsewhere.users.delete(ACCOUNT, "bob"),
        *(backend.participants.create(alice, each.sid, joining) for each in chats),
        return_exceptions=True,
    )
    assert [] == [
        each
        for each in outcomes
        if isinstance(each, BaseException) and not isinstance(each, TwilioCompatError)
    ]
    is_member = [
        "bob" in [each.identity for each in await backend.participants.list(alice, chat.sid)]
        for chat in chats
    ]
    if any(is_member):
        assert "bob" == (await backend.users.get(ACCOUNT, "bob")).identity


async def test_a_removal_that_was_broken_off_is_finished_by_the_next(
    backend: AcsBackend, elsewhere: AcsBackend, alice: Actor
) -> None:
    (bob,) = await sign_in(backend, "bob")
    chat = await room(backend, alice, "alice", "bob")
    await backend.participants.leave(await backend.identities.acting(bob), await row(backend, chat.sid))
    assert "bob" in await everybody(elsewhere)
    await elsewhere.users.delete(ACCOUNT, "bob")
    assert ["alice"] == await everybody(backend)


async def row(backend: AcsBackend, sid: str) -> object:
    return await backend.conversations.find(ACCOUNT, sid)
