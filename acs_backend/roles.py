"""The roles of a service, and refusing what they do not allow.

Theory of operation
-------------------
Whom ACS lets into a thread may do everything there, so these rules are this library's, as they are Twilio's own and
not those of the service under it. Four roles are always there; the account makes others, changes what any of them
allows, and says which roles those have who were given none. Until it does, the settings say that
(`acs_backend.permissions`). In direct mode there is no store that outlasts the process, so nobody has a role, and it is
ACS alone that decides what members may.

Each check takes all roles, and few change ever. So they are kept in memory as a `RoleBook` that is read again when it
is older than `RECENT`; a change that another process made is honoured after that long, and one of this process at
once. The book is read in the transaction that the check takes anyway, where there is one. While it is read anew, others
go on with the one that there is, except for the first. Somebody's role that is not in it was made since, or is gone; so
it is read again, once for each such role, since a sid is never used twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.checks import changed
from acs_backend.permissions import (
    CHANNEL_ADMIN,
    CHANNEL_USER,
    DEFAULT_ROLES,
    SERVICE_ADMIN,
    SERVICE_USER,
    Permission,
    Role,
    RoleBook,
    check_role,
    checked_permissions,
)
from acs_backend.sids import ROLE
from acs_backend.store import documents, identities, participants
from acs_backend.store import roles as table
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.roles import RoleRow
from acs_backend.times import later, to_milliseconds, to_time
from twilio_compat.account import RoleDefaults, RoleDefaultsChanges, RoleDraft, RoleRecord, RoleType
from twilio_compat.errors import ConflictError, NotFoundError
from twilio_compat.records import JSONValue

__all__ = [
    "CHANNEL_ADMIN",
    "CHANNEL_USER",
    "SERVICE_ADMIN",
    "SERVICE_USER",
    "Permission",
    "RoleBook",
    "Roles",
]

RECENT = timedelta(seconds=1)
"""How late a check may notice that another process changed the roles."""
KNOWN_GONE = 1000
DEFAULTS = "role-defaults"
"""The kind of the document that says which roles those have who were given none."""
_FOUR = tuple(each.sid for each in DEFAULT_ROLES)


class Roles:
    """The port's roles, and what the other parts ask of them."""

    def __init__(
        self, database: Database, initial: RoleBook, *, direct: bool, clock: Callable[[], datetime]
    ) -> None:
        """Keep them in *database*; *initial* is what holds where that says nothing, and all there is if *direct*."""
        self._database = database
        self._initial = initial
        self._direct = direct
        self._clock = clock
        self._book = initial
        self._read_at: datetime | None = None
        self._gone: set[str] = set()
        """Roles that somebody was given and that are not there any more."""
        self._changes = 0
        """Counts those made here, so that what was read before one does not outlast it."""

    # The port

    async def list(self) -> Sequence[RoleRecord]:
        """Return all of them, the four first, the others in the order in which they were made."""
        return [_record(each) for each in await self._rows()]

    async def get(self, sid: str) -> RoleRecord:
        """Fetch one. `NotFoundError` 50100."""
        return _record(_existing(next((each for each in await self._rows() if each.sid == sid), None)))

    async def create(self, draft: RoleDraft) -> RoleRecord:
        """Make one. `LimitError` 50104 (permission), 50105 (type), 50003 (name)."""
        check_role(draft.friendly_name, draft.type)
        now = self._now()
        row = RoleRow(
            sid=ROLE + uuid.uuid4().hex,
            friendly_name=draft.friendly_name,
            type=draft.type,
            permissions=checked_permissions(draft.type, draft.permissions),
            created_at=now,
            updated_at=now,
        )
        async with self._database.write() as connection:
            await self._add_the_four(connection)
            await table.add(connection, [row])
        self._changed()
        return _record(row)

    async def update(self, sid: str, permissions: Sequence[str]) -> RoleRecord:
        """Replace what it allows. `NotFoundError` 50100, `LimitError` 50104."""
        async with self._database.write() as connection:
            await self._add_the_four(connection)
            old = _existing(await table.find(connection, sid))
            new = replace(
                old,
                permissions=checked_permissions(old.type, permissions),
                updated_at=later(old.updated_at, self._now()),
            )
            await table.save(connection, new)
        self._changed()
        return _record(new)

    async def delete(self, sid: str) -> None:
        """Forget one that was made. `NotFoundError` 50100; `ConflictError` 20409 for the four."""
        if sid in _FOUR:
            raise ConflictError("Conflict: a default role cannot be deleted", code=20409)
        async with self._database.write() as connection:
            if not await table.remove(connection, sid):
                raise _not_found()
        self._changed()

    async def defaults(self) -> RoleDefaults:
        """Return the roles of those who were given none."""
        async with self._database.read() as connection:
            return _defaults(await self._read(connection))

    async def set_defaults(self, changes: RoleDefaultsChanges) -> RoleDefaults:
        """Change them. `NotFoundError` 50109 where it is no role for a conversation, 50100 where it is none for users."""
        async with self._database.write() as connection:
            book = await self._read(connection)
            new = RoleDefaults(
                conversation_creator=changed(changes.conversation_creator, book.creator),
                conversation=changed(changes.conversation, book.member),
                service=changed(changes.service, book.user),
            )
            for sid in (new.conversation_creator, new.conversation):
                _check_is(book, sid, "conversation")
            _check_is(book, new.service, "service")
            content: dict[str, JSONValue] = {name: getattr(new, name) for name in RoleDefaults.__slots__}
            await documents.put(connection, DEFAULTS, "", content, self._now())
        self._changed()
        return new

    # For the other parts

    @property
    def known(self) -> RoleBook:
        """The book as it was read last: for whoever has asked for `book` just before."""
        return self._book

    async def book(
        self, connection: AsyncConnection | None = None, *, given: Iterable[str | None] = ()
    ) -> RoleBook:
        """Return the roles as they were up to `RECENT` ago, and those that somebody was *given*, if they are there.

        They are read in the transaction of *connection*, where there is one.
        """
        book = await self._recent(connection)
        missing = {each for each in given if each is not None and each not in book.roles} - self._gone
        if missing and not self._direct:
            self._read_at = None
            book = await self._recent(connection)
            if len(self._gone) >= KNOWN_GONE:
                self._gone.clear()
            self._gone |= missing - book.roles.keys()
        return book

    async def check_member(
        self, identity: str, acs_id: str, conversation: Conversation, *needed: Permission
    ) -> None:
        """Refuse (`ForbiddenError` 50107) a user who has none of the permissions *needed* in a conversation."""
        if self._direct:
            return
        async with self._database.read() as connection:
            own = (await participants.of_user(connection, acs_id, [conversation.thread_id])).values()
            service_role = await identities.role_sid(connection, acs_id)
            given = next((row.role_sid for row in own), None)
            book = await self.book(connection, given=(given, service_role))
        roles = (book.of_member(conversation, identity, given), book.of_user(service_role))
        book.check(roles, needed)

    async def check_user(self, acs_id: str, *needed: Permission) -> None:
        """Refuse (`ForbiddenError` 50107) a user who has none of the permissions *needed* in the deployment."""
        async with self._database.read() as connection:
            service_role = await identities.role_sid(connection, acs_id)
            book = await self.book(connection, given=[service_role])
        book.check([book.of_user(service_role)], needed)

    async def lets_members(self, given: str | None, *needed: Permission) -> bool:
        """Say whether a member who was *given* a role, or none, is known to have one of *needed*, whoever they are.

        That is so for nearly everybody who writes, and to know it takes nothing from the store. False says nothing.
        """
        if self._direct:
            return True
        book = await self.book(given=[given])
        if given is not None and book.has(given, "conversation"):
            return book.allows([given], needed)
        return book.allows([book.creator], needed) and book.allows([book.member], needed)

    async def check_is(self, sid: str, kind: RoleType) -> None:
        """Refuse what cannot be given to members (`NotFoundError` 50109) or users (50100)."""
        _check_is(await self.book(given=[sid]), sid, kind)

    # Reading

    async def _recent(self, connection: AsyncConnection | None) -> RoleBook:
        now, before, changes = self._clock(), self._read_at, self._changes
        if self._direct or (before is not None and timedelta(0) <= now - before < RECENT):
            return self._book
        self._read_at = before and now
        try:
            book = await self._look(connection)
        except BaseException:
            self._read_at = before
            raise
        if changes == self._changes:
            self._book, self._read_at = book, now
        return book

    async def _rows(self) -> Sequence[RoleRow]:
        """Return the rows of all roles, the four first; whoever asks first has theirs made, so that they have dates."""
        async with self._database.read() as connection:
            rows = {each.sid: each for each in await table.every(connection)}
        if not rows.keys() >= {*_FOUR}:
            async with self._database.write() as connection:
                await self._add_the_four(connection)
                rows = {each.sid: each for each in await table.every(connection)}
        four = [rows.pop(each) for each in _FOUR]
        return [*four, *rows.values()]

    async def _add_the_four(self, connection: AsyncConnection) -> None:
        present = {each.sid for each in await table.every(connection)}
        missing = [each for each in DEFAULT_ROLES if each.sid not in present]
        now = self._now()
        await table.add(
            connection,
            [
                RoleRow(
                    sid=each.sid,
                    friendly_name=each.friendly_name,
                    type=each.type,
                    permissions=each.permissions,
                    created_at=now,
                    updated_at=now,
                )
                for each in missing
            ],
        )

    async def _look(self, connection: AsyncConnection | None) -> RoleBook:
        if connection is not None:
            return await self._read(connection)
        async with self._database.read() as own:
            return await self._read(own)

    async def _read(self, connection: AsyncConnection) -> RoleBook:
        rows = await table.every(connection)
        stored = await documents.find(connection, DEFAULTS, "")
        found = {each.sid: Role(each.friendly_name, each.type, each.permissions) for each in rows}
        book = replace(self._initial, roles={**self._initial.roles, **found})
        return book if stored is None else _with_defaults(book, stored.content)

    def _changed(self) -> None:
        self._changes += 1
        self._read_at = None

    def _now(self) -> int:
        return to_milliseconds(self._clock())


def _with_defaults(book: RoleBook, content: dict[str, JSONValue]) -> RoleBook:
    """Return *book* with the defaults that were stored; one that is gone since counts as not set."""

    def stored(name: str, kind: RoleType, otherwise: str) -> str:
        sid = content.get(name)
        return sid if isinstance(sid, str) and book.has(sid, kind) else otherwise

    return replace(
        book,
        creator=stored("conversation_creator", "conversation", book.creator),
        member=stored("conversation", "conversation", book.member),
        user=stored("service", "service", book.user),
    )


def _defaults(book: RoleBook) -> RoleDefaults:
    return RoleDefaults(conversation_creator=book.creator, conversation=book.member, service=book.user)


def _check_is(book: RoleBook, sid: str, kind: RoleType) -> None:
    if not book.has(sid, kind):
        if kind == "conversation":
            raise NotFoundError("Conversation role not found", code=50109)
        raise _not_found()


def _record(row: RoleRow) -> RoleRecord:
    return RoleRecord(
        sid=row.sid,
        friendly_name=row.friendly_name,
        type=row.type,
        permissions=row.permissions,
        date_created=to_time(row.created_at),
        date_updated=to_time(row.updated_at),
    )


def _existing(row: RoleRow | None) -> RoleRow:
    if row is None:
        raise _not_found()
    return row


def _not_found() -> NotFoundError:
    return NotFoundError("Role not found", code=50100)
