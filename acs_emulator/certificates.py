"""The emulator's own certificate authority, so that clients which insist on https can be made to trust it.

The authority is made at start. With a data directory it is kept there and used again, so that a client that was told to
trust it still does after a restart; the server's certificate is issued anew each time.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import trustme

from acs_emulator.journal import DataError

CERTIFICATE_FILE = "ca.pem"
KEY_FILE = "ca-key.pem"
_NAMES = ("localhost", "127.0.0.1", "::1")


class Certificates:
    """An authority whose files are in *directory*; made there unless it is there already.

    Raises `DataError` where the files cannot be read, written or understood.
    """

    def __init__(self, directory: Path) -> None:
        """Load or make the authority."""
        self.ca_file = directory / CERTIFICATE_FILE
        """The authority's certificate: a value for SSL_CERT_FILE, REQUESTS_CA_BUNDLE or NODE_EXTRA_CA_CERTS."""
        try:
            self._authority = _open(self.ca_file, directory / KEY_FILE)
        except (OSError, ValueError) as error:
            raise DataError(f"cannot use the certificate authority in {directory}: {error}") from error

    def server_context(self, host: str) -> ssl.SSLContext:
        """Return a server's TLS settings, with a certificate for loopback names and *host*."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        names = (*_NAMES, host) if host not in _NAMES else _NAMES
        self._authority.issue_cert(*names).configure_cert(context)
        return context


def _open(certificate: Path, key: Path) -> trustme.CA:
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    authority = trustme.CA(organization_name="acs-emulator")
    certificate.parent.mkdir(parents=True, exist_ok=True)
    _write_private(key, authority.private_key_pem.bytes())
    certificate.write_bytes(authority.cert_pem.bytes())
    return authority


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
