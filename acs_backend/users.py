"""Users: the rows of the identities' table, as the port tells them."""

from __future__ import annotations

from acs_backend.identities import Identities, is_raw_id
from acs_backend.sids import user_sid
from acs_backend.store import identities as table
from acs_backend.store.database import Database
from twilio_compat.errors import NotFoundError
from twilio_compat.records import Actor, UserRecord


class Users:
    """The port's users."""

    def __init__(self, database: Database, identities: Identities) -> None:
        """Read them from *database*; *identities* makes the actor's own row."""
        self._database = database
        self._identities = identities

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        """Fetch a user. The actor's own always exists, and so does one named by an ACS id. `NotFoundError` 50200."""
        acting = await self._identities.acting(actor)
        acs_id = acting.id if identity == actor.identity else await self._identities.known_acs_id(identity)
        if acs_id is None:
            raise NotFoundError("User not found", code=50200)
        async with self._database.read() as connection:
            row = await table.find(connection, identity)
        if row is not None:
            return UserRecord(
                sid=row.sid, identity=identity, friendly_name=row.friendly_name, attributes=row.attributes
            )
        if not is_raw_id(identity):
            raise NotFoundError("User not found", code=50200)
        return UserRecord(sid=user_sid(acs_id), identity=identity, friendly_name=identity, attributes={})
