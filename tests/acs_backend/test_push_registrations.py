from __future__ import annotations

import pytest

from tests.acs_backend.deployment import Deployment, next_of, sign_in
from twilio_compat.errors import ArgumentError, NotFoundError
from twilio_compat.events import Synchronized, UserUpdated


@pytest.fixture
def store_url(shared_store: str) -> str:
    return shared_store


@pytest.mark.parametrize("registration_id", ["a\0b", "\ud800"])
async def test_a_device_that_no_text_names_is_refused(deployment: Deployment, registration_id: str) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    for change in (backend.push_registrations.create, backend.push_registrations.delete):
        with pytest.raises(ArgumentError, match="A registration id is Unicode text without NUL"):
            await change(alice, "fcm", registration_id)


async def test_the_account_sees_all_devices_in_the_order_in_which_they_were_noted(
    deployment: Deployment,
) -> None:
    backend = deployment.backend()
    alice, bob = await sign_in(backend, "alice", "bob")
    for actor, channel, registration_id in ((bob, "fcm", "b"), (alice, "apn", "a"), (alice, "fcm", "a")):
        await backend.push_registrations.create(actor, channel, registration_id)

    found = await backend.push_registrations.list()

    expected = [("bob", "fcm", "b"), ("alice", "apn", "a"), ("alice", "fcm", "a")]
    assert sorted(expected) == sorted((each.identity, each.channel, each.registration_id) for each in found)
    assert found == await deployment.backend().push_registrations.list()
    assert 3 == len({each.sid for each in found})
    assert all(each.sid.startswith("BS") and len(each.sid) == 34 for each in found)


async def test_the_account_forgets_a_device_and_its_user_is_told_to_be_out_of_reach(
    deployment: Deployment,
) -> None:
    backend = deployment.backend(reachability=True)
    alice, bob = await sign_in(backend, "alice", "bob")
    await backend.push_registrations.create(alice, "fcm", "a")
    await backend.push_registrations.create(bob, "fcm", "b")
    sids = {each.identity: each.sid for each in await backend.push_registrations.list()}

    async with backend.subscribe(bob) as events:
        await next_of(events, Synchronized)
        await backend.push_registrations.remove(sids["alice"])
        told = await next_of(events, UserUpdated)

    assert ("alice", False) == (told.user.identity, told.user.is_notifiable)
    assert ["bob"] == [each.identity for each in await backend.push_registrations.list()]


async def test_a_device_that_nobody_noted_cannot_be_forgotten(deployment: Deployment) -> None:
    with pytest.raises(NotFoundError) as refused:
        await deployment.backend().push_registrations.remove("BS" + "0" * 32)

    assert 20404 == refused.value.code
