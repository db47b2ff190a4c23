"""What conversations are to the acting user, at whichever side has the authority."""

from __future__ import annotations

from dataclasses import replace

from twilio_compat.records import Actor, Unchanged, UserConversationChanges, UserConversationRecord
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.place import Place


class RolloutUserConversations:
    """`UserConversations` over both sides. The mirror is told of a read horizon, not of the notification level."""

    def __init__(self, office: Office) -> None:
        """Ask *office* for where a conversation is."""
        self._office = office

    async def get(self, actor: Actor, conversation_sid: str) -> UserConversationRecord:
        """As `UserConversations.get`."""

        async def get(place: Place) -> UserConversationRecord:
            record = await place.backend.user_conversations.get(actor, place.sid)
            return place.public.user_conversation(record)

        return await self._office.read(conversation_sid, "user_conversations.get", get)

    async def update(
        self, actor: Actor, conversation_sid: str, changes: UserConversationChanges
    ) -> UserConversationRecord:
        """As `UserConversations.update`."""
        async with self._office.writing(conversation_sid, "participant") as writing:
            place = writing.place
            horizon = changes.last_read_message_index
            if not isinstance(horizon, Unchanged):
                horizon = place.there.horizon(horizon)
            with self._office.measured(place, "user_conversations.update"):
                record = await place.backend.user_conversations.update(
                    actor, place.sid, replace(changes, last_read_message_index=horizon)
                )
            changed = place.public.user_conversation(record)
            writing.made(changed.participant_sid)
            return changed
