"""The port over Azure Communication Services, composed of the rooms of this package.

A backend is that of one service. That of the default one opens the others (`acs_backend.services`), which share its
connections and have a store of their own. `acs_backend.assembly` has what each is made of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from acs_backend.assembly import Core, Parts, assembled, connected, default_service, polling
from acs_backend.content_templates import ContentTemplates
from acs_backend.conversations import Conversations
from acs_backend.documents import Documents
from acs_backend.identities import Identities
from acs_backend.leases import Leases
from acs_backend.media import Media
from acs_backend.messages import Messages
from acs_backend.participants import Participants
from acs_backend.push_registrations import PushRegistrations
from acs_backend.queues import Queues
from acs_backend.reachability import Reachability
from acs_backend.retries import OneAttempt, Retries
from acs_backend.roles import Roles
from acs_backend.services import Services
from acs_backend.user_conversations import UserConversations
from acs_backend.user_removal import UserRemoval
from acs_backend.users import Users
from twilio_compat.account import AccountBackend
from twilio_compat.errors import NotFoundError, ServiceUnavailableError
from twilio_compat.events import Event
from twilio_compat.records import Actor, ActorKind, ConversationLimits, IssuedIdentity
from twilio_compat.settings import Settings

LIMITS = ConversationLimits(media_count=10, media_size=150, media_total_size=150)
"""Twilio's, which Azure Blob Storage can carry."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Which service a backend is that is not of the default one, and whose connections it shares."""

    sid: str
    root: AcsBackend


class AcsBackend:
    """The port `twilio_compat.account.AccountBackend`. Belongs to the event loop in which it is first used.

    *now* tells the time of day, *clock* is monotonic in seconds, and *sleep* waits; tests bring their own.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep,
        tenancy: Tenancy | None = None,
    ) -> None:
        """Prepare; nothing is opened yet. `ConfigurationError` where a setting is missing or unusable.

        *tenancy* is for a service that is not the default one (`Services`).
        """
        deadline, attempt_timeout = settings.deadline, settings.request_timeout
        retries = Retries(deadline=deadline, attempt_timeout=attempt_timeout, clock=clock, sleep=sleep)
        once = OneAttempt(deadline=deadline, attempt_timeout=attempt_timeout, clock=clock, sleep=sleep)
        self._tenancy = tenancy
        if tenancy:
            clients, database = tenancy.root._core.clients, tenancy.root._core.database.of_tenant(tenancy.sid)
        else:
            clients, database = connected(settings, clock=clock, sleep=sleep)
        core = assembled(settings, clients, database, retries, now=now, clock=clock, sleep=sleep)
        self._core: Core = core
        self._parts = parts = Parts(core, retries)
        self._reachability = Reachability(
            core.database, core.roles, enabled=settings.reachability, clock=now, sleep=sleep
        )
        removal = UserRemoval(
            core.database,
            core.identities,
            parts.conversations,
            parts.participants,
            self._reachability,
            clock=now,
        )
        self._users = Users(
            core.database, core.identities, self._reachability, core.roles, removal, clock=now
        )
        self._polling = polling(core, Parts(core, once), sleep=sleep)
        self.conversations: Conversations = parts.conversations
        """Conversations."""
        self.participants: Participants = parts.participants
        """Participants."""
        self.messages: Messages = parts.messages
        """Messages."""
        self.users: Users = self._users
        """Users."""
        self.media: Media = core.media
        """Media."""
        self.user_conversations: UserConversations = UserConversations(
            core.database,
            core.identities,
            parts.conversations,
            parts.ledger,
            core.recorder,
            core.receipts,
            core.roles,
            clock=core.now,
        )
        """What conversations are to the acting user."""
        self.content_templates: ContentTemplates = core.content_templates
        """Content templates."""
        self.push_registrations: PushRegistrations = PushRegistrations(
            core.database, core.identities, self._reachability, clock=core.now
        )
        """Push registrations."""
        self.documents: Documents = Documents(core.database, clock=now)
        """What is kept for the account."""
        self.errands: Queues = Queues(core.database, clock=now)
        """What is to be done later."""
        self.roles: Roles = core.roles
        """Roles."""
        self.leases: Leases = Leases(core.database, clock=now)
        """Which process does what only one should."""
        self.limits: ConversationLimits = LIMITS
        """What a message may carry."""
        self.reachability: Reachability = self._reachability
        """Whether the service keeps track of who is there."""
        self.identities: Identities = core.identities
        """Who is who at ACS."""
        self.service_sid: str = tenancy.sid if tenancy else default_service(settings)
        """The service whose conversations these are."""
        self.services: Services[AcsBackend] = (
            tenancy.root.services if tenancy else self._make_services(settings, now, clock, sleep)
        )
        """The services of the account."""

    def _make_services(
        self,
        settings: Settings,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        sleep: Callable[[float], Coroutine[None, None, None]],
    ) -> Services[AcsBackend]:
        def open_tenant(sid: str) -> AcsBackend:
            return AcsBackend(settings, now=now, clock=clock, sleep=sleep, tenancy=Tenancy(sid, self))

        return Services(
            self.documents,
            self,
            self.service_sid,
            open_tenant,
            is_strict=settings.service_sid is not None,
            direct=self._core.identities.direct,
            clock=clock,
        )

    @property
    def reachability_enabled(self) -> bool:
        """Whether it kept track of who is there when that was looked at last."""
        return self._reachability.enabled

    async def of(self, service_sid: str | None) -> AcsBackend:
        """Return the backend of a service (None: of the default one). `NotFoundError` 50050."""
        return await self.services.of(service_sid)

    async def sign_in(self, token: str) -> Actor:
        """Verify *token*, and return whom it stands for and in which service. `TokenError` where it is refused.

        An ACS user token names no service, so it is for the default one.
        """
        root = self._tenancy.root if self._tenancy else self
        actor = root.identities.verified(token)
        if actor is None:
            return replace(await root.identities.sign_in(token), service_sid=root.service_sid)
        sid = await self.services.of_token(actor.service_sid)
        return await (await self.of(sid)).identities.admit(replace(actor, service_sid=sid))

    async def issue_identity(self, identity: str, *, with_token: bool = False) -> IssuedIdentity:
        """Tell the ACS user of *identity*, made when new, and issue a token for it if asked."""
        return await self.identities.issue(identity, with_token=with_token)

    @asynccontextmanager
    async def subscribe(self, actor: Actor) -> AsyncIterator[AsyncIterator[Event]]:
        """Open the actor's event stream, who counts as online until it is closed, unless the account acts."""
        user = await self.identities.acting(actor)
        is_user = actor.kind is ActorKind.BEARER
        presence = self._reachability.connected(user) if is_user else nullcontext()
        async with presence, self._polling.subscribe(actor) as events:
            yield events

    async def close(self) -> None:
        """Release connections and files. Safe to call twice."""
        await self._close(self._core.database.close)

    async def prepare(self) -> None:
        """Open the store, so that it is known to work. `ConfigurationError`, `ServiceUnavailableError`."""
        async with self._core.database.read():
            return

    async def drop(self) -> None:
        """Remove the store of a tenant with all that is in it, and close."""
        await self._close(self._core.database.drop)

    async def _close(self, close_store: Callable[[], Awaitable[None]]) -> None:
        async with AsyncExitStack() as closing:
            closing.push_async_callback(close_store)
            if self._tenancy is None:
                closing.push_async_callback(self._core.clients.close)
            closing.push_async_callback(self._core.media.close)
            closing.push_async_callback(self._release)
            closing.push_async_callback(self._core.receipts.close)
            closing.push_async_callback(self._core.typing_notices.close)
            if self._tenancy is None:
                closing.push_async_callback(self.services.close)

    async def _release(self) -> None:
        """Give all leases up; where the store does not take that, they end by themselves, which closing need not wait for."""
        for release in (self._core.recorder.close, self.leases.close):
            try:
                await release()
            except (
                NotFoundError,
                ServiceUnavailableError,
            ) as error:  # the first of a tenant that was deleted
                _log.warning("Others wait, or send at full cost, until the lease of this one ends: %s", error)


def open_backend(settings: Settings) -> AccountBackend:
    """Return a backend on the ACS resource and the store that *settings* name."""
    return AcsBackend(settings)
