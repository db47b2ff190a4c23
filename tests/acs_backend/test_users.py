from __future__ import annotations

import asyncio

import pytest

from acs_backend import AcsBackend
from acs_backend.roles import SERVICE_ADMIN, SERVICE_USER
from acs_backend.store import identities
from acs_backend.store.database import Database
from tests.acs_backend.deployment import Deployment, next_of, room, sign_in
from twilio_compat.errors import ArgumentError, ForbiddenError, NotFoundError, TwilioCompatError
from twilio_compat.events import Synchronized, UserUpdated
from twilio_compat.records import Actor, UserChanges


async def make_admin(deployment: Deployment, identity: str) -> None:
    """Give a user the role that only somebody who has it can give."""
    database = Database(deployment.settings.database_url)
    async with database.write() as connection:
        row = await identities.find(connection, identity)
        assert row is not None
        values = {name: getattr(row, name) for name in identities.IdentityRow.__slots__}
        await identities.save(connection, identities.IdentityRow(**(values | {"role_sid": SERVICE_ADMIN})))
    await database.close()


async def test_ones_own_user_always_exists(backend: AcsBackend, alice: Actor) -> None:
    user = await backend.users.get(alice, "alice")
    assert ("alice", "alice", {}) == (user.identity, user.friendly_name, user.attributes)
    assert (SERVICE_USER, None, None) == (user.role_sid, user.is_online, user.is_notifiable)
    assert user.sid.startswith("US")


async def test_another_user_exists_once_it_was_seen(backend: AcsBackend, alice: Actor) -> None:
    with pytest.raises(NotFoundError, match="User not found") as caught:
        await backend.users.get(alice, "bob")
    assert 50200 == caught.value.code
    await sign_in(backend, "bob")
    assert "bob" == (await backend.users.get(alice, "bob")).identity


@pytest.mark.parametrize("identity", ["a\0b", "\ud800"])
async def test_nobody_is_called_what_is_no_text(backend: AcsBackend, alice: Actor, identity: str) -> None:
    with pytest.raises(ArgumentError, match="An identity is Unicode text without NUL"):
        await backend.users.get(alice, identity)


async def test_an_acs_user_is_known_by_its_id(backend: AcsBackend, alice: Actor) -> None:
    stranger = "8:acs:resource_stranger"
    assert stranger == (await backend.users.get(alice, stranger)).identity


async def test_users_change_their_own_name_and_attributes(backend: AcsBackend, alice: Actor) -> None:
    before = await backend.users.get(alice, "alice")
    changes = UserChanges(friendly_name="Alice A.", attributes={"colour": "red"})
    changed = await backend.users.update(alice, "alice", changes)
    assert ("Alice A.", {"colour": "red"}) == (changed.friendly_name, changed.attributes)
    assert changed.date_updated is not None
    assert before.date_updated is not None
    assert changed.date_updated > before.date_updated
    assert changed == await backend.users.get(alice, "alice")


async def test_changes_of_name_and_attributes_at_once_both_survive(
    deployment: Deployment, alice: Actor
) -> None:
    first, second = deployment.backend(), deployment.backend()
    await asyncio.gather(
        first.users.update(alice, "alice", UserChanges(friendly_name="Alice A.")),
        second.users.update(alice, "alice", UserChanges(attributes=[1])),
    )
    found = await first.users.get(alice, "alice")
    assert ("Alice A.", [1]) == (found.friendly_name, found.attributes)


async def test_only_a_service_admin_changes_others_and_gives_roles(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    await sign_in(backend, "bob")
    refused = [("bob", UserChanges(friendly_name="x")), ("alice", UserChanges(role_sid=SERVICE_ADMIN))]
    for identity, changes in refused:
        with pytest.raises(ForbiddenError, match="User unauthorized for command") as caught:
            await backend.users.update(alice, identity, changes)
        assert 50107 == caught.value.code
    await make_admin(deployment, "alice")
    assert "x" == (await backend.users.update(alice, "bob", UserChanges(friendly_name="x"))).friendly_name
    promoted = await backend.users.update(alice, "bob", UserChanges(role_sid=SERVICE_ADMIN))
    assert SERVICE_ADMIN == promoted.role_sid


async def test_a_user_may_be_named_by_their_acs_id(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    await sign_in(backend, "bob")
    acs_id = await backend.identities.acs_id("bob")
    assert await backend.users.get(alice, "bob") == await backend.users.get(alice, acs_id)
    await make_admin(deployment, "alice")
    changed = await backend.users.update(alice, acs_id, UserChanges(friendly_name="Bob"))
    assert ("bob", "Bob") == (changed.identity, changed.friendly_name)
    assert changed == await backend.users.get(alice, "bob")


async def test_the_steward_is_no_user(backend: AcsBackend, alice: Actor) -> None:
    with pytest.raises(NotFoundError) as caught:
        await backend.users.get(alice, (await backend.identities.steward()).id)
    assert 50200 == caught.value.code


async def test_what_twilio_would_refuse_changes_nothing(backend: AcsBackend, alice: Actor) -> None:
    refused = [
        (UserChanges(attributes={"x": "y" * 16 * 1024}), 50303),
        (UserChanges(friendly_name="x" * 257), 50003),
        (UserChanges(role_sid="RL" + "0" * 32), 50100),
    ]
    before = await backend.users.get(alice, "alice")
    for changes, code in refused:
        with pytest.raises(TwilioCompatError) as caught:
            await backend.users.update(alice, "alice", changes)
        assert code == getattr(caught.value, "code", None)
    assert before == await backend.users.get(alice, "alice")


async def test_who_came_with_an_acs_token_of_their_own_has_a_name_too(
    deployment: Deployment, backend: AcsBackend
) -> None:
    issued = await deployment.backend(database_url="sqlite://").issue_identity("elsewhere", with_token=True)
    assert issued.token is not None
    actor = await backend.sign_in(issued.token)
    assert issued.acs_user_id == actor.identity
    await backend.users.update(actor, actor.identity, UserChanges(friendly_name="Nadine"))
    found = await deployment.backend().users.get(actor, actor.identity)
    assert ("Nadine", issued.acs_user_id) == (found.friendly_name, found.identity)


async def test_everybody_hears_of_a_changed_user(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    (bob,) = await sign_in(backend, "bob")
    await room(backend, alice, "alice", "bob")
    async with deployment.backend().subscribe(bob) as events:
        await next_of(events, Synchronized)
        changed = await backend.users.update(alice, "alice", UserChanges(friendly_name="Alice A."))
        assert changed == (await next_of(events, UserUpdated)).user
