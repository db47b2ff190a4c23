"""Giving each sent message its index, as cheaply as the truth allows.

A send goes through `Recorder.sending`: it takes a ticket, posts, and is then written into the ledger. Where nothing
earlier can be missing (`acs_backend.ledger.ledger` lists the conditions) that needs no request: the finished send waits
for those that were in flight when it finished, and the whole batch, of all threads, is written in one transaction.
Whoever finds the door to the database open takes everything that waits along with it.

Under steady traffic even that is put off: `acs_backend.ledger.foresight` tells the index at once, and what it told is
written a little later, many in one transaction. That transaction is also the next look at the store; while it runs,
telling goes on. Of a thread, what could not be told keeps back what came after it, until both are told or written.

A send that has to wait before its request leaves is set aside meanwhile: its message cannot exist, so nobody waits for
it, and it takes another ticket afterwards.

A message that is imported keeps its index, which is promised to it before it is sent (`acs_backend.store.adoptions`). The
promise must not be of an index that somebody was told already and that is not written yet. So this process writes what
it told of the thread, and tells no more until that message is in the ledger; it lists what another may have told; and
no other tells anything ahead while this one holds its lease.

Everywhere else the sender lists the thread. Sends that finished before a listing began share it.

A thread is *settled* when it was listed since this process holds its lease, in the current epoch of the lease, and
no doubt was cast on it since. Doubt is cast by a send whose outcome is unclear or that keeps others waiting for
longer than `PATIENCE`: those who wait go and look instead. It lasts until every send of that time has ended, and
for as long after as a request that was given up may still have its effect.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.clients import AcsUser
from acs_backend.ledger.foresight import NOTICE, Foresight, Foretold
from acs_backend.ledger.ledger import Appended, Arrival, Ledger, append_newest, append_sent
from acs_backend.ledger.send_order import SendOrder
from acs_backend.ledger.writer_lease import WriterLease
from acs_backend.store import adoptions
from acs_backend.store import messages as store
from acs_backend.store.adoptions import Adoption
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from twilio_compat.errors import ClosedError, ConflictError, InvalidResponseError, TwilioCompatError

PATIENCE = 1.0
"""Seconds a finished send waits for slower ones before it lists the thread instead."""
FIRST_PAGE = 20
"""Entries that the listing after a send asks for first."""
REMEMBERED_THREADS = 10_000
"""Threads whose state is kept; one that is forgotten is listed once more."""
PUT_OFF = NOTICE / 2
"""Seconds from one look at the store to the next, which writes what was foretold.

It leaves the other half of what a look holds to a slow transaction and a busy loop: until the next look is done, nobody
who sends has to wait for the database.
"""
LOOKS = 3
"""Listings after which a message that ACS acknowledged, and does not list, is reported as an error."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Waiting:
    arrival: Arrival
    row: asyncio.Future[LedgerRow | None]
    """The outcome; None sends the one who waits to list the thread."""

    def resolve(self, row: LedgerRow | None) -> None:
        if not self.row.done():
            self.row.set_result(row)


@dataclass(eq=False, slots=True)
class _Thread:
    """What this process knows of its own sends to one thread."""

    order: SendOrder = field(default_factory=SendOrder)
    waiting: dict[int, _Waiting] = field(default_factory=dict)
    """Finished sends that wait for slower ones."""
    looking: dict[int, Arrival] = field(default_factory=dict)
    """Finished sends that list the thread; nothing younger is written down without them."""
    adopting: int = 0
    """Messages under way that keep an index of their own; nothing is told ahead meanwhile."""
    native: bool = False
    """Whether the store said that somebody may write past this library."""
    listed_or_doubted: int = 0
    """Counts what may have brought in messages that this process did not record: foresight does not outlast it."""
    settled_in: int = 0
    """Epoch of the lease in which it was settled; 0: in none."""
    doubted_ticket: int = 0
    doubted_until: float = 0.0
    listing: asyncio.Lock = field(default_factory=asyncio.Lock)
    listings_begun: int = 0
    listings_done: int = 0

    def settle(self, epoch: int, now: float, *, since: int) -> None:
        """Count as settled, unless doubt was cast *since* the listing began that settles it."""
        undoubted = since == self.listed_or_doubted and not self._doubted(now)
        self.listed_or_doubted += 1
        if undoubted and not self.native:
            self.settled_in = epoch

    def settled(self, epoch: int, now: float) -> bool:
        return epoch != 0 and self.settled_in == epoch and not self._doubted(now)

    def cast_doubt(self, until: float) -> None:
        self.listed_or_doubted += 1
        self.settled_in = 0
        self.doubted_ticket = self.order.upcoming
        self.doubted_until = max(self.doubted_until, until)
        for waiting in self.waiting.values():
            self.send_to_look(waiting)
        self.waiting.clear()

    def send_to_look(self, waiting: _Waiting) -> None:
        self.looking[waiting.arrival.message_id] = waiting.arrival
        waiting.resolve(None)

    @property
    def idle(self) -> bool:
        return self.order.idle and not self.looking and not self.adopting

    def _doubted(self, now: float) -> bool:
        return self.order.oldest < self.doubted_ticket or now < self.doubted_until


@dataclass(eq=False, slots=True)
class Sending:
    """A send in flight; whoever sends notes here what became of it."""

    user: AcsUser
    thread_id: str
    mutation_id: str
    message_id: int | None = None
    """ACS's id, once the message is known to exist."""
    unclear: bool = False
    """Whether the send may have had its effect without, or besides, the message above."""
    repeated: bool = False
    """Whether it may have been sent before, by whichever process."""
    ticket: int | None = None
    """Its place in the order of the sends to its thread; None while it is set aside."""
    waiting: _Waiting | None = None
    settled: list[_Waiting] = field(default_factory=list)
    """What may be written down since this send has ended, which sees to it that it is."""


class Recorder:
    """Writes this process's sends into the ledger."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        lease: WriterLease,
        *,
        doubt: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Coroutine[None, None, None]],
        patience: float = PATIENCE,
    ) -> None:
        """*doubt* is how many seconds a request that was given up may still have its effect; *clock* is monotonic."""
        self._database = database
        self._ledger = ledger
        self._lease = lease
        self._doubt = doubt
        self._clock = clock
        self._sleep = sleep
        self._patience = patience
        self._foresight = Foresight()
        self._looked_at = -math.inf
        """When the store was last looked at."""
        self._writing_later: asyncio.Task[None] | None = None
        self._closed = False
        self._left_behind = False
        """Whether a message of this process may be missing in the ledger until the thread is listed."""
        self._threads: OrderedDict[str, _Thread] = OrderedDict()
        self._ready: list[tuple[str, _Waiting]] = []
        self._door = asyncio.Lock()

    async def epoch(self) -> int:
        """Hold the lease; return its epoch, to be handed to `settle`."""
        return await self._lease.hold()

    def settle(self, thread_id: str, epoch: int) -> None:
        """Note that a thread was made in *epoch*, by this process: nothing is missing in its ledger."""
        thread = self._thread(thread_id)
        thread.settle(epoch, self._clock(), since=thread.listed_or_doubted)

    @asynccontextmanager
    async def sending(self, user: AcsUser, thread_id: str, mutation_id: str) -> AsyncIterator[Sending]:
        """Enclose the post of a message, which sets ``message_id`` on what this yields."""
        await self._lease.hold()
        sending = Sending(user, thread_id, mutation_id)
        self._start(sending)
        try:
            yield sending
        except asyncio.CancelledError:
            sending.unclear = sending.ticket is not None
            raise
        finally:
            self._end(sending)

    @contextmanager
    def set_aside(self, sending: Sending) -> Iterator[None]:
        """Enclose a wait during which the message cannot come to exist. `ClosedError` where `close` came meanwhile."""
        if sending.unclear or sending.ticket is None:
            yield
            return
        self._abandon(sending)
        yield
        if self._closed:
            raise ClosedError("The backend was closed; open another one")
        self._start(sending)

    @asynccontextmanager
    async def adopting(self, user: AcsUser, thread_id: str, adoption: Adoption | None) -> AsyncIterator[None]:
        """Enclose the send of a message that keeps its sid or its index. `ConflictError` where another one has either."""
        if adoption is None:
            yield
            return
        thread = self._thread(thread_id)
        thread.adopting += 1
        try:
            await self._write_what_was_told(thread, user, thread_id)
            async with self._door, self._database.write() as connection:
                if not await adoptions.promise(connection, thread_id, adoption):
                    raise ConflictError("Another message has this sid or this index already", code=20409)
            self._foresight.forget(thread_id)
            yield
        finally:
            thread.adopting -= 1

    async def _write_what_was_told(self, thread: _Thread, user: AcsUser, thread_id: str) -> None:
        """See to it that the store has every message of a thread whose index was told to anybody."""
        epoch = await self._lease.hold()
        if not await self.is_complete(thread_id):
            since = thread.listed_or_doubted
            await self._ledger.catch_up(user, thread_id, size=FIRST_PAGE)
            thread.settle(epoch, self._clock(), since=since)

    def cast_doubt(self, sending: Sending) -> None:
        """Note that the send may have had its effect unseen; nobody waits for it any more."""
        sending.unclear = self._left_behind = True
        self._thread(sending.thread_id).cast_doubt(self._clock() + self._doubt)

    async def index(self, sending: Sending) -> LedgerRow:
        """Return the ledger's row of the message that was just sent. Raises the SDK's errors."""
        assert sending.waiting is not None
        thread = self._thread(sending.thread_id)
        row = await self._written(thread, sending.waiting, sending.settled)
        return row or await self._looked_up(thread, sending)

    def _start(self, sending: Sending) -> None:
        sending.ticket = self._thread(sending.thread_id).order.start()

    def _abandon(self, sending: Sending) -> None:
        thread, ticket = self._thread(sending.thread_id), sending.ticket
        sending.ticket = None
        if ticket is not None:
            for each in thread.order.abandon(ticket):
                if waiting := thread.waiting.pop(each, None):
                    thread.send_to_look(waiting)

    def _end(self, sending: Sending) -> None:
        thread = self._thread(sending.thread_id)
        if sending.unclear:
            self._left_behind = True
            thread.cast_doubt(self._clock() + self._doubt)
        if sending.message_id is None:
            self._abandon(sending)
            return
        assert sending.ticket is not None
        repeated = sending.unclear or sending.repeated
        arrival = Arrival(sending.message_id, sending.mutation_id, repeated=repeated)
        sending.waiting = _Waiting(arrival, asyncio.get_running_loop().create_future())
        if thread.settled(self._lease.epoch, self._clock()):
            thread.waiting[sending.message_id] = sending.waiting
        else:
            thread.send_to_look(sending.waiting)
        ready = thread.order.finish(sending.ticket, sending.message_id)
        sending.settled = [thread.waiting.pop(each) for each in ready if each in thread.waiting]
        self._ready += [(sending.thread_id, each) for each in sending.settled]

    async def _written(
        self, thread: _Thread, waiting: _Waiting, settled: Iterable[_Waiting]
    ) -> LedgerRow | None:
        self._foretell_ready()
        if not all(each.row.done() for each in settled):
            async with self._door:
                await self._write_ready()
        if waiting.row.done():
            return waiting.row.result()
        try:
            async with asyncio.timeout(self._patience):
                return await waiting.row
        except TimeoutError:
            thread.cast_doubt(self._clock())
            return None

    async def is_complete(self, thread_id: str) -> bool:
        """Say whether the store's ledger of a thread is known to hold every message, without asking ACS."""
        await self.flush()
        thread = self._thread(thread_id)
        if thread.looking or thread.waiting or not self._settled([thread_id]):
            return False
        async with self._database.read() as connection:
            standing = (await store.standings(connection, [thread_id])).get(thread_id)
            alone = await self._lease.alone(connection)
        is_closed = standing is not None and not standing.native
        return (
            is_closed
            and alone
            and bool(self._settled([thread_id]))
            and not self._foresight.owes_of(thread_id)
        )

    async def flush(self) -> None:
        """Write what was foretold and not written yet. What cannot be written is left to a listing."""
        async with self._door:
            if self._foresight.owes:
                try:
                    await self._write([])
                except TwilioCompatError as error:
                    _log.warning(
                        "Sent messages are not in the store yet; a listing will find them: %s", error
                    )

    async def close(self) -> None:
        """Write everything, and give the lease up. Safe to call twice.

        Where something may have been left behind the lease stays until it ends, so that others see it and look.
        """
        if self._closed:
            return
        self._closed = True
        if self._writing_later is not None:
            async with self._door:  # so that what is being written is not given up
                self._writing_later.cancel()
            await asyncio.gather(self._writing_later, return_exceptions=True)
        await self.flush()
        if not (self._left_behind or self._ready) and all(each.idle for each in self._threads.values()):
            await self._lease.release()

    async def _write_ready(self) -> None:
        """Write what could not be told, in one transaction, and tell those who wait. Call it behind the door."""
        self._foretell_ready()  # what was written meanwhile was a look
        batch, self._ready = self._ready, []
        rows: dict[tuple[str, int], LedgerRow] = {}
        try:
            if batch:
                rows = await self._write(batch)
        finally:
            for thread_id, each in batch:
                row = rows.get((thread_id, each.arrival.message_id))
                if row is not None and row.index is not None:
                    each.resolve(row)
                else:
                    self._thread(thread_id).send_to_look(each)

    def _foretell_ready(self) -> None:
        """Tell those who wait their rows, as far as that is certain; have what was told written later."""
        self._ready = [each for each in self._ready if not self._foretell(*each)]
        if self._foresight.owes:
            self._write_later()

    def _foretell(self, thread_id: str, waiting: _Waiting) -> bool:
        thread, now = self._thread(thread_id), self._clock()
        if thread.looking or thread.adopting or not thread.settled(self._lease.epoch, now):
            self._foresight.forget(thread_id)
            return False
        row = self._foresight.tell(thread_id, waiting.arrival, period=thread.listed_or_doubted, now=now)
        if row is not None:
            waiting.resolve(row)
        return row is not None

    def _write_later(self) -> None:
        async def write() -> None:
            while self._foresight.owes:
                await self._sleep(max(0.0, self._looked_at + PUT_OFF - self._clock()))
                await self.flush()

        if self._writing_later is None or self._writing_later.done():
            self._writing_later = asyncio.create_task(write())

    async def _write(self, batch: list[tuple[str, _Waiting]]) -> dict[tuple[str, int], LedgerRow]:
        """Write *batch* and everything that was foretold; return the rows, none of a thread that must be listed."""
        foretold = self._foresight.take()
        appended = Appended()
        looked_at = self._looked_at = self._clock()
        periods = {each: self._thread(each).listed_or_doubted for each in _threads_of(batch, foretold)}
        try:
            appended = await self._in_one_transaction(batch, foretold)
        finally:
            self._compare(foretold, appended.rows)
        for thread_id, message_id in appended.rows:
            self._thread(thread_id).looking.pop(message_id, None)
        for thread_id, end in appended.ends.items():
            self._foresight.learn(thread_id, end, period=periods[thread_id], looked_at=looked_at)
        return appended.rows

    async def _in_one_transaction(
        self, batch: list[tuple[str, _Waiting]], foretold: list[Foretold]
    ) -> Appended:
        thread_ids = _threads_of(batch, foretold)
        if not any(self._settled(thread_ids)):
            return Appended()
        async with self._database.write(durable=False) as connection:
            if not foretold and (appended := await self._write_one(connection, batch)):
                return appended
            if not await self._lease.alone(connection):
                return Appended()
            sent = self._by_thread(batch, foretold)
            appended = await append_sent(connection, sent)
        for thread_id in sent.keys() - appended.ends.keys():
            self._thread(thread_id).native = True
            self._thread(thread_id).settled_in = 0
        return appended

    def _by_thread(
        self, batch: list[tuple[str, _Waiting]], foretold: list[Foretold]
    ) -> dict[str, list[Arrival]]:
        """Return what may be written by settled thread, with what lists the thread and is older.

        Of younger ones nobody knows yet whether a slower send will come before them.
        """
        sent: dict[str, list[Arrival]] = {each: [] for each in self._settled(_threads_of(batch, foretold))}
        for thread_id, arrival in _arrivals(batch, foretold):
            if thread_id in sent:
                sent[thread_id].append(arrival)
        for thread_id, arrivals in sent.items():
            newest, looking = max(each.message_id for each in arrivals), self._thread(thread_id).looking
            arrivals += [each for each in looking.values() if each.message_id < newest]
        return sent

    def _settled(self, thread_ids: Iterable[str]) -> list[str]:
        now, epoch = self._clock(), self._lease.epoch
        return [each for each in thread_ids if self._thread(each).settled(epoch, now)]

    def _compare(self, foretold: list[Foretold], rows: dict[tuple[str, int], LedgerRow]) -> None:
        """Have a thread listed whose foretold rows were not written as they were told."""
        for each in foretold:
            row = rows.get((each.thread_id, each.row.message_id))
            if row is None:
                self._left_behind = True
                self._thread(each.thread_id).settled_in = 0
                self._foresight.forget(each.thread_id)
            elif row.index != each.row.index:
                _log.error("A message was told index %s and has index %s", each.row.index, row.index)

    async def _write_one(
        self, connection: AsyncConnection, batch: list[tuple[str, _Waiting]]
    ) -> Appended | None:
        """Write the batch if it is a single send and nothing else waits for its thread to be listed."""
        thread_id, waiting = batch[0]
        if len(batch) > 1 or self._thread(thread_id).looking or not self._lease.quiet:
            return None
        writer, others = self._lease.seen
        return await append_newest(connection, thread_id, waiting.arrival, writer=writer, others=others)

    async def _looked_up(self, thread: _Thread, sending: Sending) -> LedgerRow:
        assert sending.message_id is not None
        for _ in range(LOOKS):
            await self._list(thread, sending)
            row = (await self._ledger.rows(sending.thread_id, [sending.message_id])).get(sending.message_id)
            if row is not None:
                thread.looking.pop(sending.message_id, None)
            if row is None or row.index is None:
                row = await self._ledger.sent(sending.thread_id, sending.mutation_id)
            if row is not None:
                return row
        raise InvalidResponseError("ACS acknowledged a message and does not list it")

    async def _list(self, thread: _Thread, sending: Sending) -> None:
        """Bring the ledger up to date with a listing that begins now or later; another's will do."""
        needed = thread.listings_begun + 1
        async with thread.listing:
            if thread.listings_done >= needed or sending.message_id not in thread.looking:
                return
            thread.listings_begun += 1
            number, epoch = thread.listings_begun, await self._lease.hold()
            since = thread.listed_or_doubted
            await self._ledger.catch_up(sending.user, sending.thread_id, size=FIRST_PAGE)
            thread.listings_done = number
            thread.settle(epoch, self._clock(), since=since)

    def _thread(self, thread_id: str) -> _Thread:
        thread = self._threads.pop(thread_id, None) or _Thread()
        self._threads[thread_id] = thread
        if len(self._threads) > REMEMBERED_THREADS and next(iter(self._threads.values())).idle:
            self._threads.popitem(last=False)
        return thread


def _threads_of(batch: list[tuple[str, _Waiting]], foretold: list[Foretold]) -> set[str]:
    return {thread_id for thread_id, _ in batch} | {each.thread_id for each in foretold}


def _arrivals(batch: list[tuple[str, _Waiting]], foretold: list[Foretold]) -> list[tuple[str, Arrival]]:
    told = [(each.thread_id, each.arrival) for each in foretold]
    return told + [(thread_id, each.arrival) for thread_id, each in batch]
