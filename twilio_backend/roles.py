"""The roles of a service, and refusing what they do not allow; what was read of them counts for `RECENT` seconds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twilio.base import values

from twilio_backend import records
from twilio_backend.clients import Place, segment
from twilio_backend.errors import translated, unauthorized
from twilio_backend.listing import every
from twilio_backend.tenancy import Tenancy
from twilio_compat.account import RoleDefaults, RoleDefaultsChanges, RoleDraft, RoleRecord
from twilio_compat.records import UNCHANGED, Unchanged

RECENT: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Book:
    read_at: float
    permissions: Mapping[str, frozenset[str]]
    defaults: RoleDefaults


class Roles:
    """The port's roles, and what the other rooms ask of them."""

    def __init__(self, tenancy: Tenancy, clock: Callable[[], float]) -> None:
        """Of the service of *tenancy*; *clock* tells how old is what was read."""
        self._tenancy = tenancy
        self._clock = clock
        self._book: _Book | None = None

    @property
    def _root(self) -> Place:
        return self._tenancy.root

    async def list(self) -> Sequence[RoleRecord]:
        """Return all of them, those first that were made first: the four are the oldest."""
        found = await every(self._root.roles, records.role)
        return sorted(found, key=lambda each: each.date_created)

    async def get(self, sid: str) -> RoleRecord:
        """Fetch one. `NotFoundError` 50100."""
        with translated():
            return records.role(await self._root.roles(segment(sid)).fetch_async())

    async def create(self, draft: RoleDraft) -> RoleRecord:
        """Make one. `LimitError` 50104, 50105, 50003."""
        self._book = None
        with translated():
            made = await self._root.roles.create_async(
                friendly_name=draft.friendly_name, type=draft.type, permission=[*draft.permissions]
            )
            return records.role(made)

    async def update(self, sid: str, permissions: Sequence[str]) -> RoleRecord:
        """Replace what it allows. `NotFoundError` 50100, `LimitError` 50104."""
        self._book = None
        with translated():
            changed = await self._root.roles(segment(sid)).update_async(permission=[*permissions])
            return records.role(changed)

    async def delete(self, sid: str) -> None:
        """Forget one. `NotFoundError` 50100; Twilio's refusal for one that is in use."""
        self._book = None
        with translated():
            await self._root.roles(segment(sid)).delete_async()

    async def defaults(self) -> RoleDefaults:
        """Return the roles of those who were given none."""
        with translated():
            return records.role_defaults(await (await self._configuration()).fetch_async())

    async def set_defaults(self, changes: RoleDefaultsChanges) -> RoleDefaults:
        """Change them. `NotFoundError` 50100, 50109."""
        self._book = None
        with translated():
            changed = await (await self._configuration()).update_async(
                default_conversation_creator_role_sid=_given(changes.conversation_creator),
                default_conversation_role_sid=_given(changes.conversation),
                default_chat_service_role_sid=_given(changes.service),
            )
            return records.role_defaults(changed)

    # For the other rooms

    async def recent_defaults(self) -> RoleDefaults:
        """Return the roles of those who were given none, as they were a few seconds ago."""
        return (await self._recent()).defaults

    async def allow(self, sids: Iterable[str], needed: Collection[str]) -> bool:
        """Say whether one of the roles *sids* allows one of *needed*."""
        permissions = (await self._recent()).permissions
        return any(not permissions.get(each, frozenset()).isdisjoint(needed) for each in sids)

    async def check(self, sids: Iterable[str], needed: Collection[str]) -> None:
        """Refuse (`ForbiddenError` 50107) whoever has the roles *sids* and none of *needed*."""
        if not await self.allow(sids, needed):
            raise unauthorized()

    async def _recent(self) -> _Book:
        book = self._book
        if book is None or self._clock() - book.read_at >= RECENT:
            read_at = self._clock()
            permissions = {each.sid: frozenset(each.permissions) for each in await self.list()}
            book = self._book = _Book(read_at, permissions, await self.defaults())
        return book

    async def _configuration(self) -> Any:
        return (await self._tenancy.service()).configuration()


def _given(value: str | Unchanged) -> object:
    return values.unset if value is UNCHANGED else value
