"""What a conversation is to the acting user: read horizon and notification level."""

from __future__ import annotations

from typing import Any

from twilio_backend import records
from twilio_backend.authority import Authority, is_account
from twilio_backend.clients import segment
from twilio_backend.errors import not_a_member, translated
from twilio_backend.tenancy import Tenancy
from twilio_compat.errors import NotFoundError
from twilio_compat.records import UNCHANGED, Actor, UserConversationChanges, UserConversationRecord


class UserConversations:
    """The port's user conversations."""

    def __init__(self, tenancy: Tenancy, guard: Authority) -> None:
        """Of the service of *tenancy*, where *guard* says who may do what."""
        self._root = tenancy.root
        self._guard = guard

    async def get(self, actor: Actor, conversation_sid: str) -> UserConversationRecord:
        """Tell it. `NotFoundError` 50350, `ForbiddenError` 50430."""
        place = await self._place(actor, conversation_sid)
        try:
            with translated():
                return records.user_conversation(await place.fetch_async())
        except NotFoundError:
            await self._explain(conversation_sid)
            raise

    async def update(
        self, actor: Actor, conversation_sid: str, changes: UserConversationChanges
    ) -> UserConversationRecord:
        """Change it; errors as `get`. To never lower the horizon it is read before, so that of two at once one may."""
        old = await self.get(actor, conversation_sid)
        if changes.notification_level is not UNCHANGED:
            await self._guard.enter(actor, conversation_sid, "editNotificationLevel")
        given = _changed(changes, old)
        if not given:
            return old
        place = await self._place(actor, conversation_sid)
        with translated():
            return records.user_conversation(await place.update_async(**given))

    async def _place(self, actor: Actor, conversation_sid: str) -> Any:
        self._guard.check_token(actor)
        if is_account(actor):
            await self._explain(conversation_sid)
        return self._root.users(segment(actor.identity)).user_conversations(segment(conversation_sid))

    async def _explain(self, conversation_sid: str) -> None:
        """Raise what it is that somebody has no such conversation."""
        with translated():
            await self._root.conversations(segment(conversation_sid)).fetch_async()
        raise not_a_member()


def _changed(changes: UserConversationChanges, old: UserConversationRecord) -> dict[str, object]:
    given: dict[str, object] = {}
    index = changes.last_read_message_index
    if index is not UNCHANGED and not (
        changes.advance_only and (index or 0) <= (old.last_read_message_index or -1)
    ):
        given["last_read_message_index"] = "null" if index is None else index
    if changes.notification_level is not UNCHANGED:
        given["notification_level"] = changes.notification_level
    return given
