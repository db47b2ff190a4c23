"""The users of a service whose webhooks are asked before, and told after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twilio_compat.account import AccountUsers, UserDraft
from twilio_compat.records import UNCHANGED, Actor, UserChanges, UserRecord
from twilio_compat.webhooks import events, news, parameters
from twilio_compat.webhooks.desk import Desk


class TellingUsers:
    """`AccountUsers` of which webhooks are told."""

    def __init__(self, users: AccountUsers, desk: Desk) -> None:
        """Wrap *users*."""
        self._users = users
        self._desk = desk

    async def create(self, actor: Actor, draft: UserDraft) -> UserRecord:
        """Make a user. Errors of `AccountUsers.create`."""
        record = await self._users.create(actor, draft)
        await self._desk.tell(actor, events.USER_ADDED, lambda: news.user_added(record))
        return record

    async def update(self, actor: Actor, identity: str, changes: UserChanges) -> UserRecord:
        """Change a user. Errors of `Users.update`; `ForbiddenError` 50056."""
        if await self._desk.asks(actor, events.USER_UPDATED):
            old = await self._users.get(actor, identity)
            told = parameters.of_user(_changed(old, changes), with_creation=False, with_update=True)
            await self._desk.ask(actor, events.USER_UPDATED, told)
        record = await self._users.update(actor, identity, changes)
        await self._desk.tell(actor, events.USER_UPDATED, lambda: news.user_updated(record))
        return record

    # Nobody is told of these

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        """As `Users.get`."""
        return await self._users.get(actor, identity)

    async def by_sid(self, actor: Actor, sid: str) -> UserRecord:
        """As `AccountUsers.by_sid`."""
        return await self._users.by_sid(actor, sid)

    async def page(self, actor: Actor, *, after: str | None, limit: int) -> Sequence[UserRecord]:
        """As `AccountUsers.page`."""
        return await self._users.page(actor, after=after, limit=limit)

    async def delete(self, actor: Actor, identity: str) -> None:
        """As `AccountUsers.delete`, of which Twilio has no event."""
        await self._users.delete(actor, identity)


def _changed(record: UserRecord, changes: UserChanges) -> UserRecord:
    """Return a user as they will be."""
    return replace(
        record,
        friendly_name=record.friendly_name if changes.friendly_name is UNCHANGED else changes.friendly_name,
        attributes=record.attributes if changes.attributes is UNCHANGED else changes.attributes,
        role_sid=record.role_sid if changes.role_sid is UNCHANGED else changes.role_sid,
    )
