"""The same for asynchronous clients."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from azure.core.credentials import AccessToken
from azure.identity import DefaultAzureCredential as SyncCredential


class DefaultAzureCredential:
    """Gives the made-up token."""

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """Return a token that lasts an hour."""
        return SyncCredential().get_token(*scopes, **options)

    async def close(self) -> None:
        """Do nothing."""

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""
