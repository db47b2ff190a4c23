from __future__ import annotations

import pytest

from tests.acs_backend.deployment import Deployment, sign_in
from twilio_compat.errors import NotFoundError


async def test_ones_own_user_always_exists(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    user = await backend.users.get(alice, "alice")
    assert ("alice", "alice", {}) == (user.identity, user.friendly_name, user.attributes)
    assert user.sid.startswith("US")


async def test_another_user_exists_once_it_was_seen(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    with pytest.raises(NotFoundError, match="User not found") as caught:
        await backend.users.get(alice, "bob")
    assert 50200 == caught.value.code
    await sign_in(backend, "bob")
    assert "bob" == (await backend.users.get(alice, "bob")).identity


async def test_an_acs_user_is_known_by_its_id(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    stranger = "8:acs:resource_stranger"
    assert stranger == (await backend.users.get(alice, stranger)).identity
