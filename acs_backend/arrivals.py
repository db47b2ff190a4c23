"""When members came whom another ACS client added.

ACS does not say with a member since when they are one; the system messages of the thread do. Whoever reads a thread
notes the arrivals it passes. Where a member is still without a row when the members are listed, the newest messages
are read for it, once; of an arrival that lies further back, the date of the conversation is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from acs_backend import records
from acs_backend.clients import AcsUser
from acs_backend.errors import Subject, translated
from acs_backend.ledger.entries import Entry, Kind
from acs_backend.ledger.listings import LARGEST_PAGE, Listings
from acs_backend.store import participants as table
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.participants import Participant

READ_BACK = 1000
"""Entries of a thread that are read for an arrival at most."""


def arrived(listing: Iterable[Entry]) -> dict[str, int]:
    """Return since when those are members who came and did not go, by ACS id: pure.

    *listing* has the newest entry first; times are in epoch milliseconds.
    """
    last: dict[str, Entry] = {}
    for entry in listing:
        for each in entry.members:
            last.setdefault(each, entry)
    return {acs_id: entry.message_id for acs_id, entry in last.items() if entry.kind is Kind.ADDED}


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Makes the rows of members who came past this library."""

    database: Database
    listings: Listings

    async def note(self, conversation: Conversation, since: Mapping[str, int]) -> None:
        """Make the rows that are missing of members who came at these times, in epoch milliseconds."""
        if not since:
            return
        async with self.database.read() as connection:
            known = await table.of_thread(connection, conversation.thread_id)
        missing = [acs_id for acs_id in since if acs_id not in known]
        if not missing:
            return
        async with self.database.write(durable=False) as connection:
            for acs_id in missing:
                row = records.without_row(conversation, acs_id, since[acs_id])
                await table.claim(connection, row, over=None)

    async def completed(
        self,
        user: AcsUser,
        conversation: Conversation,
        members: Collection[str],
        rows: Mapping[str, Participant],
    ) -> Mapping[str, Participant]:
        """Return the rows of all *members*, of whom *rows* may lack some; raises the port's errors."""
        missing = {each for each in members if each not in rows}
        if not missing:
            return rows
        found = await self._search(user, conversation.thread_id, missing)
        await self.note(
            conversation, {each: found.get(each, conversation.created_at) for each in sorted(missing)}
        )
        async with self.database.read() as connection:
            return await table.of_thread(connection, conversation.thread_id)

    async def _search(self, user: AcsUser, thread_id: str, wanted: Collection[str]) -> Mapping[str, int]:
        left, seen = set(wanted), 0

        def is_enough(entry: Entry) -> bool:
            nonlocal seen
            seen += 1
            left.difference_update(entry.members)
            return not left or seen >= READ_BACK

        with translated(Subject.CONVERSATION):
            listing = await self.listings.read(user, thread_id, size=LARGEST_PAGE, known=is_enough)
        return arrived(listing)
