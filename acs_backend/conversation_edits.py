"""Changing a conversation's row, and keeping the topic of its thread in step with its friendly name.

Theory of operation
-------------------
A friendly name is the store's, and the thread's topic shows it to native ACS clients; those may change the topic,
which is then the friendly name. Store and service cannot be changed in one transaction, and whoever looks in between
must not take our own change for theirs. So a change of the friendly name has three steps:

1. *announce*: the store notes the coming name (``next_topic``; the empty text stands for none);
2. the topic is changed at ACS;
3. *write*: the store has the name and the topic, the note is gone, and the change feed tells it.

Somebody who sees a topic that the store does not have *observes* it: if it is the one announced, step 3 is done in
its stead, which heals what a process left that died after step 2; doing it twice changes nothing. Any other topic is
a native client's. A note whose step 2 never happened is harmless: it only says whose a topic would be.

A topic that was asked for a while ago says nothing about now. An observation therefore counts only where the row, read
before the topic was asked for, still says the same of both names when it is written. Where two announcements cross,
either topic may be the last; who wrote last looks again, and observes.

Only one transaction writes at a time and each reads the row it changes, so changes of different fields all survive.
``updated_at`` grows with every change of a row, whatever the clocks say: it tells which of two states is the newer one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import change_contents, timers
from acs_backend.checks import changed
from acs_backend.sids import conversation_sid
from acs_backend.store import changes as feed
from acs_backend.store import conversations as table
from acs_backend.store import messages
from acs_backend.store.changes import Kind
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.times import later, to_milliseconds
from twilio_compat.errors import ConflictError, NotFoundError
from twilio_compat.records import UNCHANGED, ConversationChanges, ConversationDraft, Timers, Unchanged
from twilio_compat.sameness import same

PLACEHOLDER_TOPIC = "Conversation"
"""Topic of a thread whose conversation has neither a friendly nor a unique name; ACS refuses an empty one."""


def topic_of(friendly_name: str | None, unique_name: str | None) -> str:
    """Return the topic for a conversation with these names."""
    return friendly_name or unique_name or PLACEHOLDER_TOPIC


def made(thread_id: str, draft: ConversationDraft, *, topic: str, created_by: str, now: int) -> Conversation:
    """Return the row of a conversation whose thread was just made."""
    row = Conversation(
        sid=conversation_sid(thread_id) if draft.sid is None else draft.sid,
        thread_id=thread_id,
        unique_name=draft.unique_name or None,
        friendly_name=draft.friendly_name or None,
        topic=topic,
        attributes=draft.attributes,
        created_by=created_by,
        created_at=now if draft.date_created is None else to_milliseconds(draft.date_created),
        updated_at=now,
        state=draft.state,
        state_updated_at=now,
        native=False,
        deleted_at=None,
        inactive_after=draft.timers.inactive,
        closed_after=draft.timers.closed,
        extras=draft.extras,
        date_updated=None if draft.date_updated is None else to_milliseconds(draft.date_updated),
        quiet_after=0 if draft.state == "inactive" else None,
    )
    return timers.scheduled(row)


def edited(
    row: Conversation, changes: ConversationChanges, *, topic: str | None, now: int, newest: int = 0
) -> Conversation:
    """Return *row* with *changes*, and with the topic that ACS now has (None: as before); dates move with them.

    *newest* is the id of the newest message, or 0.
    """
    new = replace(
        row,
        unique_name=changed(changes.unique_name, row.unique_name) or None,
        friendly_name=changed(changes.friendly_name, row.friendly_name) or None,
        attributes=changed(changes.attributes, row.attributes),
        created_at=_milliseconds(changes.date_created, row.created_at),
        extras={**row.extras, **changed(changes.extras, {})},
    )
    if topic is not None:
        is_ours = row.next_topic == (new.friendly_name or "")
        new = replace(new, topic=topic, next_topic=None if is_ours else row.next_topic)
    new = _moved(new, changes, newest=newest, now=now)
    is_same = new == row and same(new.attributes, row.attributes) and same(new.extras, row.extras)
    if is_same and changes.date_updated is UNCHANGED:
        return row
    shown = None if changes.date_updated is UNCHANGED else to_milliseconds(changes.date_updated)
    return replace(new, updated_at=later(row.updated_at, now), date_updated=shown)


def _moved(row: Conversation, changes: ConversationChanges, *, newest: int, now: int) -> Conversation:
    """Return *row* with its timers and state changed."""
    given = Timers(inactive=row.inactive_after, closed=row.closed_after)
    wanted = changed(changes.timers, given)
    if wanted != given:
        timed = replace(row, inactive_after=wanted.inactive, closed_after=wanted.closed)
        row = timers.scheduled(timed, newest)
    state = changed(changes.state, row.state)
    return row if state == row.state else timers.into(row, state, newest=newest, now=now)


def _milliseconds(time: datetime | Unchanged, old: int) -> int:
    return old if isinstance(time, Unchanged) else to_milliseconds(time)


def renamed(row: Conversation, topic: str, *, now: int) -> Conversation:
    """Return *row* once ACS was seen to have another topic: the one that was announced, or a native client's."""
    announced = row.next_topic is not None and topic == topic_of(row.next_topic, row.unique_name)
    name = row.next_topic or None if announced else topic
    kept = None if announced else row.next_topic
    return replace(
        row,
        topic=topic,
        friendly_name=name,
        next_topic=kept,
        updated_at=later(row.updated_at, now),
        date_updated=None,
    )


@dataclass(frozen=True, slots=True)
class Edits:
    """Writes the rows of conversations; *clock* tells the time for dates."""

    database: Database
    clock: Callable[[], datetime]

    async def announce(self, thread_id: str, changes: ConversationChanges) -> bool:
        """Note the name that is about to come; say whether another one is on its way. Errors as `write`."""
        async with self.database.write() as connection:
            row = await _open(connection, thread_id)
            await _check_free(connection, row, changes)
            await table.save(connection, replace(row, next_topic=_announced(changes)))
        return row.next_topic is not None

    async def withdraw(self, thread_id: str, changes: ConversationChanges) -> None:
        """Take the note back: the topic was certainly not changed."""
        async with self.database.write() as connection:
            row = existing(await table.by_thread(connection, thread_id))
            if row.next_topic == _announced(changes):
                await table.save(connection, replace(row, next_topic=None))

    async def write(
        self, thread_id: str, changes: ConversationChanges, *, topic: str | None = None
    ) -> Conversation:
        """Change a row. `ConflictError` 50353 (name taken), 50377 (closed); `NotFoundError` 50350."""
        async with self.database.write() as connection:
            row = await _open(connection, thread_id)
            await _check_free(connection, row, changes)
            newest = (await messages.newest_ids(connection, [thread_id]))[thread_id]
            new = edited(row, changes, topic=topic, now=self._now(), newest=newest)
            return await self._save(connection, row, new)

    async def observe(self, row: Conversation, topic: str) -> Conversation:
        """Take note of the topic that ACS had after *row* was read; return the row as it is then."""
        if topic == row.topic:
            return row
        async with self.database.write() as connection:
            current = existing(await table.by_thread(connection, row.thread_id))
            if (current.topic, current.next_topic) != (row.topic, row.next_topic):
                return current
            return await self._save(connection, current, renamed(current, topic, now=self._now()))

    async def _save(self, connection: AsyncConnection, old: Conversation, new: Conversation) -> Conversation:
        if new != old or not same(new.attributes, old.attributes) or not same(new.extras, old.extras):
            await table.save(connection, new)
            content = change_contents.of_conversation(new)
            await feed.add(
                connection, Kind.CONVERSATION, now=self._now(), thread_id=new.thread_id, content=content
            )
        return new

    def _now(self) -> int:
        return to_milliseconds(self.clock())


def existing(row: Conversation | None) -> Conversation:
    """Return a row that is there and not deleted. `NotFoundError` 50350."""
    if row is None or row.deleted_at is not None:
        raise NotFoundError("Conversation not found", code=50350)
    return row


def check_open(row: Conversation) -> None:
    """Refuse to change what is closed, which is final at Twilio. `ConflictError` 50377."""
    if row.state == "closed":
        raise ConflictError("Can't update conversation as it's in final closed state", code=50377)


def name_taken() -> ConflictError:
    """Return the error of a unique name that another conversation has."""
    return ConflictError("Conversation with provided unique name already exists", code=50353)


def sid_taken() -> ConflictError:
    """Return the error of a sid that another conversation has."""
    return ConflictError("Conversation with provided SID already exists", code=50353)


def _announced(changes: ConversationChanges) -> str:
    return changed(changes.friendly_name, None) or ""


async def _open(connection: AsyncConnection, thread_id: str) -> Conversation:
    row = existing(await table.by_thread(connection, thread_id))
    check_open(row)
    return row


async def _check_free(connection: AsyncConnection, row: Conversation, changes: ConversationChanges) -> None:
    wanted = changed(changes.unique_name, None)
    other = await table.by_unique_name(connection, wanted) if wanted else None
    if other is not None and other.thread_id != row.thread_id:
        raise name_taken()
