"""Clients on the adapter and the emulator, for tests that read like an application."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Self

from tests.acs_backend.deployment import Deployment, twilio_token
from twilio_compat import Client


class Desk:
    """Signs people in, and shuts their clients down at the end."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._clients = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._clients.aclose()

    def connect(self, identity: str) -> Client:
        """Make a client as an application does: it is not ready yet."""
        client = Client(twilio_token(identity), {"settings": self.deployment.settings})
        self._clients.push_async_callback(client.shutdown)
        return client

    async def sign_in(self, identity: str) -> Client:
        """Make a client and wait until it is ready."""
        client = self.connect(identity)
        await client.getSubscribedConversations()
        return client
