"""Drop-in for ``twilio.jwt``: making signed tokens. Change the import, keep the code."""

from __future__ import annotations

import time
from collections.abc import Mapping

import jwt as pyjwt

__all__ = ["Jwt", "JwtDecodeError"]


class JwtDecodeError(Exception):
    """A token is malformed, expired, not yet valid, or signed with another key."""


class Jwt:
    """A JSON Web Token, about to be signed or taken apart. Base of `AccessToken`.

    Times are in seconds: ``nbf`` and ``valid_until`` since the epoch, ``ttl`` from the moment of signing.
    """

    GENERATE = object()
    """As ``nbf``: the moment at which the payload is made."""
    ALGORITHM = "HS256"

    def __init__(
        self,
        secret_key: str | None,
        issuer: str | None,
        subject: str | None = None,
        algorithm: str | None = None,
        nbf: int | object | None = GENERATE,
        ttl: int = 3600,
        valid_until: int | None = None,
    ) -> None:
        """Describe a token; ``valid_until`` wins over ``ttl``, and ``nbf=None`` leaves that claim out."""
        self.secret_key = secret_key
        self.issuer = issuer
        self.subject = subject
        self.algorithm = algorithm or self.ALGORITHM
        self.nbf = nbf
        self.ttl = ttl
        self.valid_until = valid_until
        self._decoded_payload: dict[str, object] | None = None
        self._decoded_headers: dict[str, object] | None = None

    def _generate_payload(self) -> Mapping[str, object]:
        """Return the claims of the kind of token, without the common ones; a plain token has none."""
        return {}

    def _generate_headers(self) -> Mapping[str, object]:
        """Return the headers of the kind of token, without the common ones."""
        return {}

    @property
    def payload(self) -> dict[str, object]:
        """The claims; those that were read, if the token came from `from_jwt`."""
        if self._decoded_payload:
            return self._decoded_payload
        now = int(time.time())
        payload = dict(self._generate_payload(), iss=self.issuer, exp=self.valid_until or now + self.ttl)
        if self.nbf is not None:
            payload["nbf"] = now if self.nbf is self.GENERATE else self.nbf
        if self.subject:
            payload["sub"] = self.subject
        return payload

    @property
    def headers(self) -> dict[str, object]:
        """The headers; those that were read, if the token came from `from_jwt`."""
        if self._decoded_headers:
            return self._decoded_headers
        return dict(self._generate_headers(), typ="JWT", alg=self.algorithm)

    def to_jwt(self, ttl: int | None = None) -> str:
        """Sign, and return the token; *ttl* overrides what the constructor was given."""
        if not self.secret_key:
            raise ValueError("JWT does not have a signing key configured.")
        payload = dict(self.payload)
        if ttl:
            payload["exp"] = int(time.time()) + ttl
        return pyjwt.encode(payload, self.secret_key, algorithm=self.algorithm, headers=dict(self.headers))

    @classmethod
    def from_jwt(cls, jwt: str, key: str = "") -> Jwt:
        """Take a token apart, verifying it only if *key* is given. `JwtDecodeError` where it is refused."""
        try:
            headers = pyjwt.get_unverified_header(jwt)
            if headers.get("alg") != cls.ALGORITHM:
                raise ValueError(
                    f"Incorrect decoding algorithm {headers.get('alg')}, expecting {cls.ALGORITHM}."
                )
            options = {"verify_signature": bool(key), "verify_exp": True, "verify_nbf": True}
            payload = pyjwt.decode(jwt, key, algorithms=[cls.ALGORITHM], options=options)  # type: ignore[arg-type]  # a plain dict
        except (pyjwt.InvalidTokenError, ValueError) as error:
            raise JwtDecodeError(str(error)) from error
        return _decoded(headers, payload, key)

    def __str__(self) -> str:
        """Return a short description, with the token."""
        return f"<JWT {self.to_jwt()}>"


def _decoded(headers: dict[str, object], payload: dict[str, object], key: str) -> Jwt:
    token = Jwt(
        secret_key=key,
        issuer=_text(payload.get("iss")),
        subject=_text(payload.get("sub")),
        algorithm=_text(headers.get("alg")),
        nbf=payload.get("nbf"),
        valid_until=expiry if isinstance(expiry := payload.get("exp"), int) else None,
    )
    token._decoded_headers, token._decoded_payload = headers, payload
    return token


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
