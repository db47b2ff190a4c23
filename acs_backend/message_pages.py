"""Which messages a page has, and what they say.

The ledger knows the order of a thread's messages, `acs_backend.ledger.reader` finds their contents. The two may
disagree: a message that the ledger still has may turn out to be deleted, or to be older than what this user may see.
Then the ledger takes note, or the page begins where the user's history does, and the page is chosen again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from acs_backend.clients import AcsUser
from acs_backend.ledger.entries import Message
from acs_backend.ledger.listings import LARGEST_PAGE
from acs_backend.ledger.reader import Reader, Reading
from acs_backend.store import messages as table
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from twilio_compat.records import Direction

SLACK = 8
"""Entries asked for beyond the size of a page: system messages and deleted ones take room in a listing."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows with what they say, in ascending order, and whether older and newer ones exist beyond them."""

    messages: Sequence[tuple[LedgerRow, Message]]
    has_older: bool
    has_newer: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """The page that somebody asks for: up to *size* messages from *anchor*, as `twilio_compat.backend` has it."""

    size: int
    anchor: int | None
    direction: Direction

    @property
    def older(self) -> bool:
        """Whether it extends to older messages."""
        return self.direction is Direction.BACKWARDS

    @property
    def is_newest(self) -> bool:
        """Whether one listing of the newest changes will do."""
        return self.anchor is None and self.older and self.size + SLACK <= LARGEST_PAGE


@dataclass(frozen=True, slots=True)
class _Chosen:
    rows: Sequence[LedgerRow]
    has_older: bool
    has_newer: bool


class MessagePages:
    """Reads pages for all users of a backend. Raises the SDK's errors."""

    def __init__(self, database: Database, reader: Reader) -> None:
        """Choose in *database*, read with *reader*."""
        self._database = database
        self._reader = reader

    async def read(self, user: AcsUser, thread_id: str, wanted: Wanted) -> Page:
        """Return the page that is *wanted*, as *user* may see it."""
        async with self._reader.reading(user, thread_id) as reading:
            return await self._read(reading, thread_id, wanted)

    async def mark_deleted(self, thread_id: str, message_ids: Iterable[int]) -> None:
        """Note that messages are deleted."""
        if message_ids := list(message_ids):
            async with self._database.write() as connection:
                await table.mark_deleted(connection, thread_id, message_ids)

    async def _read(self, reading: Reading, thread_id: str, wanted: Wanted) -> Page:
        said: dict[int, Message] = {}
        gone: set[int] = set()
        if wanted.is_newest:
            newest = await reading.newest(wanted.size + SLACK)
            said, gone = dict(newest.found), set(newest.gone)
        else:
            await reading.refresh()
        while True:
            chosen = await self._choose(thread_id, wanted, reading.floor)
            if not chosen.has_newer and not reading.checked:
                await reading.check()
                continue
            missing = [row.message_id for row in chosen.rows if row.message_id not in said]
            if not missing:
                messages = [(row, said[row.message_id]) for row in chosen.rows]
                return Page(messages, chosen.has_older, chosen.has_newer)
            if unread := [each for each in missing if each not in gone]:
                read = await reading.contents(unread)
                said |= read.found
                gone |= set(read.gone)
            await self.mark_deleted(thread_id, gone.intersection(missing))

    async def _choose(self, thread_id: str, wanted: Wanted, floor: int) -> _Chosen:
        start = min(wanted.anchor, table.LARGEST_INDEX - 1) if wanted.anchor is not None else None
        size = min(wanted.size, table.LARGEST_INDEX)
        async with self._database.read() as connection:
            rows = await table.around(
                connection, thread_id, start=start, older=wanted.older, limit=size + 1, floor=floor
            )
            beyond: Sequence[LedgerRow] = ()
            if start is not None:
                behind = start + 1 if wanted.older else start - 1
                beyond = await table.around(
                    connection, thread_id, start=behind, older=not wanted.older, limit=1, floor=floor
                )
        more, shown = len(rows) > wanted.size, rows[: wanted.size]
        if wanted.older:
            return _Chosen(shown[::-1], has_older=more, has_newer=bool(beyond))
        return _Chosen(shown, has_older=bool(beyond), has_newer=more)
