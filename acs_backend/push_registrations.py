"""Push registrations: kept, so that the application's own push service can be told where to send.

ACS sends push notifications only to its own mobile SDKs. What a Twilio app registers is kept in the store, and says
whether a user can be notified.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import records
from acs_backend.identities import Identities
from acs_backend.reachability import Reachability
from acs_backend.store import identities
from acs_backend.store import push_registrations as table
from acs_backend.store.database import Database
from acs_backend.text import check_text
from acs_backend.times import to_milliseconds
from twilio_compat.records import Actor, PushChannel


class PushRegistrations:
    """The port's push registrations."""

    def __init__(
        self,
        database: Database,
        identities: Identities,
        reachability: Reachability,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep them in *database*; *clock* tells the time for dates."""
        self._database = database
        self._identities = identities
        self._reachability = reachability
        self._clock = clock

    async def create(self, actor: Actor, channel: PushChannel, registration_id: str) -> None:
        """Note a device; once more does nothing. `ArgumentError` where it is not text."""
        check_text(registration_id, "A registration id")
        now = to_milliseconds(self._clock())
        async with self._changing(actor) as connection:
            await table.add(connection, actor.identity, channel, registration_id, now)

    async def delete(self, actor: Actor, channel: PushChannel, registration_id: str | None = None) -> None:
        """Forget a device, or all those of a channel; errors as `create`."""
        check_text(registration_id or "", "A registration id")
        async with self._changing(actor) as connection:
            await table.remove(connection, actor.identity, channel, registration_id)

    @asynccontextmanager
    async def _changing(self, actor: Actor) -> AsyncIterator[AsyncConnection]:
        """Open the transaction of a change, which tells whether the actor can be notified where that changes."""
        user = await self._identities.acting(actor)
        async with self._database.write() as connection:
            row = await identities.by_acs_id(connection, user.id) or records.native_user(user.id)
            async with self._reachability.watching_devices(connection, row):
                yield connection
