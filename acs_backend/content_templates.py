"""Content templates: kept in the store, since ACS has none.

A message that is made of one carries what the template had when it was sent, filled in (see
`acs_backend.message_codec`), so what becomes of the template later changes no message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from acs_backend.identities import Identities
from acs_backend.store import content_templates as table
from acs_backend.store.database import Database
from acs_backend.times import to_milliseconds, to_time
from twilio_compat.errors import DirectModeError, NotFoundError, TwilsockUpstreamError
from twilio_compat.records import Actor, ContentTemplateRecord, JSONValue, MessageDraft
from twilio_compat.templates import fill_in, text_of


class ContentTemplates:
    """The port's content templates, and what sending a message needs of them."""

    def __init__(self, database: Database, identities: Identities) -> None:
        """Keep them in *database*."""
        self._database = database
        self._identities = identities

    async def list(self, actor: Actor | None) -> Sequence[ContentTemplateRecord]:
        """Return all of them, in ascending order of sid."""
        if actor is None:
            self._check_lasting()
        else:
            await self._identities.acting(actor)
        async with self._database.read() as connection:
            return [_record(each) for each in await table.every(connection)]

    async def put(self, templates: Sequence[ContentTemplateRecord]) -> None:
        """Keep *templates*, in place of those with the same sids."""
        self._check_lasting()
        async with self._database.write() as connection:
            for each in templates:
                await table.put(connection, _row(each))

    async def remove(self, sids: Sequence[str]) -> None:
        """Forget templates. `NotFoundError` 20404 for one that is not there; then all stay."""
        self._check_lasting()
        async with self._database.write() as connection:
            for sid in sids:
                if await table.find(connection, sid) is None:
                    raise NotFoundError(f"The requested resource {sid} was not found", code=20404)
                await table.remove(connection, sid)

    async def applied(self, draft: MessageDraft) -> tuple[MessageDraft, Mapping[str, JSONValue]]:
        """Return *draft* with the text of its template, and all that the template has, filled in; {} without one.

        `TwilsockUpstreamError` 50526 where there is no such template.
        """
        if draft.content_sid is None:
            return draft, {}
        async with self._database.read() as connection:
            row = await table.find(connection, draft.content_sid)
        if row is None:
            raise TwilsockUpstreamError(f"Invalid content SID: {draft.content_sid}", code=50526)
        content = fill_in(row.types, {**row.variables, **draft.content_variables})
        return replace(draft, body=text_of(content)), content

    def _check_lasting(self) -> None:
        if self._identities.direct:
            raise DirectModeError(
                "Content templates are kept in the store of a deployment, and without a connection string there is "
                "none that lasts; set COMMUNICATION_SERVICES_CONNECTION_STRING"
            )


def _record(row: table.ContentTemplate) -> ContentTemplateRecord:
    return ContentTemplateRecord(
        sid=row.sid,
        friendly_name=row.friendly_name,
        variables=row.variables,
        types=row.types,
        date_created=to_time(row.created_at),
        date_updated=to_time(row.updated_at),
    )


def _row(record: ContentTemplateRecord) -> table.ContentTemplate:
    return table.ContentTemplate(
        sid=record.sid,
        friendly_name=record.friendly_name,
        variables=record.variables,
        types=record.types,
        created_at=to_milliseconds(record.date_created),
        updated_at=to_milliseconds(record.date_updated),
    )
