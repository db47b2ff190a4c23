"""Where a user's ACS token comes from: issued here, or brought along.

An issued token is renewed some minutes before it ends, or once ACS refuses it. One request at a time is under way
for each user; whoever needs the token meanwhile waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from azure.core.credentials import AccessToken

RENEWAL_MARGIN = 300.0
"""Seconds before its end at which a token is no longer used."""


class UserCredential(Protocol):
    """What `acs_backend.clients` asks for the tokens of one user."""

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """Return a token that is good for now."""

    async def renew(self, refused: str) -> AccessToken | None:
        """Return another token in place of one that ACS refused; None if there is no other."""


class IssuedToken:
    """The token of a user whom this deployment made: issued when needed, renewed in time."""

    def __init__(self, issue: Callable[[], Awaitable[AccessToken]], now: Callable[[], float]) -> None:
        """Get tokens from *issue*; *now* is in epoch seconds."""
        self._issue = issue
        self._now = now
        self._token: AccessToken | None = None
        self._issuing = asyncio.Lock()

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """Return a token that is good for some minutes at least."""
        if self._token is None or self._ends_soon(self._token):
            async with self._issuing:
                if self._token is None or self._ends_soon(self._token):
                    self._token = await self._issue()
        return self._token

    async def renew(self, refused: str) -> AccessToken | None:
        """Return another token than *refused*."""
        if self._token is not None and self._token.token == refused:
            self._token = None
        return await self.get_token()

    def _ends_soon(self, token: AccessToken) -> bool:
        return token.expires_on - self._now() < RENEWAL_MARGIN


class PresentedToken:
    """The token that a user brought along. There is no other."""

    def __init__(self, token: str, expires_at: datetime) -> None:
        """Keep *token*, which ends at *expires_at*."""
        self._token = AccessToken(token, int(expires_at.timestamp()))

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """Return it."""
        return self._token

    async def renew(self, refused: str) -> AccessToken | None:
        """Return None: whoever brought it must bring another one."""
        return None
