"""What roles are called on either side. In public they are called as at Twilio, which has the authority over them.

The same role has the same name and type on both sides, and allows the same: ACS is told when Twilio's are read. One that
ACS does not have is made there when somebody has it.

A call that ACS serves must not wait for Twilio, nor fail with it. So Twilio's roles are kept in the store, and read anew
off the caller's path. Only who needs a role that was never heard of asks Twilio, for `PATIENCE` seconds at most; where
that comes to nothing, the role has the name that it has on ACS.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, cast

from twilio_compat.account import Documents, RoleDraft, RoleRecord, RoleType
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import JSONObject, JSONValue
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.staging.fresh import Fresh
from twilio_compat.rollout.staging.stages import Side

KIND: Final = "rollout"
NAME: Final = "roles"
"""Kind and name of the document that has Twilio's roles."""
LASTS: Final = 60.0
"""Seconds for which the roles of a side count as known."""
PATIENCE: Final = 3.0
"""Seconds for which Twilio is waited for."""

_log = logging.getLogger(__name__)


class RoleMap:
    """Translates the sids of roles."""

    def __init__(self, sides: Sides, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask both *sides* for theirs. *clock* is in seconds."""
        self._sides = sides
        self._twilio = _TwilioRoles(sides, clock)
        self._acs: Fresh[Sequence[RoleRecord]] = Fresh(
            lambda: _roles_of(sides), clock=clock, what="The roles of ACS"
        )

    async def public(self, side: Side, role_sid: str) -> str:
        """Return the public sid of a role that is called *role_sid* at *side*; the same where Twilio has no such role."""
        if side is Side.TWILIO or not role_sid:
            return role_sid
        found = _by_sid(await self._acs.get(LASTS), role_sid)
        twin = found and _twin(await self._twilio.get(), found)
        return twin.sid if twin else role_sid

    async def there(self, side: Side, role_sid: str) -> str:
        """Return what a role is called at *side* that has a public sid; the same where nobody knows it."""
        if side is Side.TWILIO or not role_sid:
            return role_sid
        found = _by_sid(await self._twilio.get(), role_sid)
        if found is None and _by_sid(await self._acs.get(LASTS), role_sid) is None:
            found = _by_sid(await self._twilio.asked(), role_sid)
        return role_sid if found is None else (await self._on_acs(found)).sid

    async def close(self) -> None:
        """Ask nobody any more."""
        await self._acs.close()
        await self._twilio.close()

    async def _on_acs(self, role: RoleRecord) -> RoleRecord:
        twin = _twin(await self._acs.get(LASTS), role)
        if twin is None:
            self._acs.forget()
            twin = _twin(await self._acs.get(LASTS), role)
        if twin is None:
            draft = RoleDraft(friendly_name=role.friendly_name, type=role.type, permissions=role.permissions)
            twin = await self._sides.acs.roles.create(draft)
            self._acs.forget()
        return twin


class _TwilioRoles:
    """Twilio's roles, as last read by any process."""

    def __init__(self, sides: Sides, clock: Callable[[], float]) -> None:
        self._roles, self._on_acs = sides.twilio.roles, sides.acs.roles
        self._documents: Documents = sides.acs.documents
        self._clock = clock
        self._known: Sequence[RoleRecord] | None = None
        self._known_at = -math.inf
        self._reading: asyncio.Task[None] | None = None

    async def get(self) -> Sequence[RoleRecord]:
        """Return them without waiting for Twilio, unless nobody has ever read them."""
        if self._known is None:
            document = await self._documents.get(KIND, NAME)
            if document is None:
                return await self.asked()
            self._known = _from_content(document.content)
        if self._clock() - self._known_at > LASTS:
            _ = self._begin()
        return self._known

    async def asked(self) -> Sequence[RoleRecord]:
        """Return them as they are now, or as last known where Twilio does not answer soon."""
        _ = await asyncio.wait([self._begin()], timeout=PATIENCE)
        return self._known or ()

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _begin(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        began = self._clock()
        try:
            found = await self._roles.list()
            if self._known is None or [*found] != [*self._known]:
                await self._agree(found)
                await self._documents.put(KIND, NAME, _to_content(found))
        except TwilioCompatError as error:
            _log.warning("The roles of Twilio cannot be read, and count as last known: %s", error)
            self._known_at = began  # not again at once
            return
        self._known, self._known_at = found, began

    async def _agree(self, wanted: Sequence[RoleRecord]) -> None:
        """Have the roles of ACS allow what those at Twilio allow."""
        on_acs = await self._on_acs.list()
        for role in wanted:
            twin = _twin(on_acs, role)
            if twin is not None and {*twin.permissions} != {*role.permissions}:
                await self._on_acs.update(twin.sid, role.permissions)


async def _roles_of(sides: Sides) -> Sequence[RoleRecord]:
    return await sides.acs.roles.list()


def _by_sid(roles: Sequence[RoleRecord], sid: str) -> RoleRecord | None:
    return next((each for each in roles if each.sid == sid), None)


def _twin(roles: Sequence[RoleRecord], role: RoleRecord) -> RoleRecord | None:
    wanted = (role.type, role.friendly_name)
    return next((each for each in roles if (each.type, each.friendly_name) == wanted), None)


# The document


def _to_content(roles: Sequence[RoleRecord]) -> JSONObject:
    return {"roles": [_to_json(each) for each in roles]}


def _to_json(role: RoleRecord) -> JSONValue:
    return {
        "sid": role.sid,
        "friendly_name": role.friendly_name,
        "type": role.type,
        "permissions": [*role.permissions],
        "date_created": role.date_created.isoformat(),
        "date_updated": role.date_updated.isoformat(),
    }


def _from_content(content: JSONObject) -> Sequence[RoleRecord]:
    return [_from_json(cast(JSONObject, each)) for each in cast("list[JSONValue]", content["roles"])]


def _from_json(role: JSONObject) -> RoleRecord:
    return RoleRecord(
        sid=str(role["sid"]),
        friendly_name=str(role["friendly_name"]),
        type=cast(RoleType, role["type"]),
        permissions=tuple(map(str, cast("list[JSONValue]", role["permissions"]))),
        date_created=datetime.fromisoformat(str(role["date_created"])),
        date_updated=datetime.fromisoformat(str(role["date_updated"])),
    )
