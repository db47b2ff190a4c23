"""Which service a backend is of, and where that is in the official client."""

from __future__ import annotations

import asyncio

from twilio_backend.clients import Place, TwilioClients
from twilio_backend.errors import translated
from twilio_compat.errors import ConfigurationError


class Tenancy:
    """A service, by its sid, or the default one of the account, whose sid Twilio is asked for when it is needed."""

    def __init__(self, clients: TwilioClients, sid: str | None) -> None:
        """None: the default one."""
        self.clients = clients
        self.root: Place = clients.of(sid)
        """Where its conversations, users and roles are."""
        self.known: str | None = sid
        """Its sid, as far as it is known."""
        self._asking = asyncio.Lock()

    async def sid(self) -> str:
        """Return its sid."""
        if self.known is None:
            async with self._asking:
                if self.known is None:
                    self.known = await self._ask()
        return self.known

    async def service(self) -> Place:
        """Return where what only paths with a sid have is: its configuration, and bindings."""
        return self.clients.account.services(await self.sid())

    async def _ask(self) -> str:
        with translated():
            found = (await self.clients.account.configuration().fetch_async()).default_chat_service_sid
        if not found:
            raise ConfigurationError(
                "The Twilio account has no default service; set TWILIO_COMPAT_SERVICE_SID"
            )
        return str(found)
