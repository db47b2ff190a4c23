"""The Shared Key scheme: an HMAC over the request, with the account key, byte for byte as Azure documents it.

The string to sign is the verb, eleven standard headers, the canonicalised ``x-ms-*`` headers and the canonicalised
resource. With path-style addresses the account name appears twice in the resource, once for the account and once
because the path itself starts with it.

Azure sorts the ``x-ms-*`` headers by its own collation, not by code point: hyphens count only where names are
otherwise equal, and an underscore comes before digits. `header_order` is that collation for the characters such
a name may have.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_UNDERSCORE_FIRST = str.maketrans("_", "!")
_HYPHEN_LAST = str.maketrans("-_", "~!")


def sign(key: bytes, text: str) -> str:
    """Return the Base64 of the HMAC-SHA256 of *text*."""
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode("ascii")


def string_to_sign(
    *,
    method: str,
    raw_path: str,
    query: Sequence[tuple[str, str]],
    headers: Sequence[tuple[str, str]],
    account: str,
) -> str:
    """Return what the client must have signed.

    *raw_path* is the path as it came over the wire; *query* has decoded values; *headers* have lower-case names.
    """
    known = {name: value for name, value in headers if name in _SIGNED_HEADERS}
    if known.get("content-length") == "0":
        del known["content-length"]
    if any(name == "x-ms-date" for name, _ in headers):
        known.pop("date", None)
    standard = "\n".join(known.get(name, "") for name in _SIGNED_HEADERS)
    return f"{method}\n{standard}\n{_canonical_headers(headers)}/{account}{raw_path}{_canonical_query(query)}"


def header_order(name: str) -> tuple[str, str]:
    """Return the key by which Azure sorts the lower-case header *name*."""
    return name.replace("-", "").translate(_UNDERSCORE_FIRST), name.translate(_HYPHEN_LAST)


def parse_query(raw: str) -> list[tuple[str, str]]:
    """Split a raw query into decoded pairs; a plus sign stays one, as Azure has it."""
    parts = (part.partition("=") for part in raw.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def _canonical_headers(headers: Iterable[tuple[str, str]]) -> str:
    own = [(name, value.strip()) for name, value in headers if name.startswith("x-ms-")]
    return "".join(f"{name}:{value}\n" for name, value in sorted(own, key=lambda pair: header_order(pair[0])))


def _canonical_query(query: Iterable[tuple[str, str]]) -> str:
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name.lower(), []).append(value)
    return "".join(f"\n{name}:{','.join(sorted(values[name]))}" for name in sorted(values))
