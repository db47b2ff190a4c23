"""Devices that users want to be notified at."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.rest.outside import settings
from twilio_compat.account import on_behalf_of
from twilio_compat.records import PushChannel
from twilio_compat.rest import Client

UNKNOWN = "BS" + "0" * 32


@pytest.fixture
def bindings(client: Client) -> Any:
    """Return those of the default service."""
    v1 = client.conversations.v1
    return v1.services(v1.configuration().fetch().default_chat_service_sid).bindings


@pytest.fixture
def devices(emulator: Emulator, tmp_path: Path) -> Callable[..., None]:
    """Return what registers devices, each a channel and a registration id, as users that sign in elsewhere do."""

    async def register(registered: dict[str, tuple[PushChannel, str]]) -> None:
        backend = AcsBackend(settings(emulator, tmp_path / "store.db"))
        for identity, (channel, registration_id) in registered.items():
            await backend.push_registrations.create(on_behalf_of(identity), channel, registration_id)
        await backend.close()

    return lambda **registered: asyncio.run(register(registered))


def test_what_clients_registered_is_seen_by_user_and_by_kind(
    bindings: Any, devices: Callable[..., None]
) -> None:
    devices(alice=("fcm", "phone of alice"), bob=("apn", "phone of bob"))

    found = {each.identity: each for each in bindings.list(page_size=1)}

    assert {"alice": ("fcm", "phone of alice"), "bob": ("apn", "phone of bob")} == {
        name: (each.binding_type, each.endpoint) for name, each in found.items()
    }
    assert ["bob"] == [each.identity for each in bindings.list(binding_type=["apn"])]
    assert ["alice"] == [each.identity for each in bindings.list(identity=["alice", "carol"])]
    assert [] == bindings.list(identity=["alice"], binding_type=["apn"])
    assert "phone of bob" == bindings(found["bob"].sid).fetch().endpoint
    assert found["bob"].url.endswith(f"/Bindings/{found['bob'].sid}")


def test_one_that_is_deleted_is_gone(bindings: Any, devices: Callable[..., None]) -> None:
    devices(alice=("fcm", "phone of alice"), bob=("apn", "phone of bob"))
    [sid] = [each.sid for each in bindings.list(identity=["bob"])]

    assert bindings(sid).delete()

    assert ["alice"] == [each.identity for each in bindings.list()]


@pytest.mark.parametrize("verb", ["fetch", "delete"])
def test_one_that_is_not_there_is_not_found(bindings: Any, verb: str) -> None:
    with pytest.raises(TwilioRestException) as refused:
        getattr(bindings(UNKNOWN), verb)()

    assert (404, 20404) == (refused.value.status, refused.value.code)
