"""The messages of one conversation: pages of them, sending, and the news.

A message that this client sends is announced as soon as the service has taken it, not when the event source
comes round to it. Still every message is announced once, and in order of index: `Announcements` holds a sent
message back while one before it may be missing, and forgets nothing that was told lately.

The client keeps the messages it met last, so that there is one object per message and edits reach it. As at
Twilio, an edit or deletion of a message the client never met is not announced.

How far each member has read is remembered, since that may be told before a message that they have read: while its
sender still waits for the answer, for one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from twilio_compat.message import Message, MessageUpdatedEventArgs
from twilio_compat.message_update import MessageUpdateReason, read_by_now
from twilio_compat.paginator import Paginator
from twilio_compat.records import Direction, LastMessage, MessageDraft, MessagePage, MessageRecord

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation
    from twilio_compat.session import Session

__all__ = ["Announcements", "Messages"]

KEPT: Final = 1000
"""How many messages of a conversation the client keeps, beyond those the application holds itself."""

_CATCH_UP_PAGE: Final = 100


class Announcements:
    """Which messages to announce: each once, and a sent one only when none before it can be missing. Pure."""

    def __init__(self, newest: int | None) -> None:
        """Begin where *newest* is the index of the newest message that needs no announcement; None: there is none."""
        self.newest = -1 if newest is None else newest
        """Highest index that exists as far as is known."""
        self._told: OrderedDict[int, None] = OrderedDict()
        self._held: dict[int, MessageRecord] = {}

    def sent(self, record: MessageRecord) -> list[MessageRecord]:
        """Take a message this client sent; return what to announce now."""
        if record.index <= self.newest:
            return []  # told already, or about to be reported
        self._held[record.index] = record
        return self._release()

    def exists(self, newest: int) -> None:
        """Learn that there is a message of index *newest*, which needs no announcement."""
        self.newest = max(self.newest, newest)

    def reported(self, record: MessageRecord) -> list[MessageRecord]:
        """Take a message the event source reports; return what to announce now."""
        self._held.pop(record.index, None)
        if record.index in self._told:
            return []
        self._tell(record.index)
        return [record, *self._release()]

    def _release(self) -> list[MessageRecord]:
        released = []
        while (record := self._held.pop(self.newest + 1, None)) is not None:
            self._tell(record.index)
            released.append(record)
        return released

    def _tell(self, index: int) -> None:
        self.newest = max(self.newest, index)
        self._told[index] = None
        if len(self._told) > KEPT:
            self._told.popitem(last=False)


class Messages:
    """The messages of one conversation, as one client knows them."""

    def __init__(self, session: Session, conversation: Conversation, last: LastMessage | None) -> None:
        """Begin after the message that is *last*; None: there is none yet."""
        self._session = session
        self._conversation = conversation
        self._announcements = Announcements(last.index if last else None)
        self._alive: WeakValueDictionary[int, Message] = WeakValueDictionary()
        self._kept: OrderedDict[int, Message] = OrderedDict()
        self._horizons: dict[str, int] = {}

    # Calls

    async def page(self, size: int, anchor: int | None, direction: Direction) -> Paginator[Message]:
        """Fetch the page of *size* messages that begins at *anchor*, itself included, and runs in *direction*."""
        session, sid = self._session, self._conversation.sid
        page = await session.backend.messages.page(
            session.actor, sid, size=size, anchor=anchor, direction=direction
        )
        lowest, highest = _bounds(page, anchor, direction)
        return Paginator(
            [self._meet(record) for record in page.items],
            previous=self._turn(size, lowest - 1, Direction.BACKWARDS) if page.has_older else None,
            following=self._turn(size, highest + 1, Direction.FORWARD) if page.has_newer else None,
        )

    def _turn(
        self, size: int, anchor: int, direction: Direction
    ) -> Callable[[], Awaitable[Paginator[Message]]]:
        async def turn() -> Paginator[Message]:
            return await self.page(size, anchor, direction)

        return turn

    async def send(self, draft: MessageDraft) -> int:
        """Send *draft*, announce it where its turn has come, and return its index."""
        session = self._session
        record = await session.backend.messages.create(session.actor, self._conversation.sid, draft)
        for each in self._announcements.sent(record):
            self._announce(each)
        return record.index

    async def catch_up(self, newest: int) -> None:
        """Fetch and announce what was sent since the last announcement, up to *newest*."""
        session, sid = self._session, self._conversation.sid
        while (known := self._announcements.newest) < newest:
            page = await session.backend.messages.page(
                session.actor, sid, size=_CATCH_UP_PAGE, anchor=known + 1, direction=Direction.FORWARD
            )
            for record in page.items:
                self.added(record)
            if not page.has_newer:
                return

    @property
    def newest(self) -> int:
        """Index of the newest message known of; -1 where there is none."""
        return self._announcements.newest

    def met(self, index: int) -> Message | None:
        """Return a message from memory, if it is there."""
        return self._alive.get(index)

    # News

    def begin_after(self, newest: int | None) -> None:
        """Regard the messages up to *newest* as history."""
        if newest is not None:
            self._announcements.exists(newest)

    def added(self, record: MessageRecord) -> None:
        """Announce a message the event source reports, unless that was done."""
        for each in self._announcements.reported(record):
            self._announce(each)

    def updated(self, record: MessageRecord) -> None:
        """Announce an edit of a message this client has met."""
        message = self._alive.get(record.index)
        if message is not None:
            self._announce_update(message, message._take(read_by_now(record, self._horizons)))

    def read_up_to(self, participant_sid: str, index: int | None) -> None:
        """Announce what changes in the receipts of messages met, now that a member has read up to *index*."""
        if index is None:
            self._horizons.pop(participant_sid, None)
        else:
            self._horizons[participant_sid] = index
        for message in sorted(self._alive.values(), key=lambda each: each.index):
            self._announce_update(message, message._read_up_to(participant_sid, index))

    def removed(self, index: int) -> None:
        """Announce the deletion of a message this client has met."""
        message = self._alive.pop(index, None)
        self._kept.pop(index, None)
        if message is not None:
            self._conversation._standing.announce("messageRemoved", message)

    def _announce_update(self, message: Message, reasons: list[MessageUpdateReason]) -> None:
        if reasons:
            change = MessageUpdatedEventArgs(message=message, updateReasons=reasons)
            message.emit("updated", change)
            self._conversation._standing.announce("messageUpdated", change)

    def _announce(self, record: MessageRecord) -> None:
        self._conversation._standing.participants.wrote(record.author)
        self._conversation._standing.announce("messageAdded", self._meet(record))
        self._conversation._standing.message_added(
            LastMessage(index=record.index, date_created=record.date_created)
        )

    def _meet(self, record: MessageRecord) -> Message:
        """Return the one object of a message, brought up to date."""
        self.updated(record)
        message = self._alive.get(record.index)
        if message is None:
            newest = read_by_now(record, self._horizons)
            message = self._alive[record.index] = Message(self._session, self._conversation, newest)
        self._kept[record.index] = message
        self._kept.move_to_end(record.index)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return message


def _bounds(page: MessagePage, anchor: int | None, direction: Direction) -> tuple[int, int]:
    """Return the lowest and highest index of a page; of an empty one, the gap its anchor fell into."""
    if page.items:
        return page.items[0].index, page.items[-1].index
    gap = anchor or 0
    return (gap, gap) if direction is Direction.FORWARD else (gap + 1, gap)
