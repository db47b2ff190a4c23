"""Shared access signatures: permissions written into a URL, signed with the account key.

Two kinds are verified. A *service* signature names one blob (``sr=b``) or container (``sr=c``); an *account*
signature names services, resource types and permissions (``ss``, ``srt``, ``sp``). Both may carry a start (``st``), an
expiry (``se``), an address or range of addresses (``sip``) and the protocols allowed (``spr``). A service signature may also
set response headers (``rscc``, ``rscd``, ``rsce``, ``rscl``, ``rsct``).

Refused with a text that says so: stored access policies (``si``), user delegation keys (``skoid``), snapshots,
versions and directories, and service signatures older than version 2018-11-09.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.shared_key import sign

_OLDEST_SERVICE_VERSION = "2018-11-09"
_ENCRYPTION_SCOPE_SINCE = "2020-12-06"
_UNSUPPORTED = ("si", "skoid", "saoid", "suoid", "sdd")
_RESPONSE_HEADERS: Mapping[str, str] = {
    "rscc": "cache-control",
    "rscd": "content-disposition",
    "rsce": "content-encoding",
    "rscl": "content-language",
    "rsct": "content-type",
}


class Level(StrEnum):
    """The kind of resource a request is about, as account signatures (``srt``) spell it."""

    SERVICE = "s"
    CONTAINER = "c"
    BLOB = "o"


@dataclass(frozen=True, slots=True)
class Target:
    """What a request wants: any one of *permissions* on a resource, over *scheme*, from *client*."""

    account: str
    container: str
    blob: str
    level: Level
    permissions: str
    scheme: str
    client: str | None


def verify(query: Mapping[str, str], target: Target, *, key: bytes, now: datetime) -> None:
    """Let the request pass, or raise ``AuthenticationFailed`` or one of the ``Authorization...Mismatch`` errors (403)."""
    _refuse_unsupported(query)
    expected = sign(key, _account_text(query, target) if "ss" in query else _service_text(query, target))
    if not hmac.compare_digest(expected.encode(), query.get("sig", "").encode()):
        raise StorageError("AuthenticationFailed", "Signature did not match.")
    _check_time(query, now)
    _check_origin(query, target)
    _check_scope(query, target)


def response_headers(query: Mapping[str, str]) -> dict[str, str]:
    """Return what a service signature sets, by lower-case name, and as Latin-1 shows the UTF-8 bytes."""
    if "sr" not in query or "ss" in query:  # no signature, or one that does not cover these
        return {}
    return {header: _header_value(query[name]) for name, header in _RESPONSE_HEADERS.items() if name in query}


def _header_value(text: str) -> str:
    if not text.replace("\t", " ").isprintable():
        raise StorageError("InvalidQueryParameterValue", "a response header has control characters")
    return text.encode().decode("latin-1")


def _refuse_unsupported(query: Mapping[str, str]) -> None:
    for name in _UNSUPPORTED:
        if name in query:
            raise StorageError(
                "AuthenticationFailed", f"The emulator does not take signatures with {name!r}."
            )
    if "ss" in query:
        return
    if query.get("sr") not in {"b", "c"}:
        raise StorageError(
            "AuthenticationFailed", "sr must be b or c: the emulator has blobs and containers only."
        )
    if query.get("sv", "") < _OLDEST_SERVICE_VERSION:
        raise StorageError("AuthenticationFailed", f"sv must be {_OLDEST_SERVICE_VERSION} or later.")


def _service_text(query: Mapping[str, str], target: Target) -> str:
    resource = f"/blob/{target.account}/{target.container}"
    if query["sr"] == "b":
        resource += f"/{target.blob}"
    start = [query.get(name, "") for name in ("sp", "st", "se")]
    middle = [query.get(name, "") for name in ("si", "sip", "spr", "sv", "sr")]
    scope = [query.get("ses", "")] if query["sv"] >= _ENCRYPTION_SCOPE_SINCE else []
    end = [query.get(name, "") for name in _RESPONSE_HEADERS]
    return "\n".join([*start, resource, *middle, "", *scope, *end])


def _account_text(query: Mapping[str, str], target: Target) -> str:
    names = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"]
    if query.get("sv", "") >= _ENCRYPTION_SCOPE_SINCE:
        names.append("ses")
    return "".join(f"{value}\n" for value in [target.account, *(query.get(name, "") for name in names)])


def _check_time(query: Mapping[str, str], now: datetime) -> None:
    expiry = _time(query, "se")
    if expiry is None:
        raise StorageError("AuthenticationFailed", "The signature has no expiry (se).")
    if now >= expiry:
        raise StorageError(
            "AuthenticationFailed", f"Signature not valid in the specified time frame: expired {query['se']}."
        )
    start = _time(query, "st")
    if start is not None and now < start:
        raise StorageError(
            "AuthenticationFailed", f"Signature not valid in the specified time frame: starts {query['st']}."
        )


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name])
    except ValueError:
        raise StorageError(
            "AuthenticationFailed", f"{name} is not an ISO 8601 time: {query[name]!r}."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_origin(query: Mapping[str, str], target: Target) -> None:
    if target.scheme not in query.get("spr", "https,http").split(","):
        raise StorageError("AuthorizationProtocolMismatch")
    if "sip" in query and not _in_range(target.client, query["sip"]):
        raise StorageError("AuthorizationSourceIPMismatch")


def _in_range(client: str | None, allowed: str) -> bool:
    first, _, last = allowed.partition("-")
    try:
        low, high, own = (ipaddress.IPv4Address(each) for each in (first, last or first, client or ""))
    except ValueError:
        return False
    return low <= own <= high


def _check_scope(query: Mapping[str, str], target: Target) -> None:
    if "ss" in query:
        if "b" not in query["ss"]:
            raise StorageError("AuthorizationServiceMismatch")
        if target.level not in query.get("srt", ""):
            raise StorageError("AuthorizationResourceTypeMismatch")
    elif target.level is not Level.BLOB and not (
        target.level is Level.CONTAINER and target.permissions == "l" and query["sr"] == "c"
    ):
        raise StorageError("AuthorizationResourceTypeMismatch")
    if not set(target.permissions) & set(query.get("sp", "")):
        raise StorageError("AuthorizationPermissionMismatch")
