"""Conversations that are gone: deleted through this library, past it, or by a process that died on the way.

ACS answers 404 for a deleted thread to those who were its members. From one that answers 403, somebody was removed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from acs_backend.clients import AcsUser
from acs_backend.errors import Subject, translated
from acs_backend.identities import Identities
from acs_backend.retries import Retries
from acs_backend.store import changes as feed
from acs_backend.store import conversations as table
from acs_backend.store.changes import Kind
from acs_backend.store.database import Database
from acs_backend.threads import Threads
from acs_backend.times import to_milliseconds
from twilio_compat.errors import ForbiddenError, NotFoundError


@dataclass(frozen=True, slots=True)
class Deletions:
    """Finds out which conversations are gone, and writes it down; *clock* tells the time for that."""

    database: Database
    threads: Threads
    identities: Identities
    retries: Retries
    clock: Callable[[], datetime]

    async def was_deleted(self, user: AcsUser, thread_id: str) -> bool:
        """Say whether a thread that the user does not see any more is gone for everyone."""
        async with self.database.read() as connection:
            row = await table.by_thread(connection, thread_id)
        return (row is not None and row.deleted_at is not None) or await self._is_gone(user, thread_id)

    async def is_gone(self, thread_id: str) -> bool:
        """Say whether a thread is gone that was the steward's. `DirectModeError` in direct mode."""
        return await self._is_gone(await self.identities.steward(), thread_id)

    async def mark(self, thread_id: str) -> None:
        """Note that a conversation is gone, and have every process look at it."""
        now = to_milliseconds(self.clock())
        async with self.database.write() as connection:
            await table.mark_deleted(connection, thread_id, now)
            await feed.add(connection, Kind.MEMBERSHIP, now=now, thread_id=thread_id)

    async def _is_gone(self, user: AcsUser, thread_id: str) -> bool:
        try:
            with translated(Subject.CONVERSATION):
                await self.retries.idempotent(lambda: self.threads.properties(user, thread_id))
        except (ForbiddenError, NotFoundError) as error:
            return isinstance(error, NotFoundError)
        return False
