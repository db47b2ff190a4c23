"""The services of the account."""

from __future__ import annotations

from collections.abc import Sequence

from twilio_backend import records
from twilio_backend.clients import segment
from twilio_backend.errors import translated
from twilio_backend.listing import every
from twilio_backend.tenancy import Tenancy
from twilio_compat.account import ServiceRecord
from twilio_compat.errors import ArgumentError, NotFoundError


class Services:
    """The port's services."""

    def __init__(self, default: Tenancy) -> None:
        """*default* is the one that comes first, and that the deployment calls so."""
        self._default = default
        self._place = default.clients.account.services

    async def list(self) -> Sequence[ServiceRecord]:
        """Return all of them, the default one first."""
        first = await self._default.sid()
        found = await every(self._place, records.service)
        return sorted(found, key=lambda each: (each.sid != first, each.date_created, each.sid))

    async def get(self, sid: str) -> ServiceRecord:
        """Fetch one. `NotFoundError` 50050."""
        with translated():
            return records.service(await self._place(segment(sid)).fetch_async())

    async def create(self, friendly_name: str, *, sid: str | None = None) -> ServiceRecord:
        """Make one, empty. Where Twilio's answer is lost, there may be one more than before.

        With the *sid* of one that is there, that one is returned; of another `ArgumentError`, since Twilio gives the sids.
        """
        if sid is not None:
            return await self._present(sid)
        with translated():
            return records.service(await self._place.create_async(friendly_name=friendly_name))

    async def delete(self, sid: str) -> None:
        """Delete one with all that is in it. `NotFoundError` 50050; Twilio's refusal for the default one."""
        with translated():
            await self._place(segment(sid)).delete_async()

    async def _present(self, sid: str) -> ServiceRecord:
        try:
            return await self.get(sid)
        except NotFoundError as error:
            raise ArgumentError(
                "Twilio gives services their sids; one that is made there cannot keep another"
            ) from error
