"""Reading the contents of messages that lie anywhere in a thread, in few requests and little memory.

Theory of operation
-------------------
The ledger says which messages a page has; ACS has what they say, and lists it newest change first. A `ThreadWindow`
per user and thread remembers the walk down that list. So what a page costs is

* at most one request per 200 messages above it, the first time;
* none where the walk came by shortly before, or else one for each piece of it that is read again.

What was read is shown for `FRESH` seconds without asking ACS again, the user's membership included; then the top of
the list is read, which tells whether anything changed. It is also read as soon as anything else in this process has
seen the thread move (`Heights`): an application never sees a message go back to what it said before.

Memory is bounded: `KEPT_PIECES` pieces of at most 200 messages over all users, least recently read first out, and
numbers and links for `KEPT_WALKS` walks. What was let go is read again through its link.

A message that is nowhere in the list is asked for by its id, so that one that a listing does not show yet is not
taken for deleted. Messages from before the user's history began are no case of that: the end of the list tells them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from acs_backend.clients import AcsClients, AcsUser, RawAnswer
from acs_backend.ledger import entries
from acs_backend.ledger.entries import Entry, Message
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.listings import Listing, Listings
from acs_backend.ledger.window import ThreadWindow, within_reach
from acs_backend.retries import Retries

FRESH = 1.0
"""Seconds for which what was read is shown without asking again; news by polling is as old."""
GLANCE = 20
"""Entries of a look whether anything changed."""
KEPT_PIECES = 24
KEPT_WALKS = 256
STALE_LINK = frozenset({400, 404, 410})
"""How ACS may answer a link that it does not honour any more."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What messages say, by id; ids of those that are deleted; and of those that are hidden from this user."""

    found: Mapping[int, Message]
    gone: Collection[int]
    hidden: Collection[int]


@dataclass(eq=False, slots=True)
class _Seat:
    """Where one user sits in one thread; one call at a time."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    window: ThreadWindow | None = None


_Piece = tuple[ThreadWindow, int]


class Reader:
    """Reads messages for all users of a backend."""

    def __init__(
        self,
        clients: AcsClients,
        retries: Retries,
        ledger: Ledger,
        listings: Listings,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Read through *listings*; *ledger* takes note of what is new. *clock* is monotonic, in seconds."""
        self.clients = clients
        self.retries = retries
        self.ledger = ledger
        self.listings = listings
        self.clock = clock
        self._seats: OrderedDict[tuple[str, str], _Seat] = OrderedDict()
        self._pieces: OrderedDict[_Piece, Mapping[int, Entry]] = OrderedDict()

    @asynccontextmanager
    async def reading(self, user: AcsUser, thread_id: str) -> AsyncIterator[Reading]:
        """Enclose what makes up one answer to *user*."""
        seat = self._seats.pop((user.id, thread_id), None) or _Seat()
        self._seats[user.id, thread_id] = seat
        if len(self._seats) > KEPT_WALKS:
            self._seats.popitem(last=False)
        async with seat.lock:
            yield Reading(self, seat, user, thread_id)

    async def fetch(self, user: AcsUser, thread_id: str, message_id: int) -> Message | None:
        """Ask ACS for one message; None where it is deleted, or not there for this user. Raises the SDK's errors."""
        thread, raw = self.clients.thread(user, thread_id), RawAnswer()
        try:
            await self.retries.idempotent(lambda: thread.get_message(str(message_id), raw_answer=raw))
        except ResourceNotFoundError:
            return None
        entry = entries.read(raw.items[0])
        self.listings.heights.note(thread_id, entry.sequence)
        return None if entry.deleted else entry.message

    def piece(self, window: ThreadWindow, number: int) -> Mapping[int, Entry] | None:
        """Return what a place of a walk held, if that is kept."""
        held = self._pieces.get((window, number))
        if held is not None:
            self._pieces.move_to_end((window, number))
        return held

    def keep(self, window: ThreadWindow, number: int, piece: Listing) -> Mapping[int, Entry]:
        """Keep what a place of a walk holds, and return it by message id."""
        held = {each.message_id: each for each in piece.entries if each.is_message}
        self._pieces[window, number] = held
        if len(self._pieces) > KEPT_PIECES:
            self._pieces.popitem(last=False)
        return held


class Reading:
    """One answer in the making. All methods raise the SDK's errors."""

    def __init__(self, reader: Reader, seat: _Seat, user: AcsUser, thread_id: str) -> None:
        """Read as *user*."""
        self._reader = reader
        self._seat = seat
        self._user = user
        self._thread_id = thread_id
        self._refused = False
        self.checked = False
        """Whether the top of the list was read for this answer."""

    @property
    def floor(self) -> int:
        """The id of the first message that the user may see, as far as is known."""
        return self._seat.window.floor if self._seat.window is not None else 0

    async def newest(self, size: int) -> Contents:
        """Read the *size* newest changes in one request, and bring the ledger up to date."""
        began = self._reader.clock()
        top = await self._reader.ledger.look(self._user, self._thread_id, size=size)
        self.checked = True
        if self._seat.window is not None and not self._seat.window.take(top, began):
            self._seat.window = None
        shown = {each.message_id: each.message for each in top.entries if each.message and not each.deleted}
        gone = [each.message_id for each in top.entries if each.is_message and each.deleted]
        return Contents(shown, gone, ())

    async def refresh(self) -> None:
        """See to it that nothing older than `FRESH` is shown, and nothing older than what others have seen."""
        window, reader = self._seat.window, self._reader
        if (
            window is None
            or window.top < reader.listings.heights.of(self._thread_id)
            or reader.clock() - window.checked_at >= FRESH
        ):
            await self.check()

    async def check(self) -> None:
        """Read the top of the list, and bring the ledger up to date."""
        began, reader, window = self._reader.clock(), self._reader, self._seat.window
        self.checked = True
        if window is not None:
            top = await reader.ledger.look(
                self._user, self._thread_id, size=GLANCE, down_to=within_reach(window)
            )
            if window.take(top, began):
                return
        self._seat.window = await self._begin()

    async def contents(self, message_ids: Collection[int]) -> Contents:
        """Return what these messages of the ledger say."""
        read = await self._listed(message_ids)
        if len(read) < len(message_ids) and not self.checked:
            await self.check()
            read = await self._listed(message_ids)
        found = {key: each.message for key, each in read.items() if each.message and not each.deleted}
        gone = [key for key, each in read.items() if each.deleted]
        missing = [each for each in message_ids if each not in read]
        hidden = [each for each in missing if each < self.floor]
        for each in missing:
            if each >= self.floor:
                message = await self._reader.fetch(self._user, self._thread_id, each)
                if message is None:
                    gone.append(each)
                else:
                    found[each] = message
        return Contents(found, gone, hidden)

    async def _listed(self, message_ids: Collection[int]) -> dict[int, Entry]:
        """Return those of the messages that the list has, walking down as far as it takes."""
        found: dict[int, Entry] = {}
        for message_id in sorted(message_ids, reverse=True):
            window = self._seat.window or await self._begin()
            entry = window.recent(message_id) or (await self._piece_of(message_id)).get(message_id)
            if entry is not None:
                found[message_id] = entry
        return found

    async def _begin(self) -> ThreadWindow:
        """Begin a walk at the top of the list."""
        reader, began = self._reader, self._reader.clock()
        self.checked = True
        top = await reader.ledger.look(self._user, self._thread_id, size=reader.listings.largest_page)
        if (
            len(top.entries) > reader.listings.largest_page
        ):  # the ledger was behind: no link into the midst of it
            top = await reader.listings.read_down(
                self._user, self._thread_id, size=reader.listings.largest_page, known=lambda entry: True
            )
        window = self._seat.window = ThreadWindow(top, began)
        reader.keep(window, 0, top)
        return window

    async def _piece_of(self, message_id: int) -> Mapping[int, Entry]:
        """Return the piece of the list that has the message if any has."""
        window = self._seat.window or await self._begin()
        while (number := window.place(message_id)) is None:
            if window.below is None:
                return {}
            window = await self._go_down(window, window.below)
        held = self._reader.piece(window, number)
        return held if held is not None else await self._read_again(window, number, message_id)

    async def _go_down(self, window: ThreadWindow, link: str) -> ThreadWindow:
        piece = await self._follow(link)
        if piece is None:
            return await self._begin()
        self._reader.keep(window, window.extend(link, piece), piece)
        return window

    async def _read_again(self, window: ThreadWindow, number: int, message_id: int) -> Mapping[int, Entry]:
        link = window.link(number)
        piece = await (self._top_again(window) if link is None else self._follow(link))
        if piece is None:
            await self._begin()
            return await self._piece_of(message_id)
        return self._reader.keep(window, number, piece)

    async def _top_again(self, window: ThreadWindow) -> Listing | None:
        """List the thread down to where the top of the walk was; None where that does not join the walk any more."""
        reader, began = self._reader, self._reader.clock()
        self.checked = True
        top = await reader.ledger.look(
            self._user, self._thread_id, size=reader.listings.largest_page, down_to=window.is_below_the_top
        )
        return top if window.take(top, began) else None

    async def _follow(self, link: str) -> Listing | None:
        """Return the page that a link leads to; None where ACS does not honour it any more, but not twice."""
        try:
            return await self._reader.listings.read_on(self._user, self._thread_id, link)
        except HttpResponseError as error:
            if self._refused or error.status_code not in STALE_LINK:
                raise
            self._refused = True
            return None
