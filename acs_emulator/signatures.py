"""Requests signed with the access key: HMAC-SHA256 over method, request target, date, host and body.

The string that is signed is the method, a line feed, path and query exactly as they were sent, a line feed, and
``date;host;content hash``. Clients differ in what they percent-encode in a path, so the raw request target counts,
never a decoded one; the host is the ``Host`` header, with its port if it has one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from acs_emulator.errors import unauthorized

ALLOWED_SKEW = timedelta(minutes=15)
"""How far the date of a request may be off; other Azure services that sign this way allow the same."""

_AUTHORIZATION = re.compile(
    r"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=([A-Za-z0-9+/]+=*)",
    re.IGNORECASE,
)


def verify(
    access_key: bytes, method: str, target: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    """Raise a 401 unless the request was signed with the access key; header names are lower case."""
    if not (match := _AUTHORIZATION.fullmatch(headers.get("authorization", ""))):
        raise unauthorized(
            "The Authorization header is not a signature over x-ms-date;host;x-ms-content-sha256"
        )
    content_hash = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if not hmac.compare_digest(_header(headers, "x-ms-content-sha256"), content_hash.encode()):
        raise unauthorized("x-ms-content-sha256 is not the hash of the body")
    date, host = headers.get("x-ms-date", ""), headers.get("host", "")
    _check_date(date, now)
    expected = sign(access_key, method, target, date=date, host=host, content_hash=content_hash)
    if not hmac.compare_digest(match[1].encode(), expected.encode()):
        raise unauthorized(
            "The signature does not match: check the access key, the host and the path as sent"
        )


def sign(access_key: bytes, method: str, target: str, *, date: str, host: str, content_hash: str) -> str:
    """Compute the signature of a request, base64."""
    signed = f"{method.upper()}\n{target}\n{date};{host};{content_hash}"
    return base64.b64encode(hmac.digest(access_key, signed.encode(), "sha256")).decode()


def _header(headers: Mapping[str, str], name: str) -> bytes:
    return headers.get(name, "").encode()


def _check_date(date: str, now: datetime) -> None:
    try:
        sent = parsedate_to_datetime(date)
    except (ValueError, OverflowError) as error:
        raise unauthorized("x-ms-date is not a date such as Sun, 22 Nov 2026 08:22:36 GMT") from error
    if sent.tzinfo is None:
        sent = sent.replace(tzinfo=UTC)
    if abs(sent - now) > ALLOWED_SKEW:
        raise unauthorized(f"x-ms-date is more than {ALLOWED_SKEW} away from the time here; check the clock")
