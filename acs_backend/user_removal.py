"""Deleting a user: out of all conversations, and no user of the service any more.

The order of the steps lets a removal that was broken off be done again: as long as somebody is a user, they can be
deleted. Who is added to a conversation meanwhile, by whichever process, is either taken out of it as well, since their
threads are listed once more at the end, or is a user again, since whoever adds them says so after it was done.

What a native client holds of a deleted user is worth nothing: their tokens are revoked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from acs_backend.clients import AcsUser
from acs_backend.conversations import Conversations
from acs_backend.identities import Identities
from acs_backend.participants import Participants
from acs_backend.reachability import Reachability
from acs_backend.store import identities as table
from acs_backend.store import push_registrations
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.identities import IdentityRow
from acs_backend.times import later, to_milliseconds

AT_ONCE = 8
"""Conversations that are left at the same time."""


class UserRemoval:
    """Takes users away."""

    def __init__(
        self,
        database: Database,
        identities: Identities,
        conversations: Conversations,
        participants: Participants,
        reachability: Reachability,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Combine these parts; *clock* tells the time for dates."""
        self._database = database
        self._identities = identities
        self._conversations = conversations
        self._participants = participants
        self._reachability = reachability
        self._clock = clock

    async def remove(self, row: IdentityRow) -> None:
        """Remove the user that *row* is of. Raises the port's errors; doing it again goes on from there."""
        user = self._identities.by_acs_id(row.acs_id)
        await self._leave_all(user)
        if row.native:
            await self._identities.revoke_tokens(row.acs_id)
        await self._forget(row)
        await self._leave_all(user)

    async def _leave_all(self, user: AcsUser) -> None:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def leave(conversation: Conversation) -> None:
            async with at_once:
                await self._participants.leave(user, conversation)

        rows = await self._conversations.rows_of(user)
        outcomes = await asyncio.gather(*map(leave, rows), return_exceptions=True)
        for failure in filter(None, outcomes):
            raise failure

    async def _forget(self, row: IdentityRow) -> None:
        now = to_milliseconds(self._clock())
        async with self._database.write() as connection:
            current = await table.find(connection, row.identity) or row
            plain = replace(
                current,
                friendly_name=current.identity,
                attributes={},
                role_sid=None,
                updated_at=later(current.updated_at or current.created_at, now),
                deleted_at=now,
            )
            await table.save(connection, plain)
            await push_registrations.remove_all(connection, row.identity)
            await self._reachability.tell(connection, plain)
