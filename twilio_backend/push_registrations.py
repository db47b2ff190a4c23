"""Devices that want to be notified. At Twilio its client libraries note them; REST shows and removes them."""

from __future__ import annotations

from collections.abc import Sequence

from twilio_backend import records
from twilio_backend.authority import Authority
from twilio_backend.clients import segment
from twilio_backend.errors import TwilioGapError, translated
from twilio_backend.listing import every
from twilio_backend.tenancy import Tenancy
from twilio_compat.account import PushRegistrationRecord
from twilio_compat.records import Actor, PushChannel


class PushRegistrations:
    """The port's push registrations."""

    def __init__(self, tenancy: Tenancy, guard: Authority) -> None:
        """Of the service of *tenancy*."""
        self._tenancy = tenancy
        self._guard = guard

    async def create(self, actor: Actor, channel: PushChannel, registration_id: str) -> None:
        """Refuse (`TwilioGapError`)."""
        raise TwilioGapError("Twilio's REST API cannot note a device for push; its client libraries can")

    async def delete(self, actor: Actor, channel: PushChannel, registration_id: str | None = None) -> None:
        """Forget a device, or all those of a channel; one that was not noted is no error."""
        self._guard.check_token(actor)
        for each in await self.list():
            is_theirs = each.identity == actor.identity and each.channel == channel
            if is_theirs and registration_id in (None, each.registration_id):
                await self.remove(each.sid)

    async def list(self) -> Sequence[PushRegistrationRecord]:
        """Return all of them, in the order in which they were noted."""
        found = await every((await self._tenancy.service()).bindings, records.registration)
        return sorted(found, key=lambda each: each.date_created)

    async def remove(self, sid: str) -> None:
        """Forget one. `NotFoundError` 20404."""
        place = await self._tenancy.service()
        with translated():
            await place.bindings(segment(sid)).delete_async()
