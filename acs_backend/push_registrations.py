"""Push registrations: kept, so that the application's own push service can be told where to send.

ACS sends push notifications only to its own mobile SDKs. What a Twilio app registers is kept in the store, and says
whether a user can be notified.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from acs_backend.identities import Identities
from acs_backend.store import push_registrations as table
from acs_backend.store.database import Database
from acs_backend.times import to_milliseconds
from twilio_compat.records import Actor, PushChannel


class PushRegistrations:
    """The port's push registrations."""

    def __init__(self, database: Database, identities: Identities, *, clock: Callable[[], datetime]) -> None:
        """Keep them in *database*; *clock* tells the time for dates."""
        self._database = database
        self._identities = identities
        self._clock = clock

    async def create(self, actor: Actor, channel: PushChannel, registration_id: str) -> None:
        """Note a device; once more does nothing."""
        await self._identities.acting(actor)
        now = to_milliseconds(self._clock())
        async with self._database.write() as connection:
            await table.add(connection, actor.identity, channel, registration_id, now)

    async def delete(self, actor: Actor, channel: PushChannel, registration_id: str | None = None) -> None:
        """Forget a device, or all those of a channel."""
        await self._identities.acting(actor)
        async with self._database.write() as connection:
            await table.remove(connection, actor.identity, channel, registration_id)
