"""Push registrations: kept, so that the application's own push service can be told where to send.

ACS sends push notifications only to its own mobile SDKs. What a Twilio app registers is kept in the store, and says
whether a user can be notified.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import records
from acs_backend.identities import Identities
from acs_backend.reachability import Reachability
from acs_backend.sids import binding_sid
from acs_backend.store import identities
from acs_backend.store import push_registrations as table
from acs_backend.store.database import Database
from acs_backend.text import check_text
from acs_backend.times import to_milliseconds, to_time
from twilio_compat.account import PushRegistrationRecord
from twilio_compat.errors import NotFoundError
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

    async def list(self) -> Sequence[PushRegistrationRecord]:
        """Return the devices of all users, in the order in which they were noted."""
        async with self._database.read() as connection:
            return [_record(row) for row in await table.every(connection)]

    async def remove(self, sid: str) -> None:
        """Forget one, whoever's it is. `NotFoundError` 20404."""
        async with self._database.write() as connection:
            row = next((each for each in await table.every(connection) if _sid(each) == sid), None)
            if row is None:
                raise NotFoundError(f"There is no binding {sid}", code=20404)
            user = await identities.find(connection, row.identity) or records.native_user(row.identity)
            async with self._reachability.watching_devices(connection, user):
                await table.remove(connection, row.identity, row.channel, row.registration_id)

    @asynccontextmanager
    async def _changing(self, actor: Actor) -> AsyncIterator[AsyncConnection]:
        """Open the transaction of a change, which tells whether the actor can be notified where that changes."""
        user = await self._identities.acting(actor)
        async with self._database.write() as connection:
            row = await identities.by_acs_id(connection, user.id) or records.native_user(user.id)
            async with self._reachability.watching_devices(connection, row):
                yield connection


def _record(row: table.RegistrationRow) -> PushRegistrationRecord:
    return PushRegistrationRecord(
        sid=_sid(row),
        identity=row.identity,
        channel=row.channel,
        registration_id=row.registration_id,
        date_created=to_time(row.created_at),
    )


def _sid(row: table.RegistrationRow) -> str:
    return binding_sid(row.identity, row.channel, row.registration_id)
