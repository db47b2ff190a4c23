"""Content templates: kept in the store, since ACS has none."""

from __future__ import annotations

from collections.abc import Sequence

from acs_backend.identities import Identities
from acs_backend.store import content_templates as table
from acs_backend.store.database import Database
from acs_backend.times import to_time
from twilio_compat.records import Actor, ContentTemplateRecord


class ContentTemplates:
    """The port's content templates."""

    def __init__(self, database: Database, identities: Identities) -> None:
        """Read them from *database*."""
        self._database = database
        self._identities = identities

    async def list(self, actor: Actor) -> Sequence[ContentTemplateRecord]:
        """Return all of them, in ascending order of sid."""
        await self._identities.acting(actor)
        async with self._database.read() as connection:
            return [_record(each) for each in await table.every(connection)]


def _record(row: table.ContentTemplate) -> ContentTemplateRecord:
    return ContentTemplateRecord(
        sid=row.sid,
        friendly_name=row.friendly_name,
        variables=row.variables,
        types=row.types,
        date_created=to_time(row.created_at),
        date_updated=to_time(row.updated_at),
    )
