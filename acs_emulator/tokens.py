"""User access tokens: JSON Web Tokens with the claims of the service, signed with a key derived from the access key.

Clients read the payload, and the official Python SDK decodes it with the standard base64 alphabet. The URL-safe
alphabet differs from it in the two characters that stand for six set bits at the end of ``>``, ``?``, ``~``, DEL
or of any byte above ASCII. None of them can occur in a payload made here: it consists of GUIDs, numbers, scope
names and the punctuation of JSON.

A token also carries the number of times its user's tokens had been revoked when it was issued. A revocation raises
the user's number, so it takes effect at once and without regard to the resolution of any clock. A new access key
invalidates all tokens, as the service documents.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import jwt
from jwt.types import Options as Checks

from acs_emulator.errors import unauthorized

SCOPES = ("chat", "voip", "chat.join", "chat.join.limited", "voip.join")
CACHED_TOKENS = 4096

_ALGORITHM = "HS256"
_SKYPE_SCOPE = 1792
# Expiry is checked on each use, against the emulator's own clock.
_CHECKS: Checks = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "require": ["skypeid", "exp", "iat", "acsScope"],
}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says; times in seconds since 1970."""

    user_id: str
    scopes: tuple[str, ...]
    expires: int
    revocation: int


class TokenSigner:
    """Issues and reads the user tokens of one resource."""

    def __init__(self, access_key: bytes, resource_id: str) -> None:
        """Derive the signing key, so that the access key itself signs requests only."""
        self._key = hmac.digest(access_key, b"user access tokens", "sha256")
        self._resource_id = resource_id
        self._key_id = hashlib.sha256(self._key).hexdigest()[:40].upper()
        self._read_cached = lru_cache(CACHED_TOKENS)(self._read)

    def issue(
        self, user_id: str, scopes: Sequence[str], *, issued: int, expires: int, revocation: int = 0
    ) -> str:
        """Make a token; times in whole seconds since 1970."""
        claims = {
            "skypeid": user_id.removeprefix("8:"),
            "scp": _SKYPE_SCOPE,
            "csi": str(issued),
            "iat": issued,
            "exp": expires,
            "acsScope": ",".join(scopes),
            "resourceId": self._resource_id,
            "resourceLocation": "local",
            "rev": revocation,
        }
        headers = {"kid": self._key_id, "x5t": self._key_id}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers=headers)

    def read(self, token: str) -> Claims:
        """Verify the signature and read the claims; raises a 401. Expiry and revocation are the caller's to check."""
        return self._read_cached(token)

    def _read(self, token: str) -> Claims:
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options=_CHECKS)
        except (jwt.InvalidTokenError, RecursionError) as error:
            raise unauthorized(f"The access token is not valid: {error}") from error
        return Claims(
            user_id=f"8:{claims['skypeid']}",
            scopes=tuple(claims["acsScope"].split(",")),
            expires=claims["exp"],
            revocation=claims["rev"],
        )
