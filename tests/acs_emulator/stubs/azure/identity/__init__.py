"""Stands in for azure-identity: a bearer token that no directory has issued."""

from __future__ import annotations

import time

from azure.core.credentials import AccessToken

LIFETIME = 3600


class DefaultAzureCredential:
    """Gives the made-up token."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        """Return a token that lasts an hour."""
        return AccessToken("stand-in", int(time.time()) + LIFETIME)
