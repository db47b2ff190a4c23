"""Threads that another ACS client made become conversations as soon as one of their members looks: they are adopted.

That gives a thread a row in the store, with its topic as the friendly name and whoever made it as the creator: their
identity, or the ACS id of somebody who never came through this library.

A thread of the steward's that has no row is one that is being made, or that was left by a process that died while it
made it. It is nobody's conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from acs_backend.clients import AcsUser
from acs_backend.conversation_edits import PLACEHOLDER_TOPIC
from acs_backend.errors import Subject, translated
from acs_backend.identities import Identities
from acs_backend.retries import Retries
from acs_backend.store import conversations as table
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.threads import Threads
from acs_backend.times import to_milliseconds
from twilio_compat.errors import ForbiddenError, NotFoundError

ADOPTIONS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Adoption:
    """Makes the rows that are missing."""

    database: Database
    threads: Threads
    identities: Identities
    retries: Retries

    async def rows(self, user: AcsUser, thread_ids: Sequence[str]) -> dict[str, Conversation]:
        """Return the rows of the user's threads by thread id, adopting those that have none, without those deleted."""
        async with self.database.read() as connection:
            rows = await table.by_threads(connection, thread_ids)
        strangers = [each for each in thread_ids if each not in rows]
        for start in range(0, len(strangers), ADOPTIONS_AT_ONCE):
            batch = strangers[start : start + ADOPTIONS_AT_ONCE]
            adopted = await asyncio.gather(*(self._adopt(user, each) for each in batch))
            rows |= {row.thread_id: row for row in adopted if row is not None}
        return {thread_id: row for thread_id, row in rows.items() if row.deleted_at is None}

    async def _adopt(self, user: AcsUser, thread_id: str) -> Conversation | None:
        """Make a row for a thread; None if the user lost it meanwhile, or it is the steward's."""
        try:
            with translated(Subject.CONVERSATION):
                thread = await self.retries.idempotent(lambda: self.threads.properties(user, thread_id))
        except (ForbiddenError, NotFoundError):
            return None
        maker = thread.created_by.raw_id
        names = await self.identities.names([maker])
        if maker not in names:  # the steward's
            return None
        row = table.adopted(
            thread_id,
            topic=thread.topic or PLACEHOLDER_TOPIC,
            created_by=names[maker],
            created_at=to_milliseconds(thread.created_on),
        )
        async with self.database.write() as connection:
            await table.add(connection, row)
            return await table.by_thread(connection, thread_id)
