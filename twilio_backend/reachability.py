"""Whether a service keeps track of who is there, as its configuration says."""

from __future__ import annotations

from twilio_backend.errors import translated
from twilio_backend.tenancy import Tenancy


class Reachability:
    """The port's reachability."""

    def __init__(self, tenancy: Tenancy) -> None:
        """Of the service of *tenancy*."""
        self._tenancy = tenancy
        self.enabled = False
        """What was found when it was looked at last."""

    async def is_on(self) -> bool:
        """Say so."""
        place = await self._tenancy.service()
        with translated():
            self.enabled = bool((await place.configuration().fetch_async()).reachability_enabled)
        return self.enabled

    async def switch(self, enabled: bool) -> None:
        """Have it do so, or not."""
        place = await self._tenancy.service()
        with translated():
            changed = await place.configuration().update_async(reachability_enabled=enabled)
        self.enabled = bool(changed.reachability_enabled)
