"""Which index a send will get, told before the store is asked: pure.

An index is a rank, so it follows from the thread alone; the store only keeps it. As long as nothing but this
process's own sends, in their order, can be added to a thread, the next index is one more than the last, and the
sender need not wait until that is written down. Many are then written at once, a little later. If the process dies
before, nothing is lost: the next listing of the thread finds the same messages in the same order.

What can end this is that another process begins to send, or that somebody is enabled to write past this library.
Both are committed to the store first, and take effect only after `NOTICE`. So a look at the store holds for that long,
and no longer: `Foresight` forgets a thread unless it is looked at again.

A message that is imported may be promised an index (`acs_backend.store.adoptions`). The end of a ledger lies above all
that were promised when it was looked at; whoever promises one sees to it that none of those told is it
(`acs_backend.ledger.recorder`).

What is told is written while more is told. A look that took place meanwhile knows nothing of the latter: it comes on
top, except where somebody else's listing has brought it into the store by then. The ledger is a prefix of the thread, so
what is not above its newest message is in it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from acs_backend.ledger.ledger import Arrival, End
from acs_backend.store import messages as store
from acs_backend.store.messages import LedgerRow

NOTICE = 0.5
"""Seconds for which a look at the store holds, and for which whoever commits what ends that waits before acting on it."""
REMEMBERED_THREADS = 10_000


@dataclass(frozen=True, slots=True)
class _Tail:
    """The end of a thread's ledger, known to be its end until a time."""

    end: End
    period: int
    good_until: float


@dataclass(frozen=True, slots=True)
class Foretold:
    """A row that was told to its sender and is not written yet."""

    thread_id: str
    arrival: Arrival
    row: LedgerRow


class Foresight:
    """The ends of the ledgers that this process is writing to, and what it has not written yet."""

    def __init__(self) -> None:
        """Know nothing."""
        self._tails: dict[str, _Tail] = {}
        self._unwritten: defaultdict[str, list[Foretold]] = defaultdict(list)

    @property
    def owes(self) -> bool:
        """Whether anything is to be written."""
        return bool(self._unwritten)

    def owes_of(self, thread_id: str) -> bool:
        """Say whether anything of a thread is to be written."""
        return thread_id in self._unwritten

    def learn(self, thread_id: str, end: End, *, period: int, looked_at: float) -> None:
        """Note where the thread's ledger ended when the store was looked at, before what is told and not taken yet.

        What is learnt in one *period* of the thread does not hold in the next.
        """
        if len(self._tails) >= REMEMBERED_THREADS:
            self._tails.clear()
        for each in self._unwritten.get(thread_id, ()):
            if each.arrival.message_id > end.newest_id:
                end = End(end.next_index + 1, each.arrival.message_id)
        self._tails[thread_id] = _Tail(end, period, looked_at + NOTICE)

    def forget(self, thread_id: str) -> None:
        """Tell nothing of the thread until it is learnt again."""
        self._tails.pop(thread_id, None)

    def tell(self, thread_id: str, arrival: Arrival, *, period: int, now: float) -> LedgerRow | None:
        """Return the row that the ledger will have of *arrival*, to be written; None where that is not certain."""
        tail = self._tails.get(thread_id)
        if tail is None or arrival.repeated or not _holds(tail, arrival, period, now):
            self.forget(thread_id)
            return None
        index = tail.end.next_index
        row = store.row(thread_id, arrival.message_id, index, arrival.mutation_id, arrival.deleted)
        self._tails[thread_id] = replace(tail, end=End(index + 1, arrival.message_id))
        self._unwritten[thread_id].append(Foretold(thread_id, arrival, row))
        return row

    def take(self) -> list[Foretold]:
        """Hand over what is to be written."""
        taken, self._unwritten = self._unwritten, defaultdict(list)
        return [each for told in taken.values() for each in told]


def _holds(tail: _Tail, arrival: Arrival, period: int, now: float) -> bool:
    return now < tail.good_until and period == tail.period and arrival.message_id > tail.end.newest_id
