"""Users: Twilio's, until the rollout is over, and told to ACS."""

from __future__ import annotations

from collections.abc import Sequence

from twilio_compat.account import UserDraft
from twilio_compat.records import Actor, UserChanges, UserRecord
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.stages import Side


class RolloutUsers:
    """`AccountUsers`: a user is in conversations of both sides, so one side has the authority over all users."""

    def __init__(self, office: Office) -> None:
        """Note with *office* what ACS is to be told."""
        self._office = office
        self._users = office.sides.twilio.users

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        """As `Users.get`."""
        with self._office.telemetry.call(Side.TWILIO, "users.get"):
            return await self._users.get(actor, identity)

    async def by_sid(self, actor: Actor, sid: str) -> UserRecord:
        """As `AccountUsers.by_sid`."""
        with self._office.telemetry.call(Side.TWILIO, "users.by_sid"):
            return await self._users.by_sid(actor, sid)

    async def page(self, actor: Actor, *, after: str | None, limit: int) -> Sequence[UserRecord]:
        """As `AccountUsers.page`."""
        with self._office.telemetry.call(Side.TWILIO, "users.page"):
            return await self._users.page(actor, after=after, limit=limit)

    async def create(self, actor: Actor, draft: UserDraft) -> UserRecord:
        """As `AccountUsers.create`. ACS makes a user when they are first in a conversation there."""
        with self._office.telemetry.call(Side.TWILIO, "users.create"):
            return await self._users.create(actor, draft)

    async def update(self, actor: Actor, identity: str, changes: UserChanges) -> UserRecord:
        """As `Users.update`."""
        async with self._office.noting(Side.ACS, Entry(what="user", sid=identity)):
            with self._office.telemetry.call(Side.TWILIO, "users.update"):
                return await self._users.update(actor, identity, changes)

    async def delete(self, actor: Actor, identity: str) -> None:
        """As `AccountUsers.delete`."""
        async with self._office.noting(Side.ACS, Entry(what="user", sid=identity)):
            with self._office.telemetry.call(Side.TWILIO, "users.delete"):
                await self._users.delete(actor, identity)
