"""Reading access tokens, and verifying those that are Twilio's.

A Twilio access token is a JWT whose header says ``"cty": "twilio-fpa;v=1"``, signed (HS256) with the secret of an API
key that it names as its issuer. Its ``grants`` hold the ``identity`` and, per product, what it may do; Conversations is
``chat``, or ``ip_messaging`` in tokens made by old libraries. Codes and texts are those Twilio documents for tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import jwt

from twilio_compat.errors import TokenError

LONGEST_LIFE = 24 * 3600
"""Seconds that a Twilio access token may be good for."""
IDENTITY_LIMIT = 256
"""Characters of an identity."""
_PRODUCTS = ("chat", "ip_messaging")

Claims: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedToken:
    """What a token claims. Nothing of it is to be relied on."""

    header: Claims
    payload: Claims

    @property
    def is_twilio(self) -> bool:
        """Whether it has the marks of a Twilio access token."""
        return self.header.get("cty") == "twilio-fpa;v=1" or isinstance(self.payload.get("grants"), Mapping)

    @property
    def expires_at(self) -> datetime:
        """When it ends. `TokenError` 20104 if it does not say."""
        return _moment(self.payload.get("exp"))


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """What a Twilio access token says, once its signature and times have been checked."""

    identity: str
    expires_at: datetime
    service_sid: str | None = None


def read_token(token: str) -> UnverifiedToken:
    """Take *token* apart without verifying it. `TokenError` 20101 if it is no JWT."""
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, UnicodeError) as error:
        raise TokenError(f"Invalid Access Token: {error}", code=20101) from error
    return UnverifiedToken(header=parts["header"], payload=parts["payload"])


def verify_token(token: str, *, key: str, secret: str, now: datetime) -> VerifiedToken:
    """Verify a Twilio access token made with the API key *key* (``SK...``) and its *secret*, at the time *now*.

    `TokenError` with code 20101 (malformed), 20102 (header), 20103 (another key), 20104 (expired), 20105 (not yet
    valid), 20106 (no grant for Conversations), 20107 (signature), 20157 (good for more than a day), 50207 (identity
    over 256 characters) or 51105 (no identity).
    """
    unverified = read_token(token)
    if unverified.header.get("alg") != "HS256":
        raise TokenError("Invalid Access Token header: the algorithm is not HS256", code=20102)
    if unverified.payload.get("iss") != key:
        raise TokenError(
            "Invalid Access Token issuer/subject: not made with the API key in TWILIO_API_KEY", code=20103
        )
    _check_signature(token, secret)
    _check_times(unverified, now)
    return _granted(unverified)


def check_expiry(token: UnverifiedToken, now: datetime) -> None:
    """Raise `TokenError` 20104 if *token* has ended at the time *now*."""
    if token.expires_at <= now:
        raise TokenError("Access Token expired or expiration date invalid", code=20104)


def _check_signature(token: str, secret: str) -> None:
    try:
        jwt.PyJWS().decode(token, secret, algorithms=["HS256"])
    except jwt.InvalidSignatureError as error:
        raise TokenError("Invalid Access Token signature", code=20107) from error
    except jwt.InvalidTokenError as error:
        raise TokenError(f"Invalid Access Token: {error}", code=20101) from error


def _check_times(token: UnverifiedToken, now: datetime) -> None:
    check_expiry(token, now)
    if (token.expires_at - now).total_seconds() > LONGEST_LIFE:
        raise TokenError("Expiration Time Exceeds Maximum Time Allowed: 24 hours", code=20157)
    starts = token.payload.get("nbf")
    if starts is not None and _moment(starts) > now:
        raise TokenError("Access Token not yet valid", code=20105)


def _granted(token: UnverifiedToken) -> VerifiedToken:
    grants = token.payload.get("grants")
    if not isinstance(grants, Mapping):
        raise TokenError("Invalid Access Token grants: there are none", code=20106)
    grant = next((grants[product] for product in _PRODUCTS if isinstance(grants.get(product), Mapping)), None)
    if grant is None:
        raise TokenError("Invalid Access Token grants: none for Conversations; add a ChatGrant", code=20106)
    service_sid = grant.get("service_sid")
    return VerifiedToken(
        identity=_identity(grants.get("identity")),
        expires_at=token.expires_at,
        service_sid=service_sid if isinstance(service_sid, str) else None,
    )


def _identity(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TokenError("Token doesn't contain identity", code=51105)
    if len(value) > IDENTITY_LIMIT:
        raise TokenError(f"Identity too long: {len(value)} characters, at most {IDENTITY_LIMIT}", code=50207)
    return value


def _moment(value: object) -> datetime:
    try:
        return datetime.fromtimestamp(float(value), UTC)  # type: ignore[arg-type]  # anything else raises
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise TokenError("Access Token expired or expiration date invalid", code=20104) from error
