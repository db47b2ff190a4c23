"""Content templates: what Twilio's Content API shows of them. It gives them their sids, so none can be put there as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twilio_backend import records
from twilio_backend.clients import TwilioClients, segment
from twilio_backend.errors import TwilioGapError, translated
from twilio_backend.listing import every
from twilio_compat.records import Actor, ContentTemplateRecord, JSONValue
from twilio_compat.templates import fill_in


class ContentTemplates:
    """The port's content templates."""

    def __init__(self, clients: TwilioClients) -> None:
        """Of the account; services share them."""
        self._place = clients.client.content.v1.contents

    async def list(self, actor: Actor | None) -> Sequence[ContentTemplateRecord]:
        """Return all of them, in ascending order of sid."""
        return sorted(await every(self._place, records.template), key=lambda each: each.sid)

    async def put(self, templates: Sequence[ContentTemplateRecord]) -> None:
        """Refuse (`TwilioGapError`)."""
        raise TwilioGapError(
            "Twilio gives content templates their sids; make them there, in its console or Content API"
        )

    async def remove(self, sids: Sequence[str]) -> None:
        """Forget templates, one after the other. `NotFoundError` 20404, where those before it are gone."""
        for each in sids:
            with translated():
                await self._place(segment(each)).delete_async()

    async def without_placeholders(self, sid: str) -> Mapping[str, JSONValue]:
        """Return the types of one. `TwilioGapError` where REST does not tell what its placeholders were filled with."""
        with translated():
            found = records.template(await self._place(segment(sid)).fetch_async())
        if fill_in(found.types, dict.fromkeys(found.variables, "")) != found.types:
            raise TwilioGapError(
                "Twilio's REST API does not tell what the placeholders of a message were filled with"
            )
        return found.types
