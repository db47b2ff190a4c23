"""Users: the rows of the identities' table, as the port tells them.

Everybody whom a message can have as its author is a user. A native ACS user, whose identity is their ACS id, has no
row until the first change makes one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from acs_backend import records
from acs_backend.checks import USER_ATTRIBUTES, changed, check_attributes, check_friendly_name
from acs_backend.identities import Identities, is_raw_id
from acs_backend.reachability import Reachability
from acs_backend.roles import Permission, Roles
from acs_backend.store import identities as table
from acs_backend.store.database import Database
from acs_backend.store.identities import IdentityRow
from acs_backend.times import later, to_milliseconds
from twilio_compat.errors import NotFoundError
from twilio_compat.records import UNCHANGED, Actor, UserChanges, UserRecord
from twilio_compat.sameness import same


class Users:
    """The port's users."""

    def __init__(
        self,
        database: Database,
        identities: Identities,
        reachability: Reachability,
        roles: Roles,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep them in *database*; *identities* makes the actor's own row; *clock* tells the time for dates."""
        self._database = database
        self._identities = identities
        self._reachability = reachability
        self._roles = roles
        self._clock = clock

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        """Fetch a user. The actor's own always exists, and so does one named by an ACS id. `NotFoundError` 50200."""
        identity, acs_id = await self._named(actor, identity)
        async with self._database.read() as connection:
            row = await table.find(connection, identity)
            return await self._reachability.user(connection, _row(row, identity, acs_id))

    async def update(self, actor: Actor, identity: str, changes: UserChanges) -> UserRecord:
        """Change a user. `ForbiddenError` 50107 unless it is the actor's own, or the actor a service admin.

        `NotFoundError` 50200, 50100 (role); `LimitError` 50003, 50303.
        """
        check_friendly_name(changed(changes.friendly_name, None))
        check_attributes(changed(changes.attributes, None), USER_ATTRIBUTES)
        if changes.role_sid is not UNCHANGED:
            await self._roles.check_is(changes.role_sid, "service")
        identity, acs_id = await self._named(actor, identity)
        await self._check_may(actor, identity, changes)
        async with self._database.write() as connection:
            old = _row(await table.find(connection, identity), identity, acs_id)
            new = edited(old, changes, to_milliseconds(self._clock()))
            if new == old:
                return await self._reachability.user(connection, old)
            await table.save(connection, new)
            return await self._reachability.tell(connection, new)

    async def _named(self, actor: Actor, identity: str) -> tuple[str, str]:
        """Return the identity and the ACS id of a user who is named by either. `NotFoundError` 50200."""
        acting = await self._identities.acting(actor)
        if is_raw_id(identity):
            name = (await self._identities.names([identity])).get(identity)
            if name is None:  # the steward
                raise _not_found()
            return name, identity
        acs_id = acting.id if identity == actor.identity else await self._identities.known_acs_id(identity)
        if acs_id is None:
            raise _not_found()
        return identity, acs_id

    async def _check_may(self, actor: Actor, identity: str, changes: UserChanges) -> None:
        needed = [Permission.EDIT_ANY_USER_INFO]
        if identity == actor.identity and changes.role_sid is UNCHANGED:
            needed.append(Permission.EDIT_OWN_USER_INFO)
        await self._roles.check_user((await self._identities.acting(actor)).id, *needed)


def edited(row: IdentityRow, changes: UserChanges, now: int) -> IdentityRow:
    """Return *row* with *changes*, and a date later than before."""
    new = replace(
        row,
        friendly_name=changed(changes.friendly_name, row.friendly_name) or None,
        attributes=changed(changes.attributes, row.attributes),
        role_sid=changed(changes.role_sid, row.role_sid),
    )
    if new == row and same(new.attributes, row.attributes):
        return row
    return replace(new, updated_at=later(row.updated_at or row.created_at, now))


def _row(found: IdentityRow | None, identity: str, acs_id: str) -> IdentityRow:
    if found is not None:
        return found
    if not is_raw_id(identity):
        raise _not_found()
    return records.native_user(acs_id)


def _not_found() -> NotFoundError:
    return NotFoundError("User not found", code=50200)
