"""What a backend is made of, put together.

Everything that keeps state (connections, tokens, the store, the ledger's door) exists once. The parts that only
combine it exist twice: for callers, whose requests are repeated until the deadline, and for the event source, whose
ticks fail at once, since the next tick is the repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from acs_backend.clients import AcsClients
from acs_backend.connection_string import check_endpoint, parse_connection_string
from acs_backend.content_templates import ContentTemplates
from acs_backend.conversations import Conversations
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
from acs_backend.read_receipts import ReadReceipts
from acs_backend.retries import Retries
from acs_backend.roles import RoleBook, Roles
from acs_backend.sender import Sender
from acs_backend.sids import SERVICE, is_sid, service_sid
from acs_backend.speaker import Speaker
from acs_backend.stand_ins import StandIns
from acs_backend.store.database import Database
from acs_backend.turns import open_turns
from twilio_compat.errors import ConfigurationError
from twilio_compat.settings import Settings

MEMORY = "sqlite://"
"""The store of direct mode: what it holds is of no use to the next process."""


@dataclass(frozen=True, slots=True)
class Core:
    """What exists once in a backend."""

    settings: Settings
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


class Parts:
    """The parts that combine the core, all repeating their requests in the same way."""

    def __init__(self, core: Core, retries: Retries) -> None:
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


def assembled(
    settings: Settings,
    clients: AcsClients,
    database: Database,
    retries: Retries,
    *,
    now: Callable[[], datetime],
    clock: Callable[[], float],
    sleep: Callable[[float], Coroutine[None, None, None]],
) -> Core:
    """Return what exists once in a backend, on this store, with these connections."""
    identities = Identities(settings, clients, database, retries, clock=now, sleep=sleep)
    lease = WriterLease(database, deadline=settings.deadline, clock=lambda: now().timestamp(), sleep=sleep)
    heights = Heights()
    ledger = Ledger(database, Listings(clients, retries, heights=heights))
    return Core(
        settings=settings,
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


def polling(core: Core, parts: Parts, *, sleep: Callable[[float], Coroutine[None, None, None]]) -> Polling:
    """Return the event source of a backend."""
    return Polling(
        identities=core.identities,
        clients=core.clients,
        conversations=parts.conversations,
        ledger=parts.ledger,
        listings=parts.listings,
        teller=Teller(parts.conversations, parts.participants, parts.messages, parts.ledger),
        feed=ChangeFeed(core.database, core.hub, sleep=sleep),
        change_teller=ChangeTeller(
            Lookups(core.database, core.identities, flush=core.recorder.flush),
            parts.participants,
            clock=core.now,
        ),
        shared=SharedReadings(parts.listings, clock=core.clock),
        hub=core.hub,
        interval=core.settings.poll_interval,
        sweep_interval=core.settings.sweep_interval,
        clock=core.clock,
        sleep=sleep,
    )


def connected(
    settings: Settings,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], Coroutine[None, None, None]],
) -> tuple[AcsClients, Database]:
    """Return what reaches the ACS resource and the store that *settings* name; nothing is opened yet."""
    endpoint, access_key = _resource(settings)
    turns = open_turns(settings.rate_limits, endpoint, clock=clock, sleep=sleep)
    clients = AcsClients(endpoint, access_key, timeout=settings.request_timeout, turns=turns)
    return clients, Database(settings.database_url if access_key else MEMORY)


def default_service(settings: Settings) -> str:
    """Return the sid of the default service: the one that is set, or one that belongs to the ACS resource."""
    sid = settings.service_sid or service_sid(_resource(settings)[0])
    if not is_sid(sid, SERVICE):
        raise ConfigurationError(
            f"TWILIO_COMPAT_SERVICE_SID must be IS and 32 hexadecimal digits in lower case, not {sid!r}"
        )
    return sid


def _resource(settings: Settings) -> tuple[str, str | None]:
    """Return the endpoint, and the access key unless only direct mode is possible."""
    if settings.connection_string:
        parsed = parse_connection_string(settings.connection_string)
        return parsed.endpoint, parsed.access_key
    purpose = "to reach ACS (or COMMUNICATION_SERVICES_ENDPOINT, for clients that bring an ACS user token)"
    if not settings.endpoint:
        settings.need("connection_string", purpose)
    return check_endpoint(settings.endpoint or "", "COMMUNICATION_SERVICES_ENDPOINT"), None
