"""Pages of messages. Twilio lists in one of two directions, from an end, 100 at a time, and gives no way to jump.

So a page in the middle is walked to from the end that is nearer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from twilio_backend import records
from twilio_backend.clients import Place
from twilio_backend.errors import translated
from twilio_backend.listing import PAGE_SIZE, pages
from twilio_compat.records import Direction, MessagePage, MessageRecord


async def page_of(place: Place, *, size: int, anchor: int | None, direction: Direction) -> MessagePage:
    """Return up to *size* messages of the list at *place*, from *anchor* on, as `Messages.page` does."""
    is_backwards = direction is Direction.BACKWARDS
    if anchor is None:
        return await _along(place, size, lambda index: True, is_backwards=is_backwards, is_anchored=False)
    is_along = await _is_nearer_to_the_end(place, anchor) is is_backwards
    inside: Callable[[int], bool] = (lambda i: i <= anchor) if is_backwards else (lambda i: i >= anchor)
    return await (_along if is_along else _against)(place, size, inside, is_backwards=is_backwards)


async def _is_nearer_to_the_end(place: Place, anchor: int) -> bool:
    with translated():
        page = await place.page_async(order="desc", page_size=1)
        newest = next((records.message(each).index for each in page), 0)
    return anchor > newest // 2


async def _along(
    place: Place, size: int, inside: Callable[[int], bool], *, is_backwards: bool, is_anchored: bool = True
) -> MessagePage:
    """Walk in the direction in which the page extends: past what is before it, until there is enough."""
    most = PAGE_SIZE if is_anchored else size + 1
    found: list[MessageRecord] = []
    is_passed = False
    async with aclosing(_walk(place, "desc" if is_backwards else "asc", most)) as walk:
        async for each in walk:
            if not inside(each.index):
                is_passed = True
                continue
            found.append(each)
            if len(found) > size:
                break
    return _page(found[:size], beyond=len(found) > size, before=is_passed, is_backwards=is_backwards)


async def _against(
    place: Place, size: int, inside: Callable[[int], bool], *, is_backwards: bool
) -> MessagePage:
    """Walk from the other end: all up to the anchor are of the page, or beyond it."""
    found: deque[MessageRecord] = deque(maxlen=size + 1)
    is_more = False
    async with aclosing(_walk(place, "asc" if is_backwards else "desc", PAGE_SIZE)) as walk:
        async for each in walk:
            if not inside(each.index):
                is_more = True
                break
            found.append(each)
    nearest = list(found)[::-1]
    return _page(nearest[:size], beyond=len(nearest) > size, before=is_more, is_backwards=is_backwards)


async def _walk(place: Place, order: str, most: int) -> AsyncGenerator[MessageRecord, None]:
    size = max(1, min(PAGE_SIZE, most))
    async with aclosing(pages(place, records.message, size=size, order=order)) as walk:
        async for page in walk:
            for each in page:
                yield each


def _page(found: Sequence[MessageRecord], *, beyond: bool, before: bool, is_backwards: bool) -> MessagePage:
    """Return a page of messages that were found from the anchor on; *beyond* it there are more, and *before* it."""
    items = tuple(sorted(found, key=lambda each: each.index))
    older, newer = (beyond, before) if is_backwards else (before, beyond)
    return MessagePage(items=items, has_older=older, has_newer=newer)
