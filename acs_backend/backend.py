"""The port over Azure Communication Services, composed of the rooms of this package.

Everything that keeps state (connections, tokens, the store, the ledger's door) exists once. The parts that only
combine it exist twice: for callers, whose requests are repeated until the deadline, and for the event source, whose
ticks fail at once, since the next tick is the repetition.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from acs_backend.clients import AcsClients
from acs_backend.connection_string import check_endpoint, parse_connection_string
from acs_backend.content_templates import ContentTemplates
from acs_backend.conversations import Conversations
from acs_backend.documents import Documents
from acs_backend.errands import Errands
from acs_backend.errors import Subject
from acs_backend.event_sources.change_feed import ChangeFeed
from acs_backend.event_sources.change_teller import ChangeTeller
from acs_backend.event_sources.hub import Hub
from acs_backend.event_sources.lookups import Lookups
from acs_backend.event_sources.polling import Polling
from acs_backend.event_sources.shared_readings import SharedReadings
from acs_backend.event_sources.teller import Teller
from acs_backend.identities import Identities
from acs_backend.leases import Leases
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.listings import Heights, Listings
from acs_backend.ledger.reader import Reader
from acs_backend.ledger.recorder import Recorder
from acs_backend.ledger.writer_lease import WriterLease
from acs_backend.media import Media
from acs_backend.message_pages import MessagePages
from acs_backend.message_translator import MessageTranslator
from acs_backend.messages import Messages
from acs_backend.movements import Movements
from acs_backend.participants import Participants
from acs_backend.push_registrations import PushRegistrations
from acs_backend.queues import Queues
from acs_backend.reachability import Reachability
from acs_backend.read_receipts import ReadReceipts
from acs_backend.retries import OneAttempt, Retries
from acs_backend.roles import RoleBook, Roles
from acs_backend.sender import Sender
from acs_backend.services import Services
from acs_backend.sids import service_sid
from acs_backend.speaker import Speaker
from acs_backend.stand_ins import StandIns
from acs_backend.store.database import Database
from acs_backend.turns import open_turns
from acs_backend.user_conversations import UserConversations
from acs_backend.user_removal import UserRemoval
from acs_backend.users import Users
from twilio_compat.backend import Backend
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.events import Event
from twilio_compat.records import Actor, ActorKind, ConversationLimits, IssuedIdentity
from twilio_compat.settings import Settings

LIMITS = ConversationLimits(media_count=10, media_size=150, media_total_size=150)
"""Twilio's, which Azure Blob Storage can carry."""
MEMORY = "sqlite://"
"""The store of direct mode: what it holds is of no use to the next process."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Which service a backend is that is not of the default one, and whose connections it shares."""

    sid: str
    root: AcsBackend


@dataclass(frozen=True, slots=True)
class _Core:
    """What exists once in a backend."""

    settings: Settings
    endpoint: str
    database: Database
    clients: AcsClients
    identities: Identities
    media: Media
    content_templates: ContentTemplates
    recorder: Recorder
    receipts: ReadReceipts
    typing_notices: Errands
    roles: Roles
    hub: Hub
    heights: Heights
    now: Callable[[], datetime]
    clock: Callable[[], float]


class _Parts:
    """The parts that combine the core, all repeating their requests in the same way."""

    def __init__(self, core: _Core, retries: Retries) -> None:
        self.listings = Listings(core.clients, retries, heights=core.heights)
        self.ledger = Ledger(core.database, self.listings)
        self.stand_ins = StandIns(core.database, core.clients, core.identities, retries)
        self.conversations = Conversations(
            core.database,
            core.clients,
            core.identities,
            retries,
            core.recorder,
            core.roles,
            Movements(
                core.database, core.identities, self.ledger, core.recorder, self.stand_ins, clock=core.now
            ),
            self.stand_ins,
            clock=core.now,
        )
        self.participants = Participants(
            core.database,
            core.clients,
            core.identities,
            retries,
            self.conversations,
            self.listings,
            core.receipts,
            core.typing_notices,
            core.roles,
            clock=core.now,
        )
        translator = MessageTranslator(
            core.database,
            core.identities,
            self.participants,
            core.media,
            metadata_budget=core.settings.metadata_budget,
        )
        reader = Reader(core.clients, retries, self.ledger, self.listings, clock=core.clock)
        self.messages = Messages(
            core.database,
            core.clients,
            core.identities,
            retries,
            self.conversations,
            self.participants,
            core.media,
            core.content_templates,
            self.ledger,
            MessagePages(core.database, reader),
            reader,
            Speaker(
                Sender(core.clients, retries, self.ledger, core.recorder, deadline=core.settings.deadline),
                translator,
                self.participants,
                self.stand_ins,
                core.hub,
            ),
            translator,
            core.roles,
            core.hub,
            self.stand_ins,
            clock=core.now,
        )


class AcsBackend:
    """The port `twilio_compat.backend.Backend`. Belongs to the event loop in which it is first used.

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
        self._core = core = _core(settings, retries, now, clock, sleep, tenancy)
        self._parts = parts = _Parts(core, retries)
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
        polled = _Parts(core, once)
        self._polling = Polling(
            identities=core.identities,
            clients=core.clients,
            conversations=polled.conversations,
            ledger=polled.ledger,
            listings=polled.listings,
            teller=Teller(polled.conversations, polled.participants, polled.messages, polled.ledger),
            feed=ChangeFeed(core.database, core.hub, sleep=sleep),
            change_teller=ChangeTeller(
                Lookups(core.database, core.identities, flush=core.recorder.flush),
                polled.participants,
                clock=core.now,
            ),
            shared=SharedReadings(polled.listings, clock=clock),
            hub=core.hub,
            interval=settings.poll_interval,
            sweep_interval=settings.sweep_interval,
            clock=clock,
            sleep=sleep,
        )
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
        self.service_sid: str = tenancy.sid if tenancy else settings.service_sid or service_sid(core.endpoint)
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
            except ServiceUnavailableError as error:
                _log.warning("Others wait, or send at full cost, until the lease of this one ends: %s", error)


def open_backend(settings: Settings) -> Backend:
    """Return a backend on the ACS resource and the store that *settings* name."""
    return AcsBackend(settings)


def _core(
    settings: Settings,
    retries: Retries,
    now: Callable[[], datetime],
    clock: Callable[[], float],
    sleep: Callable[[float], Coroutine[None, None, None]],
    tenancy: Tenancy | None,
) -> _Core:
    endpoint, access_key = _resource(settings)
    if tenancy is None:
        database = Database(settings.database_url if access_key else MEMORY)
        turns = open_turns(settings.rate_limits, endpoint, clock=clock, sleep=sleep)
        clients = AcsClients(endpoint, access_key, timeout=settings.request_timeout, turns=turns)
    else:
        shared = tenancy.root._core
        database, clients = shared.database.of_tenant(tenancy.sid), shared.clients
    identities = Identities(settings, clients, database, retries, clock=now, sleep=sleep)
    lease = WriterLease(database, deadline=settings.deadline, clock=lambda: now().timestamp(), sleep=sleep)
    heights = Heights()
    ledger = Ledger(database, Listings(clients, retries, heights=heights))
    return _Core(
        settings=settings,
        endpoint=endpoint,
        database=database,
        clients=clients,
        identities=identities,
        media=Media(settings, database, clients.transport, clock=now),
        content_templates=ContentTemplates(database, identities),
        recorder=Recorder(database, ledger, lease, doubt=settings.deadline, clock=clock, sleep=sleep),
        receipts=ReadReceipts(database, clients, identities, retries, ledger, clock=now),
        typing_notices=Errands("A typing notice", Subject.CONVERSATION),
        roles=Roles(database, RoleBook.of(settings), direct=identities.direct, clock=now),
        hub=Hub(),
        heights=heights,
        now=now,
        clock=clock,
    )


def _resource(settings: Settings) -> tuple[str, str | None]:
    """Return the endpoint, and the access key unless only direct mode is possible."""
    if settings.connection_string:
        parsed = parse_connection_string(settings.connection_string)
        return parsed.endpoint, parsed.access_key
    purpose = "to reach ACS (or COMMUNICATION_SERVICES_ENDPOINT, for clients that bring an ACS user token)"
    if not settings.endpoint:
        settings.need("connection_string", purpose)
    return check_endpoint(settings.endpoint or "", "COMMUNICATION_SERVICES_ENDPOINT"), None
