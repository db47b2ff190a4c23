"""Messages that were sent in this process, and so need not be read back: pure.

A subscriber learns of each message by listing the thread, and to have a message deserialised costs nearly as much as
to send it. A process that acts for many users, or sends much, would do little else. But it knows what it sent.

Each change of a thread takes one sequence id. So if the messages sent here that are younger than the subscriber's
cursor are as many as the ids taken since, nothing else happened, to those messages neither, and a glance at the top
of the thread is all that is needed. Messages still in flight may lie above that: they are told by the next reading.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from acs_backend.event_sources.thread_cursor import ThreadCursor
from acs_backend.ledger.entries import Entry
from twilio_compat.records import MessageRecord

KEPT = 1000
"""Messages of a thread that are kept between two readings."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A change up to which everything is known, the messages that are news up to there, and whether it is the top."""

    top: Entry
    news: Sequence[MessageRecord]
    is_complete: bool


class OwnSends:
    """What one subscriber has not been told yet of the messages that were sent in its process."""

    def __init__(self) -> None:
        """Know of none."""
        self._kept: dict[str, dict[int, MessageRecord]] = {}

    def add(self, thread_id: str, message_id: int, message: MessageRecord) -> None:
        """Keep a message until the thread is read."""
        kept = self._kept.setdefault(thread_id, {})
        kept[message_id] = message
        if len(kept) > KEPT:
            del kept[min(kept)]

    def any(self, thread_id: str) -> bool:
        """Whether there are messages of the thread."""
        return thread_id in self._kept

    def drop(self, thread_id: str, *, up_to: int | None = None) -> None:
        """Forget the messages up to an id, or all."""
        kept = self._kept.pop(thread_id, {})
        if up_to is not None and (later := {each: kept[each] for each in kept if each > up_to}):
            self._kept[thread_id] = later

    def explain(
        self, thread_id: str, cursor: ThreadCursor, listing: Sequence[Entry], in_flight: Collection[str]
    ) -> Explanation | None:
        """Return how far these messages account for what *listing*, the newest changes, begins with; None: not at all.

        *in_flight* are the mutation ids of sends that this process has not had the answer of.
        """
        kept = self._kept.get(thread_id, {})
        for number, entry in enumerate(listing):
            if _is_untouched(entry, kept) and (news := _accounted_for(cursor, entry, kept)) is not None:
                return Explanation(entry, news, is_complete=number == 0)
            if entry.message_id not in kept and entry.mutation_id not in in_flight:
                return None
        return None


def _is_untouched(entry: Entry, kept: Mapping[int, MessageRecord]) -> bool:
    return entry.message_id in kept and entry.version == entry.message_id


def _accounted_for(
    cursor: ThreadCursor, top: Entry, kept: Mapping[int, MessageRecord]
) -> Sequence[MessageRecord] | None:
    if cursor.sequence is None:
        return None
    news = sorted(each for each in kept if cursor.version < each <= top.message_id)
    return [kept[each] for each in news] if len(news) == top.sequence - cursor.sequence else None
