"""What a conversation is to one of its members alone: the read horizon and the notification level.

ACS knows neither (its read receipts carry no unread count, and end at 20 members), so both are in the member's row.
Unread are the messages with an index above the horizon that are there: those deleted do not count. Without a horizon
there is no count, as at Twilio.

A count takes a ledger that is up to date. Where nobody can have written past this process, it is; otherwise ACS is
asked once, which also tells whether the actor is a member.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from acs_backend import authority
from acs_backend.checks import changed, check_horizon
from acs_backend.clients import AcsUser
from acs_backend.conversations import Conversations
from acs_backend.errors import Subject, translated
from acs_backend.identities import Identities
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.recorder import Recorder
from acs_backend.member_edits import MemberEdits, stood
from acs_backend.read_receipts import ReadReceipts
from acs_backend.roles import Permission, Roles
from acs_backend.sids import participant_sid
from acs_backend.store import messages as ledger_table
from acs_backend.store import participants as table
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.participants import Participant
from twilio_compat.errors import ForbiddenError
from twilio_compat.records import UNCHANGED, Actor, UserConversationChanges, UserConversationRecord

GLANCE = 20
"""Entries of a thread that a look at what is new asks for."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A user in a conversation."""

    user: AcsUser
    conversation: Conversation
    row: Participant | None

    @property
    def thread_id(self) -> str:
        return self.conversation.thread_id


class UserConversations:
    """The port's user conversations."""

    def __init__(
        self,
        database: Database,
        identities: Identities,
        conversations: Conversations,
        ledger: Ledger,
        recorder: Recorder,
        receipts: ReadReceipts,
        roles: Roles,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep them in *database*; *clock* tells the time for dates."""
        self._database = database
        self._identities = identities
        self._conversations = conversations
        self._ledger = ledger
        self._recorder = recorder
        self._receipts = receipts
        self._roles = roles
        self._edits = MemberEdits(database, clock)

    async def get(self, actor: Actor, conversation_sid: str) -> UserConversationRecord:
        """Tell it. `NotFoundError` 50350, `ForbiddenError` 50430."""
        place = await self._enter(actor, conversation_sid)
        return await self._record(place.user, place.conversation, place.row)

    async def update(
        self, actor: Actor, conversation_sid: str, changes: UserConversationChanges
    ) -> UserConversationRecord:
        """Change it and tell the outcome; errors as `get`, and `TwilsockUpstreamError` 50421."""
        check_horizon(changed(changes.last_read_message_index, None))
        place = await self._enter(actor, conversation_sid)
        if changes.notification_level is not UNCHANGED:
            await authority.check_member(
                self._roles, actor, place.user.id, place.conversation, Permission.EDIT_NOTIFICATION_LEVEL
            )
        row = await self._edits.edit(
            place.conversation, place.user.id, lambda old, now: stood(old, changes, now)
        )
        if row != place.row:
            await self._receipts.pass_on(place.user, place.thread_id, place.row, row)
        return await self._record(place.user, place.conversation, row)

    async def _enter(self, actor: Actor, sid: str) -> _Place:
        """Bring the ledger up to date, and make sure that the actor is a member, which the account never is."""
        if authority.is_account(actor):
            raise ForbiddenError("Participant is not a member of conversation", code=50430)
        user = await self._identities.acting(actor)
        conversation = await self._conversations.find(actor, sid)
        row = await self._own(user, conversation)
        if row is None or not await self._recorder.is_complete(conversation.thread_id):
            with translated(Subject.CONVERSATION):
                await self._ledger.catch_up(user, conversation.thread_id, size=GLANCE)
        return _Place(user, conversation, row)

    async def _own(self, user: AcsUser, conversation: Conversation) -> Participant | None:
        async with self._database.read() as connection:
            own = await table.of_user(connection, user.id, [conversation.thread_id])
        return own.get(conversation.thread_id)

    async def _record(
        self, user: AcsUser, conversation: Conversation, row: Participant | None
    ) -> UserConversationRecord:
        horizon = None if row is None else row.last_read_index
        unread = None
        if horizon is not None:
            async with self._database.read() as connection:
                unread = await ledger_table.count(connection, conversation.thread_id, above=horizon)
        return UserConversationRecord(
            conversation_sid=conversation.sid,
            unread_messages_count=unread,
            last_read_message_index=horizon,
            notification_level=(None if row is None else row.notification_level) or "default",
            participant_sid=participant_sid(conversation.thread_id, user.id) if row is None else row.sid,
        )
