"""A service in memory, and clients on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest

from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import Client

SignIn: TypeAlias = Callable[[str], Awaitable[Client]]


@pytest.fixture
def service() -> MemoryService:
    """The service all clients of a test share."""
    return MemoryService()


@pytest.fixture
async def sign_in(service: MemoryService) -> AsyncIterator[SignIn]:
    """Make an initialized client for an identity; it is shut down when the test ends."""
    clients: list[Client] = []

    async def sign_in(identity: str) -> Client:
        client = await Client.create(service.token(identity), {"backend": MemoryBackend(service)})
        clients.append(client)
        return client

    yield sign_in
    for client in clients:
        await client.shutdown()


@pytest.fixture
async def alice(sign_in: SignIn) -> Client:
    return await sign_in("alice")


@pytest.fixture
async def bob(sign_in: SignIn) -> Client:
    return await sign_in("bob")
