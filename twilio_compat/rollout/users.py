"""Users: Twilio's, until the rollout is over, and told to ACS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twilio_compat.account import AccountUsers, UserDraft
from twilio_compat.errors import BackendError, NotFoundError
from twilio_compat.records import Actor, UserChanges, UserRecord
from twilio_compat.rollout.office import Office, soon
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.staging.stages import Side


class RolloutUsers:
    """`AccountUsers`: a user is in conversations of both sides, so one side has the authority over all users."""

    def __init__(self, office: Office) -> None:
        """Note with *office* what ACS is to be told."""
        self._office = office
        self._users = office.sides.twilio.users

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        """As `Users.get`."""
        return await self._known("users.get", lambda users: users.get(actor, identity))

    async def by_sid(self, actor: Actor, sid: str) -> UserRecord:
        """As `AccountUsers.by_sid`."""
        return await self._known("users.by_sid", lambda users: users.by_sid(actor, sid))

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

    async def _known(
        self, operation: str, ask: Callable[[AccountUsers], Awaitable[UserRecord]]
    ) -> UserRecord:
        """Return a user as Twilio knows them; while it does not answer, as ACS does, which was told of them."""
        has_acs = await self._office.ever_live()
        try:
            with self._office.telemetry.call(Side.TWILIO, operation):
                answer = ask(self._users)
                return await (soon(answer) if has_acs else answer)
        except BackendError as error:
            if not has_acs:
                raise
            try:
                return await ask(self._office.sides.acs.users)
            except NotFoundError:
                raise error from None
