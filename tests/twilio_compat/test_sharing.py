"""One backend for the clients of a loop with equal settings."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import Client, Settings
from twilio_compat.backend import Backend
from twilio_compat.errors import TokenError
from twilio_compat.sharing import SharedBackends


@pytest.fixture
def opened(service: MemoryService, monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Let leases open backends in memory; returns the settings they were opened with."""
    opened: list[Settings] = []

    def open_backend(settings: Settings) -> Backend:
        opened.append(settings)
        return MemoryBackend(service)

    monkeypatch.setattr(SharedBackends.__init__, "__defaults__", (open_backend,))
    return opened


async def test_clients_with_equal_settings_share_a_backend_until_the_last_ends(
    service: MemoryService, opened: list[Settings]
) -> None:
    async with Client(service.token("alice"), {"settings": Settings(endpoint="one")}):
        async with Client(service.token("bob"), {"settings": Settings(endpoint="one")}):
            assert 1 == len(opened)
        assert 0 == service.closed
    assert (1, 1) == (len(opened), service.closed)


async def test_other_settings_get_another_backend(service: MemoryService, opened: list[Settings]) -> None:
    async with Client(service.token("alice"), {"settings": Settings(endpoint="one")}):
        async with Client(service.token("alice"), {"settings": Settings(endpoint="two")}):
            assert ["one", "two"] == [each.endpoint for each in opened]
    assert 2 == service.closed


async def test_after_the_last_a_new_one_is_opened(service: MemoryService, opened: list[Settings]) -> None:
    for _ in range(2):
        async with Client(service.token("alice"), {"settings": Settings()}):
            pass
    assert (2, 2) == (len(opened), service.closed)


async def test_a_refused_client_gives_its_share_back(service: MemoryService, opened: list[Settings]) -> None:
    with pytest.raises(TokenError):
        await Client.create("forged", {"settings": Settings()})
    assert (1, 1) == (len(opened), service.closed)


def test_loops_do_not_share(service: MemoryService, opened: list[Settings]) -> None:
    async def use() -> None:
        async with Client(service.token("alice"), {"settings": Settings()}):
            pass

    asyncio.run(use())
    asyncio.run(use())
    assert 2 == len(opened)


def test_a_client_forgotten_at_the_end_of_its_loop_still_closes_the_backend(
    service: MemoryService, opened: list[Settings]
) -> None:
    async def forget() -> None:
        await Client.create(service.token("alice"), {"settings": Settings()})

    def run_and_collect() -> None:
        asyncio.run(forget())
        gc.collect()

    with pytest.warns(ResourceWarning, match=r"was not shut down"):
        run_and_collect()
    assert 1 == service.closed
