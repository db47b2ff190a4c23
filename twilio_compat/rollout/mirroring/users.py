"""Users at the mirror: those of Twilio, who have the authority, as ACS knows them."""

from __future__ import annotations

from twilio_compat.account import UserDraft, account_actor
from twilio_compat.errors import ConflictError, NotFoundError
from twilio_compat.records import UNCHANGED, UserChanges, UserRecord
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.sameness import same


class MirroredUsers:
    """Makes users of ACS what they are at Twilio."""

    def __init__(self, office: Office) -> None:
        """Go between the sides of *office*."""
        self._office = office
        self._actor = account_actor(office.service_sid)

    async def apply(self, side: Side, identity: str) -> None:
        """Change or remove a user at *side*, if they are there."""
        wanted, found = await self._user(side.other, identity), await self._user(side, identity)
        if found is None:
            return
        if wanted is None:
            await self._office.sides.of(side).users.delete(self._actor, identity)
            return
        await self._change(side, found, wanted)

    async def ensure(self, side: Side, identity: str) -> None:
        """Have a user at *side* who is a user at the other one."""
        if side is Side.TWILIO or (wanted := await self._user(side.other, identity)) is None:
            return None
        found = await self._user(side, identity)
        if found is None:
            draft = UserDraft(
                identity=identity,
                friendly_name=wanted.friendly_name,
                attributes=wanted.attributes,
                role_sid=await self._office.roles.there(side, wanted.role_sid) if wanted.role_sid else None,
                sid=wanted.sid,
            )
            try:
                await self._office.sides.of(side).users.create(self._actor, draft)
            except ConflictError:
                return await self.apply(side, identity)
        else:
            await self._change(side, found, wanted)
        return None

    async def _change(self, side: Side, found: UserRecord, wanted: UserRecord) -> None:
        role_sid = await self._office.roles.there(side, wanted.role_sid) if wanted.role_sid else ""
        changes = UserChanges(
            friendly_name=UNCHANGED if found.friendly_name == wanted.friendly_name else wanted.friendly_name,
            attributes=UNCHANGED if same(found.attributes, wanted.attributes) else wanted.attributes,
            role_sid=UNCHANGED if found.role_sid == role_sid or not role_sid else role_sid,
            sid=UNCHANGED if found.sid == wanted.sid or side is Side.TWILIO else wanted.sid,
        )
        if changes != UserChanges():
            await self._office.sides.of(side).users.update(self._actor, found.identity, changes)

    async def _user(self, side: Side, identity: str) -> UserRecord | None:
        try:
            return await self._office.sides.of(side).users.get(self._actor, identity)
        except NotFoundError:
            return None
