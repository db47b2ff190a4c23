"""Walking through lists, page by page, by the links that Twilio gives: pages are not numbered, so there is no jumping."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, TypeVar

from twilio_backend.clients import Place
from twilio_backend.errors import translated

T = TypeVar("T")

PAGE_SIZE: Final = 100
"""The most that Twilio gives at once."""


async def every(place: Place, read: Callable[[Any], T]) -> list[T]:
    """Return all that is in a list, in Twilio's order."""
    return [each async for page in pages(place, read) for each in page]


async def pages(
    place: Place, read: Callable[[Any], T], *, size: int = PAGE_SIZE, **filters: object
) -> AsyncGenerator[list[T], None]:
    """Yield a list's pages, each when it is asked for."""
    with translated():
        page = await place.page_async(page_size=size, **filters)
        found = [read(each) for each in page]
    while True:
        yield found
        with translated():
            page = await page.next_page_async()
            if page is None:
                return
            found = [read(each) for each in page]
