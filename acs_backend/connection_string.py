"""Reading an ACS connection string, and deciding which endpoints may be spoken to.

``endpoint=https://<name>.communication.azure.com/;accesskey=<base64>``: keys in any case and order. Microsoft's own
parser drops the scheme and always speaks https; here the scheme is kept, because an emulator on this machine may
speak plain http. Everywhere else a bearer token must not travel in the clear, so http is refused.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twilio_compat.errors import ConfigurationError

VARIABLE = "COMMUNICATION_SERVICES_CONNECTION_STRING"
_EXPECTED = f"{VARIABLE} must look like endpoint=https://<name>.communication.azure.com/;accesskey=<base64>"


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """An ACS resource: its endpoint (with scheme, without a trailing slash) and its access key (base64)."""

    endpoint: str
    access_key: str = field(repr=False)


def parse_connection_string(text: str) -> ConnectionString:
    """Split *text* into its parts. `ConfigurationError` says what is wrong, without showing the key."""
    parts = dict(_part(part) for part in text.strip().split(";") if part.strip())
    missing = [name for name in ("endpoint", "accesskey") if not parts.get(name)]
    if missing:
        raise ConfigurationError(f"{_EXPECTED}; there is no {' and no '.join(missing)} in it")
    return ConnectionString(check_endpoint(parts["endpoint"], VARIABLE), _check_key(parts["accesskey"]))


def check_endpoint(url: str, variable: str) -> str:
    """Return *url* without its trailing slash. `ConfigurationError` names *variable* where it is unusable."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"The endpoint in {variable} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(
            f"The endpoint in {variable} must begin with https:// and a host; it is {url!r}"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"The endpoint in {variable} is http, which would send access tokens in the clear to {host}; "
            "use https (http is only for this machine: localhost, 127.0.0.1, ::1)"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(f"The endpoint in {variable} must end after the host; it is {url!r}")
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    """Say whether *host* is this machine: ``localhost``, 127.0.0.0/8 or ``::1``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _part(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip()


def _check_key(key: str) -> str:
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise ConfigurationError(
            f"The accesskey in {VARIABLE} is not base64; copy it again from the portal"
        ) from error
    return key
