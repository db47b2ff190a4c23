"""How far one subscriber has followed one thread, and what a listing has news of: pure.

Looking at a thread costs a request, so a subscriber first asks for its list of threads, which says of each when a
message was last received. Three things about that time make the rest necessary:

* It has a resolution of one second. A second message within the same second does not move it. So a thread whose
  time moved stays *warm*: it is read again, up to and including the first reading that begins two seconds later or
  more, by the local clock. Those who follow the thread in one process share these (`shared_readings`).
* At the start nothing has been read. If the last message is older than a few seconds, whatever changed after that
  second is news, and no request is needed to know it. If it is younger, the thread is read once to see exactly
  where it stands. In a thread that never had a message, every message is news. The reference is the service's own
  clock, as its answers carry it.
* It may or may not move on an edit or a deletion; the service does not say. The change feed tells of those that
  are made here; for those of native clients there is a sweep.

A cursor remembers two numbers: the sequence id up to which the thread was read, and the version (a time) of the
newest change it has seen. Since ids are times of creation, a message whose id is above that version is new and one
below it was there before, whoever announced it. Nothing else has to be kept per message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from acs_backend.ledger.entries import Entry
from acs_backend.times import to_milliseconds

WARM = 2.0
"""Seconds after a list of threads first showed a second from which a reading of the thread has all of it."""
MARGIN_MS = 3_000
"""How much older than the service's clock a thread's last message must be to need no exact look at the start."""


@dataclass(frozen=True, slots=True)
class ThreadGlance:
    """What the list of threads says of one."""

    topic: str
    received: datetime | None


@dataclass(frozen=True, slots=True)
class ThreadCursor:
    """Where one subscriber stands in one thread."""

    glance: ThreadGlance
    version: int
    """Epoch milliseconds: everything that changed up to here is no news."""
    sequence: int | None = None
    """Everything up to this sequence id is no news; None until the thread was read."""
    is_warm: bool = False
    """Whether there may be more to come of the second that the glance shows."""

    def behind(self, entry: Entry) -> bool:
        """Whether *entry* is news to this cursor."""
        if self.sequence is not None:
            return entry.sequence > self.sequence
        return entry.version > self.version

    def is_new(self, entry: Entry) -> bool:
        """Whether the message, which is news, was created, not only changed, since the thread was last read.

        One that never changed was; its id may be the very millisecond of the last change seen.
        """
        return entry.message_id > self.version or entry.message_id == entry.version

    def needs_reading(self, glance: ThreadGlance) -> bool:
        """Whether what the list of threads says calls for a look at the messages."""
        return glance.received != self.glance.received or self.is_warm

    def glanced(self, received: datetime | None, *, is_settled: bool) -> ThreadCursor:
        """Take note of what the list of threads said, after a reading that has all of that second or not."""
        return replace(self, glance=replace(self.glance, received=received), is_warm=not is_settled)

    def warmed(self) -> ThreadCursor:
        """Take note that there is something to read, whatever the list of threads says."""
        return replace(self, is_warm=True)

    def retitled(self, topic: str) -> ThreadCursor:
        """Take note of a topic."""
        return replace(self, glance=replace(self.glance, topic=topic))

    def read(self, listing: Sequence[Entry]) -> ThreadCursor:
        """Take note of a listing, newest change first, that was read down to this cursor."""
        if not listing:
            return self
        top = listing[0]
        return replace(
            self,
            sequence=max(top.sequence, self.sequence or 0),
            version=max(top.version, self.version),
        )

    def news(self, listing: Sequence[Entry]) -> list[Entry]:
        """Return what is news in *listing*, in the order to tell it.

        New messages stand where they were created, so that they come in the order of their indexes; everything
        else stands where it changed.
        """
        fresh = [each for each in listing if self.behind(each)]
        return sorted(
            fresh, key=lambda each: (each.message_id if self.is_new(each) else each.version, each.sequence)
        )


def start(glance: ThreadGlance, server_time: datetime | None) -> ThreadCursor | None:
    """Return the cursor a subscription starts with, or None where only an exact look can tell."""
    if server_time is None:
        return None
    now = to_milliseconds(server_time)
    if glance.received is None:
        return ThreadCursor(glance, version=now - MARGIN_MS)
    end_of_second = to_milliseconds(glance.received.replace(microsecond=0)) + 999
    if now - end_of_second < MARGIN_MS:
        return None
    return ThreadCursor(glance, version=max(end_of_second, now - MARGIN_MS))


def exact(glance: ThreadGlance, top: Entry | None) -> ThreadCursor:
    """Return the cursor that stands right behind *top*, the newest change of the thread (None: there is none)."""
    if top is None:
        return ThreadCursor(glance, version=0, sequence=0)
    return ThreadCursor(glance, version=top.version, sequence=top.sequence, is_warm=True)
