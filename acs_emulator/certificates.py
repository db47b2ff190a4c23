"""The emulator's own certificate authority, so that clients which insist on https can be made to trust it.

The authority is made at start. With a data directory it is kept there and used again, so that a client that was told to
trust it still does after a restart; the server's certificate is issued anew each time.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

from acs_emulator.journal import DataError
from acs_emulator.options import OptionsError

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
        except (OSError, ValueError, TypeError) as error:  # Type: a key with a password, so not from here
            raise DataError(f"cannot use the certificate authority in {directory}: {error}") from error

    def server_context(self, host: str) -> ssl.SSLContext:
        """Return a server's TLS settings, with a certificate for loopback names and *host*.

        Raises `OptionsError` for a host no certificate can name.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        names = (*_NAMES, host) if host not in _NAMES else _NAMES
        try:
            self._authority.issue_cert(*names).configure_cert(context)
        except ValueError as error:
            raise OptionsError(f"host must be an address or a name of this machine: {host!r}") from error
        return context


def _open(certificate: Path, key: Path) -> trustme.CA:
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    if certificate.exists():
        raise FileNotFoundError(f"{certificate.name} is there without its {key.name}; move it away")
    authority = trustme.CA(organization_name="acs-emulator")
    certificate.parent.mkdir(parents=True, exist_ok=True)
    _write(key, authority.private_key_pem.bytes(), mode=0o600)
    _write(certificate, authority.cert_pem.bytes(), mode=0o644)
    return authority


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that is there with all of its content, or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.touch(mode)
    unfinished.write_bytes(content)
    unfinished.replace(path)
