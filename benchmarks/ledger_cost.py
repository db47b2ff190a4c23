"""What the ledger and its store cost a send: the adapter's own send path with them and without.

Both go through `Sender`, the same clients and the same pipeline, post the same content and metadata, and look at the
answer in the same way. With the ledger a send holds the writer's lease, takes its place in the order, and has its
index from the store; without, none of that, and the index is made up. What is compared is one server: 32 users, each
with a conversation of their own.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from acs_backend import AcsBackend, message_codec
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.connection_string import parse_connection_string
from acs_backend.identities import Identities
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.listings import Listings
from acs_backend.ledger.recorder import Recorder, Sending
from acs_backend.ledger.writer_lease import WriterLease
from acs_backend.retries import Retries
from acs_backend.sender import Outgoing, Sender
from acs_backend.store import messages as store
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from benchmarks.contestants import Send
from benchmarks.deployment import Deployment
from benchmarks.measure import Round, middle, send_all, timed
from twilio_compat.records import Actor, ConversationDraft, MessageDraft, ParticipantDraft
from twilio_compat.settings import Settings


@dataclass(frozen=True)
class Cost:
    """Messages per second, and client CPU seconds per message, with and without the ledger on one kind of store."""

    store: str
    with_ledger: Round
    without: Round

    @property
    def loss(self) -> float:
        """The part of the rate that the ledger takes."""
        return 1 - self.with_ledger.rate / self.without.rate


class NoLedger(Recorder):
    """Makes up the index of a send."""

    def __init__(self) -> None:
        """Need nothing."""

    @asynccontextmanager
    async def sending(self, user: AcsUser, thread_id: str, mutation_id: str) -> AsyncIterator[Sending]:
        """Enclose the post of a message, and do nothing about it."""
        yield Sending(user, thread_id, mutation_id)

    async def index(self, sending: Sending) -> LedgerRow:
        """Return a row that stands nowhere."""
        assert sending.message_id is not None
        return store.row(sending.thread_id, sending.message_id, 0, sending.mutation_id, False)


async def ledger_cost(
    deployment: Deployment, database_url: str, *, senders: int, messages: int, rounds: int
) -> Cost:
    """Let both send in turn, *rounds* times after warming up; return the medians."""
    settings = replace(deployment.settings, database_url=database_url)
    places = await _places(deployment, settings, senders)
    taken: dict[str, list[Round]] = {"with": [], "without": []}
    async with _senders(settings) as (recorded, bare, identities):
        users = [await identities.acting(actor) for actor, _ in places]
        threads = [thread_id for _, thread_id in places]
        sends = {"with": _send(recorded, users, threads), "without": _send(bare, users, threads)}
        for _ in range(rounds):
            for name, send in sends.items():
                await send_all(send, senders, messages // 2)
                taken[name].append(await timed(send, senders, messages))
    return Cost(database_url.partition(":")[0], middle(taken["with"]), middle(taken["without"]))


async def _places(deployment: Deployment, settings: Settings, number: int) -> list[tuple[Actor, str]]:
    """Make so many users, each with a conversation, and return them with its thread."""
    backend = AcsBackend(settings)
    try:
        actors = [await backend.sign_in(deployment.twilio_token(f"sender {each}")) for each in range(number)]
        return [(each, await _thread(backend, each)) for each in actors]
    finally:
        await backend.close()


async def _thread(backend: AcsBackend, actor: Actor) -> str:
    made = await backend.conversations.create(actor, ConversationDraft(friendly_name="Room"))
    await backend.participants.create(actor, made.sid, ParticipantDraft(identity=actor.identity))
    return await backend.conversations.thread_id(actor, made.sid)


@asynccontextmanager
async def _senders(settings: Settings) -> AsyncIterator[tuple[Sender, Sender, Identities]]:
    """Put together a sender with the ledger and one without, on the same clients."""
    deadline, timeout = settings.deadline, settings.request_timeout
    resource = parse_connection_string(settings.need("connection_string", "to send"))
    database, retries = Database(settings.database_url), Retries(deadline=deadline, attempt_timeout=timeout)
    clients = AcsClients(resource.endpoint, resource.access_key, timeout=timeout)
    ledger = Ledger(database, Listings(clients, retries))
    lease = WriterLease(database, deadline=deadline, clock=time.time, sleep=asyncio.sleep)
    recorder = Recorder(database, ledger, lease, doubt=deadline, clock=time.monotonic, sleep=asyncio.sleep)
    try:
        yield (
            Sender(clients, retries, ledger, recorder, deadline=deadline),
            Sender(clients, retries, ledger, NoLedger(), deadline=deadline),
            Identities(settings, clients, database, retries),
        )
    finally:
        await recorder.close()
        await clients.close()
        await database.close()


def _send(sender: Sender, users: list[AcsUser], threads: list[str]) -> Send:
    marks = (uuid.uuid4().hex for _ in itertools.repeat(None))

    async def send(number: int, text: str) -> object:
        draft = MessageDraft(mutation_id=next(marks), is_first=True, body=text)
        encoded = message_codec.encode(draft, {}, budget=1024)
        return await sender.send(
            users[number], threads[number], Outgoing(draft.mutation_id, "author", encoded, draft.is_first)
        )

    return send
