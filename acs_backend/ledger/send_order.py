"""In which order the sends of one process may enter the ledger: pure.

ACS gives a message its id, a time, somewhere between the moment a send starts and the moment it is answered. Two
sends to one thread may be answered in the other order than their ids. But a message with a smaller id was created
before this one was answered, so its send had started by then: it is answered, or still in flight. Hence a
finished send is *settled*, and may be written down, once every send that was in flight when it finished has ended.

`SendOrder` keeps that book for one thread. Each send takes a ticket, and ends once: with the id it was given
(`finish`), or without one (`abandon`). Both return the ids that became settled by it, in the order of the ids.
An id below a settled one is settled too, since whatever could precede it also precedes the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class SendOrder:
    """The sends of one thread, from their start until they are settled."""

    _next_ticket: int = 0
    _in_flight: set[int] = field(default_factory=set)
    _waiting: dict[int, int] = field(default_factory=dict)
    """Ids not settled yet, each with the first ticket that was not given out when its send finished."""

    def start(self) -> int:
        """Return the ticket of a send that is about to go out."""
        ticket = self._next_ticket
        self._next_ticket += 1
        self._in_flight.add(ticket)
        return ticket

    def finish(self, ticket: int, message_id: int) -> list[int]:
        """Note that the send got *message_id*; return the ids that are settled now, ascending."""
        self._in_flight.remove(ticket)
        self._waiting[message_id] = self._next_ticket
        return self._settle()

    def abandon(self, ticket: int) -> list[int]:
        """Note that the send ended without a message; return the ids that are settled now, ascending."""
        self._in_flight.remove(ticket)
        return self._settle()

    @property
    def upcoming(self) -> int:
        """The next ticket; every send so far has a smaller one."""
        return self._next_ticket

    @property
    def oldest(self) -> int:
        """The smallest ticket still in flight; `upcoming` where none is."""
        return min(self._in_flight, default=self._next_ticket)

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight and nothing waits."""
        return not self._in_flight and not self._waiting

    def _settle(self) -> list[int]:
        oldest = self.oldest
        last = max((each for each, barrier in self._waiting.items() if barrier <= oldest), default=None)
        if last is None:
            return []
        settled = sorted(each for each in self._waiting if each <= last)
        for each in settled:
            del self._waiting[each]
        return settled
