"""Pages of a list, as Twilio's client hands them out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from twilio_compat.errors import TwilioCompatError

__all__ = ["Paginator", "RestPaginator", "pages_of"]

T = TypeVar("T")

Turn: TypeAlias = Callable[[], Awaitable["Paginator[T]"]]
"""Fetches a neighbouring page."""


class Paginator(Generic[T]):
    """One page, and the way to its neighbours. It never changes: turning the page gives a new one.

    ``items`` ascend, whichever way the pages are turned. For messages the next page is the newer one and the
    previous page the older one, in both directions of ``getMessages``.
    """

    def __init__(self, items: Sequence[T], *, previous: Turn[T] | None, following: Turn[T] | None) -> None:
        """Hold *items*; a neighbour that does not exist is None."""
        self.items = list(items)
        self._previous = previous
        self._following = following

    def __repr__(self) -> str:
        """Show how much there is."""
        return f"<Paginator of {len(self.items)}, prev {self.hasPrevPage}, next {self.hasNextPage}>"

    @property
    def hasPrevPage(self) -> bool:
        """Whether `prevPage` leads anywhere."""
        return self._previous is not None

    @property
    def hasNextPage(self) -> bool:
        """Whether `nextPage` leads anywhere."""
        return self._following is not None

    async def prevPage(self) -> Paginator[T]:
        """Fetch the page before this one. `TwilioCompatError` "No previous page" where there is none."""
        if self._previous is None:
            raise TwilioCompatError("No previous page")
        return await self._previous()

    async def nextPage(self) -> Paginator[T]:
        """Fetch the page after this one. `TwilioCompatError` "No next page" where there is none."""
        if self._following is None:
            raise TwilioCompatError("No next page")
        return await self._following()


RestPaginator = Paginator
"""Twilio's name for the class, where `Paginator` is its interface."""


def pages_of(items: Sequence[T], size: int, start: int = 0) -> Paginator[T]:
    """Cut *items*, which are all there already, into pages of *size* and return the one from *start*."""

    def turn_to(place: int) -> Turn[T]:
        async def turn() -> Paginator[T]:
            return pages_of(items, size, place)

        return turn

    return Paginator(
        items[start : start + size],
        previous=turn_to(max(start - size, 0)) if start else None,
        following=turn_to(start + size) if start + size < len(items) else None,
    )
