"""What roles are called on either side. In public they are called as at Twilio, which has the authority over them.

The same role has the same name and type on both sides. One that ACS does not have is made there, with the permissions it
has at Twilio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from twilio_compat.account import RoleDraft, RoleRecord
from twilio_compat.rollout.fresh import Fresh
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.stages import Side

LASTS: Final = 60.0
"""Seconds for which the roles of a side count as known."""


class RoleMap:
    """Translates the sids of roles."""

    def __init__(self, sides: Sides, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask both *sides* for theirs. *clock* is in seconds."""
        self._sides = sides
        self._known = {
            side: Fresh(_reading(sides, side), clock=clock, what=f"The roles of {side}") for side in Side
        }

    async def public(self, side: Side, role_sid: str) -> str:
        """Return the public sid of a role that is called *role_sid* at *side*; the same where Twilio has no such role."""
        if side is Side.TWILIO or not role_sid:
            return role_sid
        found = _by_sid(await self._known[Side.ACS].get(LASTS), role_sid)
        twin = found and _twin(await self._known[Side.TWILIO].get(LASTS), found)
        return twin.sid if twin else role_sid

    async def there(self, side: Side, role_sid: str) -> str:
        """Return what a role is called at *side* that has a public sid; the same where nobody knows it."""
        if side is Side.TWILIO or not role_sid:
            return role_sid
        found = _by_sid(await self._known[Side.TWILIO].get(LASTS), role_sid)
        if found is None:
            self._known[Side.TWILIO].forget()
            found = _by_sid(await self._known[Side.TWILIO].get(LASTS), role_sid)
        return role_sid if found is None else (await self._on_acs(found)).sid

    async def close(self) -> None:
        """Ask nobody any more."""
        for each in self._known.values():
            await each.close()

    async def _on_acs(self, role: RoleRecord) -> RoleRecord:
        twin = _twin(await self._known[Side.ACS].get(LASTS), role)
        if twin is None:
            self._known[Side.ACS].forget()
            twin = _twin(await self._known[Side.ACS].get(LASTS), role)
        if twin is None:
            draft = RoleDraft(friendly_name=role.friendly_name, type=role.type, permissions=role.permissions)
            twin = await self._sides.acs.roles.create(draft)
            self._known[Side.ACS].forget()
        return twin


def _reading(sides: Sides, side: Side) -> Callable[[], Coroutine[None, None, Sequence[RoleRecord]]]:
    async def read() -> Sequence[RoleRecord]:
        return await sides.of(side).roles.list()

    return read


def _by_sid(roles: Sequence[RoleRecord], sid: str) -> RoleRecord | None:
    return next((each for each in roles if each.sid == sid), None)


def _twin(roles: Sequence[RoleRecord], role: RoleRecord) -> RoleRecord | None:
    return next(
        (each for each in roles if (each.type, each.friendly_name) == (role.type, role.friendly_name)), None
    )
