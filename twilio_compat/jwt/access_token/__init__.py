"""Drop-in for ``twilio.jwt.access_token``: the tokens that clients sign in with."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

from twilio_compat.jwt import Jwt

__all__ = ["AccessToken", "AccessTokenGrant"]


class AccessTokenGrant(ABC):
    """What a token allows in one product. Subclass it for products that are not in `grants`."""

    @property
    @abstractmethod
    def key(self) -> str:
        """Twilio's name of the product, such as ``chat``."""

    @abstractmethod
    def to_payload(self) -> Mapping[str, object] | None:
        """Return what the token carries under that name."""

    def __str__(self) -> str:
        """Return the kind of grant and what it carries."""
        return f"<{type(self).__name__} {self.to_payload()}>"


class AccessToken(Jwt):
    """A token for one user, with a grant for each product it may use; the same as twilio-python makes."""

    def __init__(
        self,
        account_sid: str,
        signing_key_sid: str,
        secret: str,
        grants: list[AccessTokenGrant] | None = None,
        identity: str | None = None,
        nbf: int | object | None = Jwt.GENERATE,
        ttl: int = 3600,
        valid_until: int | None = None,
        region: str | None = None,
    ) -> None:
        """Describe a token of the account ``AC...``, signed with the API key ``SK...`` and its secret.

        *ttl* is in seconds, at most 24 hours; *nbf* and *valid_until* are seconds since the epoch.
        """
        grants = grants or []
        if not all(isinstance(grant, AccessTokenGrant) for grant in grants):
            raise ValueError("Grants must be instances of AccessTokenGrant.")
        self.account_sid = account_sid
        self.signing_key_sid = signing_key_sid
        self.identity = identity
        self.region = region
        self.grants = grants
        super().__init__(
            secret, signing_key_sid, subject=account_sid, nbf=nbf, ttl=ttl, valid_until=valid_until
        )

    def add_grant(self, grant: AccessTokenGrant) -> None:
        """Allow one more product."""
        if not isinstance(grant, AccessTokenGrant):
            raise ValueError("Grant must be an instance of AccessTokenGrant.")
        self.grants.append(grant)

    def _generate_headers(self) -> dict[str, object]:
        region = {"twr": self.region} if self.region and isinstance(self.region, str) else {}
        return {"cty": "twilio-fpa;v=1", **region}

    def _generate_payload(self) -> dict[str, object]:
        grants: dict[str, object] = {grant.key: grant.to_payload() for grant in self.grants}
        if self.identity:
            grants["identity"] = self.identity
        return {"jti": f"{self.signing_key_sid}-{int(time.time())}", "grants": grants}

    def __str__(self) -> str:
        """Return a short description, with the token."""
        return f"<{type(self).__name__} {self.to_jwt()}>"
