"""Reading lists from ACS page by page, and a thread's messages down to what is known.

A list of several pages is not one moment's picture. While the pages of a thread's messages are read, an edit may
move a message from a page still to come to the top, which was read already. So after a reading of several pages
the top is read again, down to where it was, until that takes a single page: then every message that lay below the
old top either stayed where it was read or is on that page.

Whatever is read here is noted in `Heights`: how far each thread has come as far as this process has seen. Nobody in
the process may show a thread as it was before that.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from azure.core.async_paging import AsyncItemPaged

from acs_backend.clients import AcsClients, AcsUser, RawAnswer
from acs_backend.ledger import entries
from acs_backend.ledger.entries import Entry
from acs_backend.retries import Retries
from acs_backend.times import to_milliseconds

T = TypeVar("T")

LARGEST_PAGE = 200
"""Messages that ACS gives in one answer at most."""
MEMBERS_PER_PAGE = 100
REMEMBERED_HEIGHTS = 10_000


async def pages(
    paged: AsyncItemPaged[T], retries: Retries, *, start: str | None = None
) -> AsyncIterator[tuple[list[T], str | None]]:
    """Yield the pages of an SDK list, each with the link to the next, if any; a page that fails is asked for again.

    *start* is such a link, to begin there.
    """
    iterator = paged.by_page(start) if start else paged.by_page()

    async def one() -> list[T] | None:
        page = await anext(iterator, None)
        return None if page is None else [item async for item in page]

    while (page := await retries.idempotent(one)) is not None:
        yield page, getattr(iterator, "continuation_token", None) or None


async def items(paged: AsyncItemPaged[T], retries: Retries) -> list[T]:
    """Return everything in an SDK list."""
    return [item async for page, _ in pages(paged, retries) for item in page]


class Heights:
    """The highest sequence id that this process has seen of each thread."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self._heights: OrderedDict[str, int] = OrderedDict()

    def note(self, thread_id: str, sequence: int) -> None:
        """Take note that the thread has come so far."""
        self._heights[thread_id] = max(sequence, self._heights.pop(thread_id, 0))
        if len(self._heights) > REMEMBERED_HEIGHTS:
            self._heights.popitem(last=False)

    def of(self, thread_id: str) -> int:
        """Return how far it has come; 0 where nothing is known."""
        return self._heights.get(thread_id, 0)


@dataclass(frozen=True, slots=True)
class Listing:
    """A piece of a thread's list of messages, newest change first, without a gap."""

    entries: list[Entry]
    below: str | None
    """ACS's link to what lies below; None at the end of the list."""

    @property
    def top(self) -> int:
        """The sequence id of the newest change; 0 where there is none."""
        return self.entries[0].sequence if self.entries else 0


class Listings:
    """Reads the messages of threads, newest change first."""

    def __init__(
        self,
        clients: AcsClients,
        retries: Retries,
        *,
        heights: Heights | None = None,
        largest_page: int = LARGEST_PAGE,
    ) -> None:
        """Read with *clients*, at most *largest_page* entries at a time, and note in *heights* what was seen."""
        self.heights = heights or Heights()
        """How far each thread has come."""
        self.largest_page = largest_page
        """Entries that one answer has at most."""
        self._clients = clients
        self._retries = retries

    async def read(
        self, user: AcsUser, thread_id: str, *, size: int, known: Callable[[Entry], bool]
    ) -> list[Entry]:
        """Return the entries of what `read_down` reads."""
        return (await self.read_down(user, thread_id, size=size, known=known)).entries

    async def read_down(
        self, user: AcsUser, thread_id: str, *, size: int, known: Callable[[Entry], bool]
    ) -> Listing:
        """Return the entries down to the first that is *known* (that page included), or all.

        *size* is how many entries the first request asks for; further ones ask for as many as ACS gives. The
        result is complete: no entry above the first known one is missing. Raises the SDK's errors.
        """
        size, largest = min(size, self.largest_page), self.largest_page
        listing, count, below, reached = await self._down(user, thread_id, size, known, most=1)
        if not reached:
            listing, count, below, _ = await self._down(user, thread_id, largest, known)
        while count > 1:
            again, count, _, _ = await self._down(user, thread_id, largest, _up_to(listing[0].sequence))
            listing = again + listing
        return self._noted(thread_id, Listing(entries.newest_first(listing), below))

    async def read_on(self, user: AcsUser, thread_id: str, below: str) -> Listing:
        """Return the page that a listing's link leads to, as it is now. Raises the SDK's errors."""
        async for page, link in self._pages(user, thread_id, self.largest_page, start=below):
            return self._noted(thread_id, Listing(page, link))
        return Listing([], None)

    async def histories(self, user: AcsUser, thread_id: str) -> Mapping[str, int]:
        """Return from which message id on each member sees the thread, by ACS id. Raises the SDK's errors."""
        listed = self._clients.thread(user, thread_id).list_participants(results_per_page=MEMBERS_PER_PAGE)
        return {
            each.identifier.raw_id: to_milliseconds(each.share_history_time)
            for each in await items(listed, self._retries)
            if each.share_history_time is not None
        }

    async def _pages(
        self, user: AcsUser, thread_id: str, size: int, *, start: str | None = None
    ) -> AsyncIterator[tuple[list[Entry], str | None]]:
        """Yield pages of a thread's messages as `pages` does."""
        raw = RawAnswer()
        listed = self._clients.thread(user, thread_id).list_messages(results_per_page=size, raw_answer=raw)
        async for _, link in pages(listed, self._retries, start=start):
            yield [entries.read(each) for each in raw.items], link

    def _noted(self, thread_id: str, listing: Listing) -> Listing:
        self.heights.note(thread_id, listing.top)
        return listing

    async def _down(
        self,
        user: AcsUser,
        thread_id: str,
        size: int,
        known: Callable[[Entry], bool],
        *,
        most: int | None = None,
    ) -> tuple[list[Entry], int, str | None, bool]:
        """Return the entries, the number of pages they came in, the link below them, and whether that is far enough.

        It is where a known one or the end was reached.
        """
        listing: list[Entry] = []
        count, below = 0, None
        async for page, below in self._pages(user, thread_id, size):
            count += 1
            listing += page
            reached = below is None or any(map(known, page))
            if reached or count == most:
                return listing, count, below, reached
        return listing, count, below, True


def _up_to(sequence: int) -> Callable[[Entry], bool]:
    return lambda entry: entry.sequence <= sequence
