"""Reading lists from ACS page by page, and a thread's messages down to what is known.

A list of several pages is not one moment's picture. While the pages of a thread's messages are read, an edit may
move a message from a page still to come to the top, which was read already. So after a reading of several pages
the top is read again, down to where it was, until that takes a single page: then every message that lay below the
old top either stayed where it was read or is on that page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from azure.core.async_paging import AsyncItemPaged

from acs_backend.clients import AcsClients, AcsUser
from acs_backend.ledger import entries
from acs_backend.ledger.entries import Entry
from acs_backend.retries import Retries

T = TypeVar("T")

LARGEST_PAGE = 200
"""Messages that ACS gives in one answer at most."""


async def pages(paged: AsyncItemPaged[T], retries: Retries) -> AsyncIterator[tuple[list[T], bool]]:
    """Yield the pages of an SDK list, each with whether more follow; a page that fails is asked for again."""
    iterator = paged.by_page()

    async def one() -> list[T] | None:
        page = await anext(iterator, None)
        return None if page is None else [item async for item in page]

    while (page := await retries.idempotent(one)) is not None:
        yield page, bool(getattr(iterator, "continuation_token", None))


async def items(paged: AsyncItemPaged[T], retries: Retries) -> list[T]:
    """Return everything in an SDK list."""
    return [item async for page, _ in pages(paged, retries) for item in page]


class Listings:
    """Reads the messages of threads, newest change first."""

    def __init__(self, clients: AcsClients, retries: Retries, *, largest_page: int = LARGEST_PAGE) -> None:
        """Read with *clients*, at most *largest_page* entries at a time."""
        self._clients = clients
        self._retries = retries
        self._largest_page = largest_page

    async def read(
        self, user: AcsUser, thread_id: str, *, size: int, known: Callable[[Entry], bool]
    ) -> list[Entry]:
        """Return the entries down to the first that is *known* (that page included), or all.

        *size* is how many entries the first request asks for; further ones ask for as many as ACS gives. The
        result is complete: no entry above the first known one is missing. Raises the SDK's errors.
        """
        size, largest = min(size, self._largest_page), self._largest_page
        listing, count, reached = await self._down(user, thread_id, size, known, most=1)
        if not reached:
            listing, count, _ = await self._down(user, thread_id, largest, known)
        while count > 1:
            again, count, _ = await self._down(user, thread_id, largest, _up_to(listing[0].sequence))
            listing = again + listing
        return entries.newest_first(listing)

    async def _down(
        self,
        user: AcsUser,
        thread_id: str,
        size: int,
        known: Callable[[Entry], bool],
        *,
        most: int | None = None,
    ) -> tuple[list[Entry], int, bool]:
        """Return the entries, the number of pages they came in, and whether a known one or the end was reached."""
        listing: list[Entry] = []
        count = 0
        paged = self._clients.thread(user, thread_id).list_messages(results_per_page=size)
        async for page, more in pages(paged, self._retries):
            count += 1
            read = [entries.read(each) for each in page]
            listing += read
            if not more or any(map(known, read)) or count == most:
                return listing, count, not more or any(map(known, read))
        return listing, count, True


def _up_to(sequence: int) -> Callable[[Entry], bool]:
    return lambda entry: entry.sequence <= sequence
