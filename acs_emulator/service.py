"""One ACS resource: its state, its clock, its chance and its keys.

The rooms next to this one (`identities`, `threads`, `messages`, `participants`, `read_receipts`,
`typing_notifications`) hold the operations: functions that take a service and a call and return a reply. They do
no I/O but the journal's, read no clock but the service's, and draw no chance but the service's.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from datetime import UTC, datetime

from acs_emulator.identifiers import Random, new_resource_id
from acs_emulator.journal import Journal, MemoryJournal
from acs_emulator.options import Options, decode_access_key
from acs_emulator.rate_limits import RateLimiter
from acs_emulator.state import Resource, State
from acs_emulator.timestamps import to_milliseconds
from acs_emulator.tokens import TokenSigner

ACCESS_KEY_BYTES = 64

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


class Service:
    """The resource. `access_key` is the one in force: given, kept with the data, or made here."""

    def __init__(
        self,
        options: Options | None = None,
        *,
        journal: Journal | None = None,
        clock: Clock = utc_now,
        random: Random = os.urandom,
    ) -> None:
        """Read the journal, which stays the caller's to close; without one nothing is kept."""
        self.options = options or Options()
        self.clock = clock
        self.random = random
        self.state = State(journal or MemoryJournal())
        self.resource = self._open_resource()
        self.key = decode_access_key(self.resource.access_key)
        self.tokens = TokenSigner(self.key, self.resource.id)
        self.rate_limiter = RateLimiter(lambda: self.clock().timestamp())

    @property
    def access_key(self) -> str:
        """The access key, base64."""
        return self.resource.access_key

    def now(self) -> int:
        """Milliseconds since 1970."""
        return to_milliseconds(self.clock())

    def _open_resource(self) -> Resource:
        kept, given = self.state.resource, self.options.access_key
        if kept is not None and given in (None, kept.access_key):
            return kept
        key = given or base64.b64encode(self.random(ACCESS_KEY_BYTES)).decode()
        resource = Resource(kept.id if kept else new_resource_id(self.random), key)
        self.state.commit(resource)
        return resource
