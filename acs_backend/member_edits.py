"""Changing what the store has on a member: attributes, role, read horizon, notification level.

A member whom another ACS client added has no row until the first change makes one. Each change is written, and added
to the feed, in the transaction that read the row, so that none is lost and none is told that others cannot see:
a notification level is told to the member alone.

Only ``updated_at`` dates the attributes and the role. A read horizon has a date of its own, which grows with every
move, whatever the clocks say, and stays when the horizon is taken away: a read receipt from before that is no news.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend import change_contents, records
from acs_backend.checks import changed
from acs_backend.store import changes as feed
from acs_backend.store import participants as table
from acs_backend.store.changes import Kind
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.participants import Participant
from acs_backend.times import later, to_milliseconds
from twilio_compat.records import UNCHANGED, ParticipantChanges, Unchanged, UserConversationChanges
from twilio_compat.sameness import same

Edit = Callable[[Participant, int], Participant]
"""From a row, and the time, to what it becomes."""


def edited(row: Participant, changes: ParticipantChanges, now: int) -> Participant:
    """Return *row* with *changes*."""
    new = replace(
        _moved(row, changes, now),
        attributes=changed(changes.attributes, row.attributes),
        role_sid=changed(changes.role_sid, row.role_sid),
        date_created=_milliseconds(changes.date_created, row.date_created),
    )
    if new == row and same(new.attributes, row.attributes) and changes.date_updated is UNCHANGED:
        return row
    shown = _milliseconds(changes.date_updated, None)
    return replace(new, updated_at=later(row.updated_at, now), date_updated=shown)


def _moved(row: Participant, changes: ParticipantChanges, now: int) -> Participant:
    """Return *row* with the read horizon that the account says, and the time that it says, if it says any."""
    new = _read_to(row, changed(changes.last_read_message_index, row.last_read_index), now)
    return replace(new, last_read_at=_milliseconds(changes.last_read_timestamp, new.last_read_at))


def _milliseconds(time: datetime | Unchanged, old: int | None) -> int | None:
    return old if isinstance(time, Unchanged) else to_milliseconds(time)


def stood(row: Participant, changes: UserConversationChanges, now: int) -> Participant:
    """Return *row* with a read horizon and a notification level changed."""
    level = changed(changes.notification_level, row.notification_level)
    return replace(_read_to(row, _horizon(row, changes), now), notification_level=level)


def reading(index: int, read_at: int) -> Edit:
    """Return what a read receipt does, which says that a member had read the message *index* at *read_at*."""

    def edit(row: Participant, now: int) -> Participant:
        is_news = index > _or(row.last_read_index, -1) and read_at > _or(row.last_read_at, 0)
        return _read_to(row, index, read_at) if is_news else row

    return edit


@dataclass(frozen=True, slots=True)
class MemberEdits:
    """Writes the rows of members; *clock* tells the time for dates."""

    database: Database
    clock: Callable[[], datetime]

    async def edit(self, conversation: Conversation, acs_id: str, edit: Edit) -> Participant:
        """Change the row of a member, in a transaction of its own, and return it."""
        async with self.database.write() as connection:
            return await self.edit_in(connection, conversation, acs_id, edit)

    async def edit_in(
        self, connection: AsyncConnection, conversation: Conversation, acs_id: str, edit: Edit
    ) -> Participant:
        """Change the row of a member as part of a transaction, and return it."""
        now, thread_id = to_milliseconds(self.clock()), conversation.thread_id
        old = (await table.of_user(connection, acs_id, [thread_id])).get(thread_id)
        old = old or records.without_row(conversation, acs_id)
        new = edit(old, now)
        if new == old:
            return old
        await table.save(connection, new)
        if change_contents.of_participant(new) != change_contents.of_participant(old):
            told = change_contents.of_participant(new)
            await feed.add(
                connection, Kind.PARTICIPANT, now=now, thread_id=thread_id, acs_id=acs_id, content=told
            )
        if new.notification_level != old.notification_level:
            own = change_contents.of_standing(conversation, new)
            await feed.add(
                connection, Kind.CONVERSATION, now=now, thread_id=thread_id, acs_id=acs_id, content=own
            )
        return new


def _horizon(row: Participant, changes: UserConversationChanges) -> int | None:
    """Return where the horizon goes. One that only advances counts from 0 where there is none, as at Twilio."""
    wanted = changed(changes.last_read_message_index, row.last_read_index)
    if changes.advance_only and wanted is not None and wanted < _or(row.last_read_index, 0):
        return row.last_read_index
    return wanted


def _read_to(row: Participant, index: int | None, now: int) -> Participant:
    if index == row.last_read_index:
        return row
    return replace(row, last_read_index=index, last_read_at=later(_or(row.last_read_at, 0), now))


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
