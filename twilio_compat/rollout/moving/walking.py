"""Reading all messages of a conversation, oldest first, some at a time.

A backend whose pages cannot begin anywhere, as Twilio's, has a way of its own (`Walks`): there, page after page would mean
to walk to each one from an end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, Protocol, runtime_checkable

from twilio_compat.records import Actor, Direction, MessageRecord
from twilio_compat.rollout.place import Place

SIZE: Final = 100
"""Messages that are read at a time."""


@runtime_checkable
class Walks(Protocol):
    """Messages that can be walked through."""

    def walk(self, actor: Actor, conversation_sid: str) -> AsyncGenerator[Sequence[MessageRecord], None]:
        """Yield all messages, oldest first, as many at a time as come at once. Errors as `Messages.page`."""


async def batches(place: Place) -> AsyncGenerator[Sequence[MessageRecord], None]:
    """Yield all messages at a place, in public names."""
    messages, actor = place.backend.messages, place.account
    found = messages.walk(actor, place.sid) if isinstance(messages, Walks) else _paged(place, actor)
    async with aclosing(found) as walk:
        async for batch in walk:
            yield [place.public.message(each) for each in batch]


async def each_message(place: Place) -> AsyncGenerator[MessageRecord, None]:
    """Yield them one by one."""
    async with aclosing(batches(place)) as walk:
        async for batch in walk:
            for each in batch:
                yield each


async def newest_index(place: Place) -> int:
    """Return the public index of the newest message at a place; -1 without any."""
    page = await place.backend.messages.page(
        place.account, place.sid, size=1, anchor=None, direction=Direction.BACKWARDS
    )
    return max((each.index for each in place.public.page(page).items), default=-1)


async def _paged(place: Place, actor: Actor) -> AsyncGenerator[Sequence[MessageRecord], None]:
    anchor: int | None = None
    while True:
        page = await place.backend.messages.page(
            actor, place.sid, size=SIZE, anchor=anchor, direction=Direction.FORWARD
        )
        yield page.items
        if not page.has_newer or not page.items:
            return
        anchor = page.items[-1].index + 1
