"""Clients of the official Python SDKs, made to trust an emulator, and closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from azure.communication.chat import ChatClient, ChatThreadClient, CommunicationTokenCredential
from azure.communication.identity import CommunicationIdentityClient
from azure.core.pipeline.transport import RequestsTransport


class Reachable(Protocol):
    """An emulator as its clients see it: in this process or another."""

    @property
    def connection_string(self) -> str: ...
    @property
    def https_endpoint(self) -> str | None: ...
    @property
    def ca_file(self) -> object: ...


@contextmanager
def identity_client(emulator: Reachable) -> Iterator[CommunicationIdentityClient]:
    """Yield a client made from the connection string, which Microsoft's SDK has no way to close itself."""
    with RequestsTransport(connection_verify=str(emulator.ca_file)) as transport:
        yield CommunicationIdentityClient.from_connection_string(
            emulator.connection_string, transport=transport, retry_total=0
        )


def new_token(emulator: Reachable) -> str:
    """Make a user and return a token for it."""
    with identity_client(emulator) as identities:
        _, token = identities.create_user_and_token(["chat"])
    return str(token.token)


def chat_client(emulator: Reachable, token: str) -> ChatClient:
    """Return a client for the user of *token*."""
    return ChatClient(emulator.https_endpoint, CommunicationTokenCredential(token), **_settings(emulator))


def thread_client(
    emulator: Reachable, token: str, thread_id: str, *, retry_total: int = 0
) -> ChatThreadClient:
    """Return a client for one thread, for the user of *token*."""
    credential = CommunicationTokenCredential(token)
    settings = _settings(emulator) | {"retry_total": retry_total}
    return ChatThreadClient(emulator.https_endpoint, credential, thread_id, **settings)


def _settings(emulator: Reachable) -> dict[str, object]:
    return {"connection_verify": str(emulator.ca_file), "retry_total": 0}
