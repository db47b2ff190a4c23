"""Users: the rows of the identities' table, as the port tells them.

Everybody whom a message can have as its author is a user. A native ACS user, whose identity is their ACS id, has no
row until the first change makes one. Who was deleted keeps their row, which says so, and is nobody's user until they
are seen again (`acs_backend.identities`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from acs_backend import authority, records
from acs_backend.checks import USER_ATTRIBUTES, changed, check_attributes, check_friendly_name, check_sid
from acs_backend.identities import STEWARD, Identities, checked_identity, is_raw_id
from acs_backend.reachability import Reachability
from acs_backend.roles import Permission, Roles
from acs_backend.sids import USER, is_sid
from acs_backend.store import identities as table
from acs_backend.store.database import Database
from acs_backend.store.identities import IdentityRow
from acs_backend.times import later, to_milliseconds
from acs_backend.user_removal import UserRemoval
from twilio_compat.account import UserDraft
from twilio_compat.errors import ConflictError, ForbiddenError, NotFoundError, TwilsockUpstreamError
from twilio_compat.records import UNCHANGED, Actor, ActorKind, UserChanges, UserRecord
from twilio_compat.sameness import same


class Users:
    """The port's users."""

    def __init__(
        self,
        database: Database,
        identities: Identities,
        reachability: Reachability,
        roles: Roles,
        removal: UserRemoval,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep them in *database*; *identities* makes the actor's own row; *clock* tells the time for dates."""
        self._database = database
        self._identities = identities
        self._reachability = reachability
        self._roles = roles
        self._removal = removal
        self._clock = clock

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        """Fetch a user. The actor's own always exists, and so does one named by an ACS id. `NotFoundError` 50200."""
        identity, acs_id = await self._named(actor, identity)
        async with self._database.read() as connection:
            row = await table.find(connection, identity)
            return await self._reachability.user(connection, _row(row, identity, acs_id))

    async def by_sid(self, actor: Actor, sid: str) -> UserRecord:
        """Fetch a user by sid. `NotFoundError` 50200."""
        async with self._database.read() as connection:
            row = await table.by_sid(connection, sid) if is_sid(sid, USER) else None
            if row is None or row.identity == STEWARD:
                raise _not_found()
            return await self._reachability.user(connection, _row(row, row.identity, row.acs_id))

    async def page(self, actor: Actor, *, after: str | None, limit: int) -> Sequence[UserRecord]:
        """Return up to *limit* that were made after the one with the sid *after* (None: from the first on).

        `NotFoundError` 50200 where there never was such a user.
        """
        async with self._database.read() as connection:
            last = None
            if after is not None:
                last = await table.by_sid(connection, after) if is_sid(after, USER) else None
                if last is None:
                    raise _not_found()
            rows = await table.page(connection, last, without=STEWARD, limit=limit)
            return [await self._reachability.user(connection, row) for row in rows]

    async def create(self, actor: Actor, draft: UserDraft) -> UserRecord:
        """Make a user. `ConflictError` 50201: there is one; `ForbiddenError` 50107 for all but the account.

        `NotFoundError` 50100 (role); `LimitError` 50003, 50204, 50207, 50303; `TwilsockUpstreamError` 50206.
        """
        authority.check_account(actor)
        check_sid(draft.sid, USER)
        identity = _checked(draft.identity)
        check_friendly_name(draft.friendly_name)
        check_attributes(draft.attributes, USER_ATTRIBUTES)
        if draft.role_sid is not None:
            await self._roles.check_is(draft.role_sid, "service")
        row = await self._identities.add(identity, lambda plain: _drafted(plain, draft))
        if row is None:
            raise _exists_already()
        is_known = row.updated_at is not None  # to those who saw whom it was before
        async with self._database.write() if is_known else self._database.read() as connection:
            return await (self._reachability.tell if is_known else self._reachability.user)(connection, row)

    async def delete(self, actor: Actor, identity: str) -> None:
        """Take a user out of all conversations and forget them; what they wrote stays. Errors as `create` and `get`."""
        authority.check_account(actor)
        identity, acs_id = await self._named(actor, identity)
        async with self._database.read() as connection:
            row = _row(await table.find(connection, identity), identity, acs_id)
        await self._removal.remove(row)

    async def update(self, actor: Actor, identity: str, changes: UserChanges) -> UserRecord:
        """Change a user. `ForbiddenError` 50107 unless it is the actor's own, or the actor a service admin.

        `NotFoundError` 50200, 50100 (role); `LimitError` 50003, 50303. `ConflictError` 50201: another user has the sid.
        """
        authority.check_user_changes(actor, changes)
        check_sid(changed(changes.sid, None), USER)
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
            holder = await table.by_sid(connection, new.sid)
            if holder is not None and holder.identity != identity:
                raise _exists_already()
            await table.save(connection, new)
            return await self._reachability.tell(connection, new)

    async def _named(self, actor: Actor, identity: str) -> tuple[str, str]:
        """Return the identity and the ACS id of a user who is named by either. `NotFoundError` 50200."""
        if not authority.is_account(actor):
            acting = await self._identities.acting(actor)
            if identity == actor.identity:
                await self._identities.revive(acting.id)
                return identity, acting.id
        if is_raw_id(identity):
            name = (await self._identities.names([identity])).get(identity)
            if name is None:  # the steward
                raise _not_found()
            return name, identity
        acs_id = await self._identities.known_acs_id(identity)
        if acs_id is None:
            raise _not_found()
        return identity, acs_id

    async def _check_may(self, actor: Actor, identity: str, changes: UserChanges) -> None:
        """Roles are an admin's to give."""
        needed = [Permission.EDIT_ANY_USER_INFO]
        if identity == actor.identity and changes.role_sid is UNCHANGED:
            needed.append(Permission.EDIT_OWN_USER_INFO)
        if actor.kind is ActorKind.BEARER:
            await self._roles.check_user((await self._identities.acting(actor)).id, *needed)


def edited(row: IdentityRow, changes: UserChanges, now: int) -> IdentityRow:
    """Return *row* with *changes*, and a date later than before."""
    new = replace(
        row,
        friendly_name=changed(changes.friendly_name, row.friendly_name) or None,
        attributes=changed(changes.attributes, row.attributes),
        role_sid=changed(changes.role_sid, row.role_sid),
        sid=changed(changes.sid, row.sid),
    )
    if new == row and same(new.attributes, row.attributes):
        return row
    return replace(new, updated_at=later(row.updated_at or row.created_at, now))


def _checked(identity: str) -> str:
    """Return *identity* if the account may make a user of it."""
    if is_raw_id(identity):
        raise ForbiddenError("Identity reserved: it has the form of an ACS user id", code=50203)
    if is_sid(identity, USER):
        raise TwilsockUpstreamError("Identity should not match user SID pattern", code=50206)
    return checked_identity(identity)


def _drafted(plain: IdentityRow, draft: UserDraft) -> IdentityRow:
    name = draft.friendly_name or draft.identity
    sid = plain.sid if draft.sid is None else draft.sid
    return replace(plain, sid=sid, friendly_name=name, attributes=draft.attributes, role_sid=draft.role_sid)


def _row(found: IdentityRow | None, identity: str, acs_id: str) -> IdentityRow:
    if found is not None and found.deleted_at is None:
        return found
    if found is not None or not is_raw_id(identity):
        raise _not_found()
    return records.native_user(acs_id)


def _exists_already() -> ConflictError:
    return ConflictError("User already exists", code=50201)


def _not_found() -> NotFoundError:
    return NotFoundError("User not found", code=50200)
