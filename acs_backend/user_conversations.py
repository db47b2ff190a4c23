"""What a conversation is to one of its members alone: the read horizon and the notification level.

ACS knows neither (its read receipts carry no unread count, and end at 20 members), so both are in the member's row.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from acs_backend.conversations import Conversations
from acs_backend.event_sources.hub import Hub
from acs_backend.identities import Identities
from acs_backend.store.database import Database


class UserConversations:
    """The port's user conversations."""

    def __init__(
        self,
        database: Database,
        identities: Identities,
        conversations: Conversations,
        hub: Hub,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep them in *database*; *clock* tells the time for dates."""
        self._database = database
        self._identities = identities
        self._conversations = conversations
        self._hub = hub
        self._clock = clock
