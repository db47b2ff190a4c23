"""Who is connected, and who can be notified: ``isOnline`` and ``isNotifiable``, where the deployment asks for them.

Each open event stream is a connection with a lease in the store, moved on by a task that ends with the stream. A user
is online as long as one of their leases runs. Whoever writes a lease also drops those that have ended: so a user whose
process died is told to be offline by any other that lives, about one lease later. A user can be notified as long as
a device of theirs is registered.

Every transition is in the change feed. While it is switched off nothing of this runs, and nobody is anything, as at
Twilio. ``Settings.reachability`` says whether it is on, until the account says that itself; what another process was
told counts here `RECENT` later. Who was connected before counts from when they connect anew.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import change_contents, records
from acs_backend.clients import AcsUser
from acs_backend.roles import Roles
from acs_backend.store import changes as feed
from acs_backend.store import documents, identities, presences, push_registrations
from acs_backend.store.changes import Kind
from acs_backend.store.database import Database
from acs_backend.store.identities import IdentityRow
from acs_backend.times import to_milliseconds
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import UserRecord

LEASE = 30.0
"""Seconds for which a connection counts after its lease was moved on last."""
MOVED_ON_EVERY = 10.0
RECENT = timedelta(seconds=1)
"""How late a process may notice that another one was told to switch."""
SWITCH = "reachability"
"""The kind of the document that says what the account wants."""

_log = logging.getLogger(__name__)


class Reachability:
    """Keeps track of it, where it is switched on."""

    def __init__(
        self,
        database: Database,
        roles: Roles,
        *,
        enabled: bool,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Keep leases in *database*; *enabled*: it is on unless the account says otherwise.

        *roles* are the roles of users; *clock* tells the time of day, *sleep* waits for seconds.
        """
        self._database = database
        self._roles = roles
        self._initial = enabled
        self.enabled = enabled
        """Whether it was on when that was looked at last."""
        self._read_at: datetime | None = None
        self._clock = clock
        self._sleep = sleep

    async def is_on(self) -> bool:
        """Say whether it is switched on, in whichever process that was done."""
        async with self._database.read() as connection:
            self._read_at = None
            return await self._is_on(connection)

    async def switch(self, enabled: bool) -> None:
        """Switch it on or off, for all processes."""
        async with self._database.write() as connection:
            await documents.put(connection, SWITCH, "", {"enabled": enabled}, self._now())
        self.enabled, self._read_at = enabled, self._clock()

    async def user(self, connection: AsyncConnection, row: IdentityRow) -> UserRecord:
        """Return a user with what is known of where they are."""
        roles = await self._roles.book(connection, given=[row.role_sid])
        if not await self._is_on(connection):
            return records.user(row, roles)
        return records.user(
            row,
            roles,
            is_online=await presences.is_online(connection, row.acs_id, self._now()),
            is_notifiable=await push_registrations.any_of(connection, row.identity),
        )

    async def tell(self, connection: AsyncConnection, row: IdentityRow) -> UserRecord:
        """Add the state of a user to the change feed, as part of the transaction that changed it; return it."""
        user = await self.user(connection, row)
        content = change_contents.of_user(user)
        await feed.add(connection, Kind.USER, now=self._now(), acs_id=row.acs_id, content=content)
        return user

    @asynccontextmanager
    async def watching_devices(self, connection: AsyncConnection, row: IdentityRow) -> AsyncIterator[None]:
        """Enclose a change of a user's devices; whether they can be notified is told where that changed."""
        before = await push_registrations.any_of(connection, row.identity)
        yield
        if before == await push_registrations.any_of(connection, row.identity):
            return
        if await self._is_on(connection):
            await self.tell(connection, row)

    @asynccontextmanager
    async def connected(self, user: AcsUser) -> AsyncIterator[None]:
        """Count the user as online until the block ends."""
        async with self._database.read() as connection:
            is_on = await self._is_on(connection)
        if not is_on:
            yield
            return
        session = uuid.uuid4().hex
        await self._move_on(session, user)
        moving_on = asyncio.create_task(self._keep(session, user))
        try:
            yield
        finally:
            moving_on.cancel()
            await asyncio.gather(moving_on, return_exceptions=True)
            await self._end(session, user)

    async def _is_on(self, connection: AsyncConnection) -> bool:
        now = self._clock()
        if self._read_at is None or not timedelta(0) <= now - self._read_at < RECENT:
            said = await documents.find(connection, SWITCH, "")
            self.enabled = self._initial if said is None else said.content["enabled"] is True
            self._read_at = now
        return self.enabled

    async def _keep(self, session: str, user: AcsUser) -> None:
        while True:
            await self._sleep(MOVED_ON_EVERY)
            try:
                await self._move_on(session, user)
            except TwilioCompatError as error:
                _log.warning("That a user is online could not be noted: %s", error)

    async def _move_on(self, session: str, user: AcsUser) -> None:
        now = self._now()
        async with self._database.write(durable=False) as connection:
            was_online = await presences.is_online(connection, user.id, now)
            ended = await presences.forget_ended(connection, now)
            await presences.hold(connection, session, user.id, now + int(LEASE * 1000))
            if not was_online:
                await self._tell_of(connection, user.id)
            for each in sorted(ended - {user.id}):
                if not await presences.is_online(connection, each, now):
                    await self._tell_of(connection, each)

    async def _end(self, session: str, user: AcsUser) -> None:
        async with self._database.write(durable=False) as connection:
            await presences.forget(connection, session)
            if not await presences.is_online(connection, user.id, self._now()):
                await self._tell_of(connection, user.id)

    async def _tell_of(self, connection: AsyncConnection, acs_id: str) -> None:
        row = await identities.by_acs_id(connection, acs_id)
        await self.tell(connection, row or records.native_user(acs_id))

    def _now(self) -> int:
        return to_milliseconds(self._clock())
