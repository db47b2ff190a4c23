"""The port over Twilio's REST API, composed of the rooms of this package.

A backend is that of one service. Those of other services share its connections. Who signs in shows a Twilio access token,
which is verified here as on the ACS side; for what users may do see `twilio_backend.authority`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from twilio_backend.authority import Authority
from twilio_backend.clients import Sleep, TwilioClients, TwilioHttp
from twilio_backend.content_templates import ContentTemplates
from twilio_backend.conversations import Conversations
from twilio_backend.errors import TwilioGapError
from twilio_backend.event_source import EventSource
from twilio_backend.gaps import Documents, Errands, Leases
from twilio_backend.media import Media
from twilio_backend.messages import Messages
from twilio_backend.participants import Participants
from twilio_backend.push_registrations import PushRegistrations
from twilio_backend.reachability import Reachability
from twilio_backend.roles import Roles
from twilio_backend.services import Services
from twilio_backend.tenancy import Tenancy
from twilio_backend.user_conversations import UserConversations
from twilio_backend.users import Users
from twilio_compat.account import AccountBackend
from twilio_compat.errors import TokenError
from twilio_compat.events import Event
from twilio_compat.records import Actor, ConversationLimits, IssuedIdentity
from twilio_compat.settings import Settings
from twilio_compat.tokens import read_token, verify_token

LIMITS: Final = ConversationLimits(media_count=1, media_size=150, media_total_size=150)
"""REST takes one file with a message."""
_PURPOSE: Final = "to verify Twilio access tokens"


class TwilioBackend:
    """The port `twilio_compat.account.AccountBackend`. Belongs to the event loop in which it is first used.

    *now* tells the time of day, *clock* is monotonic in seconds, *sleep* waits, and *chance* draws from [0, 1); tests
    bring their own.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        root: TwilioBackend | None = None,
        service_sid: str | None = None,
    ) -> None:
        """Prepare; nothing is opened yet. `ConfigurationError` where a setting is missing.

        *root* and *service_sid* are for a service that is not the default one (`of`).
        """
        self._settings, self._now, self._clock, self._sleep = settings, now, clock, sleep
        self._root = root or self
        self._clients: TwilioClients = (
            root._clients
            if root
            else TwilioClients(TwilioHttp(settings, clock=clock, sleep=sleep, chance=chance))
        )
        self._tenancy = tenancy = Tenancy(self._clients, service_sid or settings.service_sid)
        self._others: dict[str, TwilioBackend] = {}
        self.roles: Roles = Roles(tenancy, clock)
        """Roles."""
        guard = Authority(tenancy.root, self.roles, now)
        self.conversations: Conversations = Conversations(tenancy, guard)
        """Conversations."""
        self.user_conversations: UserConversations = UserConversations(tenancy, guard)
        """What conversations are to the acting user."""
        self.participants: Participants = Participants(tenancy, guard)
        """Participants."""
        self.content_templates: ContentTemplates = ContentTemplates(self._clients)
        """Content templates."""
        self.messages: Messages = Messages(
            tenancy, guard, self.content_templates, look_back=settings.deadline
        )
        """Messages."""
        self.users: Users = Users(tenancy, guard)
        """Users."""
        self.media: Media = Media(tenancy, guard)
        """Media."""
        self.push_registrations: PushRegistrations = PushRegistrations(tenancy, guard)
        """Push registrations."""
        self.reachability: Reachability = Reachability(tenancy)
        """Whether the service keeps track of who is there."""
        self.services: Services = root.services if root else Services(tenancy)
        """The services of the account."""
        self.documents: Documents = Documents()
        """Refused: Twilio has no place for them."""
        self.errands: Errands = Errands()
        """Refused: Twilio has no place for them."""
        self.leases: Leases = Leases()
        """Refused: Twilio has no place for them."""
        self.limits: ConversationLimits = LIMITS
        """What a message may carry."""
        self._events = EventSource(
            self.conversations, self.participants, tenancy, settings, guard, clock=clock, sleep=sleep
        )

    @property
    def service_sid(self) -> str:
        """The service whose conversations these are; "" for a default one that Twilio was not asked about yet (`of`)."""
        return self._tenancy.known or ""

    @property
    def reachability_enabled(self) -> bool:
        """Whether it kept track of who is there when that was looked at last."""
        return self.reachability.enabled

    async def of(self, service_sid: str | None) -> TwilioBackend:
        """Return the backend of a service (None: of the default one). `NotFoundError` 50050."""
        root = self._root
        default = await root._tenancy.sid()
        if service_sid in (None, default):
            return root
        assert service_sid is not None
        if service_sid not in root._others:
            await root.services.get(service_sid)
            root._others.setdefault(service_sid, root._sibling(service_sid))
        return root._others[service_sid]

    async def sign_in(self, token: str) -> Actor:
        """Verify a Twilio access token, and return whom it stands for and in which service. `TokenError` for any other."""
        if not read_token(token).is_twilio:
            raise TokenError(
                "Invalid Access Token: it is none of Twilio's, and there is no ACS here", code=20101
            )
        key, secret = (
            self._settings.need(name, _PURPOSE) for name in ("twilio_api_key", "twilio_api_secret")
        )
        verified = verify_token(token, key=key, secret=secret, now=self._now())
        actor = Actor(identity=verified.identity, token=token, expires_at=verified.expires_at)
        return replace(actor, service_sid=verified.service_sid or await self._root._tenancy.sid())

    async def issue_identity(self, identity: str, *, with_token: bool = False) -> IssuedIdentity:
        """Refuse (`TwilioGapError`): who somebody is to ACS is for the ACS adapter to tell."""
        raise TwilioGapError("Twilio knows nobody's ACS user; the ACS adapter issues identities")

    def subscribe(self, actor: Actor) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Open the actor's event stream (`twilio_backend.event_source`); that of the account has no news."""
        return self._events.subscribe(actor)

    async def close(self) -> None:
        """End all streams and close the connections, for all services. Safe to call twice."""
        root = self._root
        for each in (root, *root._others.values()):
            await each._events.close()
        await root._clients.http.close()

    def _sibling(self, service_sid: str) -> TwilioBackend:
        return TwilioBackend(
            self._settings,
            now=self._now,
            clock=self._clock,
            sleep=self._sleep,
            root=self,
            service_sid=service_sid,
        )


def open_backend(settings: Settings) -> AccountBackend:
    """Return a backend on the Twilio account that *settings* name."""
    return TwilioBackend(settings)
