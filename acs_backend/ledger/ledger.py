"""The ledger: which index each message of a thread has.

Theory of operation
-------------------
Twilio numbers the messages of a conversation; ACS does not. Its sequence id moves when a message is edited, so it
cannot serve. The index of a message is its rank, from 0, among the users' messages of its thread in the order of
creation, which is the order of their ids, as far as none is imported (below). System messages do not count; deleted ones do, and leave a gap. An index
is unique, never reassigned and the same for every reader. The ledger keeps it.

**The invariant.** The ledger of a thread is a *prefix*: with a message it holds every earlier one. So whatever is
new has an id above the newest in the ledger, and may be appended in the order of ids. There are two ways in, and
both keep the invariant.

*Absorbing a listing.* A listing gives changes newest first, each with its sequence id. If it reaches down to a
sequence id up to which the ledger is complete (``synced_sequence``), it holds every message that is missing. Where
nobody writes past this library it need not reach that far: deletions are marked as they are made, so it is enough
to reach a change that is not younger than the newest message in the ledger; whatever was created later changed later.

*Recording a send.* A message that this process sent may be written down without a listing, which halves the cost of
sending, if no earlier message can be missing:

* nobody can write past this library: the conversation is not marked native, and no member's ACS user was told to
  anybody;
* no other process sends (`acs_backend.ledger.writer_lease`);
* this process's own sends are recorded in the order of their ids (`acs_backend.ledger.send_order`);
* nothing was left behind by a process that died between sending and recording, nor by a send whose outcome stayed
  unknown: the thread was listed since (it is *settled*).

Otherwise a send is followed by a listing. Both are `acs_backend.ledger.recorder`'s business; this module decides
what is appended, and writes it.

**Adoption.** A message that is imported keeps the sid and the index that it had (`acs_backend.store.adoptions`), so the
indexes may have gaps, and an imported message may stand before one that ACS got earlier. Any other gets an index above
all that are given or promised. The rest holds as before: the ledger is a prefix, by ids.

**Second copies.** A send that was repeated after an unclear answer may turn out to have had its effect twice. Both
copies carry one mutation id. The first to enter the ledger is the message; the other is kept without an index, and
no reader ever sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.clients import AcsUser
from acs_backend.ledger.entries import Entry
from acs_backend.ledger.listings import Listing, Listings
from acs_backend.store import adoptions
from acs_backend.store import messages as store
from acs_backend.store.adoptions import Adoption
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow, Standing
from twilio_compat.errors import NotFoundError

SYNC_LAG = 200
"""Changes that ``synced_sequence`` may lie behind where nobody writes past this library; saves a write per read."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message on its way into the ledger."""

    message_id: int
    mutation_id: str | None
    deleted: bool = False
    repeated: bool = False
    """Whether it may have been posted more than once, so that there may be another copy."""


@dataclass(frozen=True, slots=True)
class End:
    """Where the ledger of a thread ends. No index from ``next_index`` on is given or promised."""

    next_index: int
    newest_id: int


@dataclass(frozen=True, slots=True)
class Appended:
    """What a transaction found and wrote: rows by thread and message id, and where each ledger ends now."""

    rows: dict[tuple[str, int], LedgerRow] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)


def allocate(
    thread_id: str,
    arrivals: Iterable[Arrival],
    *,
    next_index: int,
    known: Collection[int] = (),
    mutations: Mapping[str, LedgerRow] | None = None,
    promised: Mapping[str, Adoption] | None = None,
) -> list[LedgerRow]:
    """Return the rows to append, in the order of ids: pure.

    *known* are ids that the ledger holds already, *mutations* the rows it holds of the arrivals' mutation ids, and
    *promised* is what these are to keep. No index from *next_index* on is promised to anybody.
    """
    taken = dict(mutations or {})
    new: list[LedgerRow] = []
    for each in sorted(arrivals, key=lambda each: each.message_id):
        if each.message_id in known:
            continue
        if each.mutation_id in taken:
            new.append(store.row(thread_id, each.message_id, None, None, each.deleted))
            continue
        kept = (promised or {}).get(each.mutation_id or "")
        index = next_index if kept is None or kept.index is None else kept.index
        row = store.row(thread_id, each.message_id, index, each.mutation_id, each.deleted)
        if kept is not None:
            row = replace(row, sid=kept.sid or row.sid, written_at=kept.written_at)
        next_index = max(next_index, index + 1)
        if each.mutation_id is not None:
            taken[each.mutation_id] = row
        new.append(row)
    return new


def complete_at(standing: Standing) -> Callable[[Entry], bool]:
    """Return the test for entries at which a listing may stop: the ledger holds all that is older."""

    def known(entry: Entry) -> bool:
        if entry.sequence <= standing.synced_sequence:
            return True
        return not standing.native and entry.version <= standing.newest_id

    return known


def must_absorb(standing: Standing, listing: Sequence[Entry]) -> bool:
    """Say whether a complete *listing* tells the ledger anything it has to write down."""
    if not listing or listing[0].sequence <= standing.synced_sequence:
        return False
    if standing.native or listing[0].sequence - standing.synced_sequence > SYNC_LAG:
        return True
    return any(each.is_message and _is_to_be_written(each, standing) for each in listing)


def _is_to_be_written(entry: Entry, standing: Standing) -> bool:
    is_foreign = entry.mutation_id is None and entry.sequence > standing.synced_sequence
    return entry.deleted or is_foreign or entry.message_id > standing.newest_id


class Ledger:
    """The ledgers of all threads, in the store."""

    def __init__(self, database: Database, listings: Listings) -> None:
        """Keep them in *database*; read threads with *listings*."""
        self._database = database
        self._listings = listings

    async def catch_up(
        self, user: AcsUser, thread_id: str, *, size: int, down_to: Callable[[Entry], bool] | None = None
    ) -> list[Entry]:
        """List the thread as *user* until the ledger is complete, bring it up to date, and return what was listed.

        The listing also goes down to the first entry for which *down_to* holds. Raises the SDK's errors.
        """
        return (await self.look(user, thread_id, size=size, down_to=down_to)).entries

    async def look(
        self, user: AcsUser, thread_id: str, *, size: int, down_to: Callable[[Entry], bool] | None = None
    ) -> Listing:
        """Do what `catch_up` does, and return with what was listed where that ended."""
        standing = await self.standing(thread_id)
        complete = complete_at(standing)

        def known(entry: Entry) -> bool:
            return complete(entry) and (down_to is None or down_to(entry))

        listing = await self._listings.read_down(user, thread_id, size=size, known=known)
        if must_absorb(standing, listing.entries):
            await self.absorb(thread_id, listing.entries)
        return listing

    async def standing(self, thread_id: str) -> Standing:
        """Return how far the thread's ledger goes. `NotFoundError` 50350 where there is no such conversation."""
        async with self._database.read() as connection:
            found = await store.standings(connection, [thread_id])
        return _needed(found, thread_id)

    async def absorb(self, thread_id: str, listing: Sequence[Entry]) -> None:
        """Bring the ledger up to date with a listing that reaches down to what it holds."""
        async with self._database.write(durable=False) as connection:
            standing = _needed(await store.standings(connection, [thread_id]), thread_id)
            listed = [
                each for each in listing if each.is_message and each.sequence > standing.synced_sequence
            ]
            new, kept = await self._missing(connection, thread_id, listed, standing)
            await store.add(connection, [(thread_id, each) for each in new])
            await _fulfil(connection, thread_id, kept, new)
            await store.mark_deleted(
                connection, thread_id, [each.message_id for each in listed if each.deleted]
            )
            foreign = any(each.mutation_id is None and not each.deleted for each in listed)
            top = listing[0].sequence if listing else 0
            await store.advance(connection, thread_id, sequence=top, native=standing.native or foreign)

    async def rows(self, thread_id: str, message_ids: Iterable[int]) -> dict[int, LedgerRow]:
        """Return the rows of these messages by id; one that the ledger does not hold is absent."""
        async with self._database.read() as connection:
            return await store.rows(connection, thread_id, message_ids)

    async def sent(self, thread_id: str, mutation_id: str) -> LedgerRow | None:
        """Return the row of the message that was sent under *mutation_id*, if the ledger holds it."""
        async with self._database.read() as connection:
            return (await store.by_mutations(connection, thread_id, [mutation_id])).get(mutation_id)

    @staticmethod
    async def _missing(
        connection: AsyncConnection, thread_id: str, listed: Sequence[Entry], standing: Standing
    ) -> tuple[list[LedgerRow], Mapping[str, Adoption]]:
        """Return the rows to append, and what was promised to their messages."""
        known = await store.rows(connection, thread_id, [each.message_id for each in listed])
        arrivals = [
            Arrival(each.message_id, each.mutation_id, each.deleted)
            for each in listed
            if each.message_id not in known
        ]
        marks = [each.mutation_id for each in arrivals if each.mutation_id is not None]
        mutations = await store.by_mutations(connection, thread_id, marks)
        kept = await _promised(connection, thread_id, arrivals, standing)
        new = allocate(
            thread_id, arrivals, next_index=standing.next_index, mutations=mutations, promised=kept
        )
        return new, kept


async def append_sent(connection: AsyncConnection, sent: Mapping[str, Sequence[Arrival]]) -> Appended:
    """Record sends of several threads within one transaction.

    *sent* gives the arrivals by thread id; nothing earlier may be missing in these threads, as far as this process
    knows. A thread to which somebody may write past this library is left out of the result.
    """
    standings = await store.standings(connection, sent)
    result = Appended()
    appended: list[tuple[str, LedgerRow]] = []
    fulfilled: dict[str, tuple[Mapping[str, Adoption], Sequence[LedgerRow]]] = {}
    for thread_id, arrivals in sent.items():
        standing = standings.get(thread_id)
        if standing is None or standing.native:
            continue
        held = await _held(connection, thread_id, arrivals, standing)
        marks = [each.mutation_id for each in arrivals if each.repeated and each.mutation_id]
        mutations = await store.by_mutations(connection, thread_id, marks)
        kept = await _promised(connection, thread_id, arrivals, standing)
        new = allocate(
            thread_id,
            arrivals,
            next_index=standing.next_index,
            known=held,
            mutations=mutations,
            promised=kept,
        )
        appended += [(thread_id, each) for each in new]
        fulfilled[thread_id] = kept, new
        result.rows.update({(thread_id, each.message_id): each for each in [*held.values(), *new]})
        result.ends[thread_id] = _end(standing, new)
    await store.add(connection, appended)
    for thread_id, (kept, rows) in fulfilled.items():
        await _fulfil(connection, thread_id, kept, rows)
    return result


async def append_newest(
    connection: AsyncConnection, thread_id: str, arrival: Arrival, *, writer: str, others: int
) -> Appended | None:
    """Record one send as `append_sent` does, in one statement; None where the case is not as usual as that takes.

    *writer* and *others* are what `WriterLease.seen` says.
    """
    if arrival.repeated:
        return None
    row = store.row(thread_id, arrival.message_id, None, arrival.mutation_id, arrival.deleted)
    index = await store.append_next(connection, thread_id, row, writer=writer, others=others)
    if index is None:
        return None
    end = End(index + 1, row.message_id)
    return Appended({(thread_id, row.message_id): replace(row, index=index)}, {thread_id: end})


def _end(standing: Standing, new: Sequence[LedgerRow]) -> End:
    indexes = [each.index for each in new if each.index is not None]
    next_index = max([standing.next_index, *(each + 1 for each in indexes)])
    newest = max((each.message_id for each in new), default=0)
    return End(next_index, max(standing.newest_id, newest))


async def _promised(
    connection: AsyncConnection, thread_id: str, arrivals: Sequence[Arrival], standing: Standing
) -> Mapping[str, Adoption]:
    """Return what is promised to these messages, by mutation id."""
    if not standing.adopting:
        return {}
    marks = [each.mutation_id for each in arrivals if each.mutation_id is not None]
    return await adoptions.of(connection, thread_id, marks)


async def _fulfil(
    connection: AsyncConnection, thread_id: str, kept: Mapping[str, Adoption], new: Sequence[LedgerRow]
) -> None:
    """Drop what was promised to messages whose rows were written."""
    met = [each for each in new if each.index is not None and each.mutation_id in kept]
    if met:
        fulfilled = [kept[each.mutation_id] for each in met if each.mutation_id is not None]
        await adoptions.fulfil(connection, thread_id, fulfilled, [each.message_id for each in met])


async def _held(
    connection: AsyncConnection, thread_id: str, arrivals: Sequence[Arrival], standing: Standing
) -> dict[int, LedgerRow]:
    """Return the rows of those arrivals that a listing brought in first."""
    if all(each.message_id > standing.newest_id for each in arrivals):
        return {}
    return await store.rows(connection, thread_id, [each.message_id for each in arrivals])


def _needed(found: Mapping[str, Standing], thread_id: str) -> Standing:
    if thread_id not in found:
        raise NotFoundError("Conversation not found", code=50350)
    return found[thread_id]
