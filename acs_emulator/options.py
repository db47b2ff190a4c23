"""What an emulator is started with, checked once, at the start.

Where the behaviour of the live service is not known, or where a test wants the other behaviour, there is a switch.
Each default is what was observed on the live service, or the choice that serves a developer best where nothing was.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

ErrorEnvelope = Literal["error", "CommunicationError"]
RateLimits = Literal["off", "on"]
LargeThreadReceipts = Literal["hidden", "shown"]

MAX_PORT = 65535


class OptionsError(ValueError):
    """An option that cannot work; the text names it and says what would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one emulator behaves.

    Raises `OptionsError` for a value that cannot work.
    """

    host: str = "127.0.0.1"
    """Address the listeners bind to."""
    http_port: int | None = 0
    """Port of the plain listener; 0 picks a free one, None leaves it out."""
    https_port: int | None = 0
    """Port of the TLS listener; 0 picks a free one, None leaves it out."""
    data: Path | None = None
    """Directory the state is kept in; None keeps it in memory, and it is gone at the end."""
    access_key: str | None = field(default=None, repr=False)
    """Base64 access key of the resource; None uses the one kept with the data, or makes one."""
    error_envelope: ErrorEnvelope = "error"
    """Shape of error bodies: ``error`` as specified (the SDKs parse it), ``CommunicationError`` as observed live."""
    rate_limits: RateLimits = "off"
    """Whether the documented request rates are enforced."""
    retry_after: bool = True
    """Whether a 429 carries ``Retry-After``; the SDKs retry a refused POST only if it does."""
    edits_are_activity: bool = True
    """Whether an edit or a deletion of a message moves its thread's ``lastMessageReceivedOn``."""
    system_messages_are_activity: bool = True
    """Whether system messages do; those of the thread's creation never do (observed on the live service)."""
    large_thread_receipts: LargeThreadReceipts = "hidden"
    """Read receipts of threads above 20 members: ``hidden`` as observed on the live service, or ``shown``."""
    faults: bool = False
    """Whether faults can be controlled over HTTP, at ``/_emulator/faults``, from this machine."""
    message_metadata_limit: int | None = None
    """Largest metadata of one message in UTF-8 bytes of keys and values; None sets no limit (none is documented)."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name, port in (("http_port", self.http_port), ("https_port", self.https_port)):
            if port is not None and not 0 <= port <= MAX_PORT:
                raise OptionsError(f"{name} must be between 0 and {MAX_PORT}, or left out: {port}")
        if self.http_port is None and self.https_port is None:
            raise OptionsError("at least one of http_port and https_port is needed")
        if self.access_key is not None:
            decode_access_key(self.access_key)
        _check_choice("error_envelope", self.error_envelope, get_args(ErrorEnvelope))
        _check_choice("rate_limits", self.rate_limits, get_args(RateLimits))
        _check_choice("large_thread_receipts", self.large_thread_receipts, get_args(LargeThreadReceipts))


def decode_access_key(access_key: str) -> bytes:
    """Return the bytes of a base64 access key; raises `OptionsError` when it is not one."""
    try:
        key = base64.b64decode(access_key, validate=True)
    except (binascii.Error, ValueError) as error:
        raise OptionsError(f"the access key is not base64: {error}") from error
    if not key:
        raise OptionsError("the access key is empty")
    return key


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionsError(f"{name} must be one of {', '.join(choices)}: {value!r}")
