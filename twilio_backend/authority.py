"""Who may do what. Twilio's REST API knows no acting user, so what its chat service checks of users is checked here.

The account may do everything. A user must be a participant, or have made the conversation; and who has signed in with a
token also needs a role that allows it, as at Twilio. Whoever the account acts for is bound by no role.

Two reads come before such a user's call: of their participant, and, when they are older than `twilio_backend.roles.RECENT`, of the roles. So
a role that changes, unlike a membership that ends, counts a few seconds later. REST does not tell who made a conversation
but to its participants, so somebody who made one and has not joined it is known to the backend that made it alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Final

from twilio_backend import records
from twilio_backend.clients import Place, segment
from twilio_backend.errors import not_a_member, translated, unauthorized
from twilio_backend.roles import Roles
from twilio_compat.errors import NotFoundError, TokenError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ActorKind,
    ConversationChanges,
    ConversationDraft,
    MessageChanges,
    MessageDraft,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
    Timers,
)

_MADE: Final = 10_000
"""Conversations of which it is remembered who made them."""


def is_account(actor: Actor) -> bool:
    """Say whether it is the account itself that acts."""
    return actor.kind is ActorKind.ACCOUNT


def webhooks(actor: Actor) -> str:
    """Return what tells Twilio whether to call webhooks: of what users do it always does."""
    return "true" if actor.kind is ActorKind.BEARER or actor.tells_webhooks else "false"


class Authority:
    """Checks, for one service."""

    def __init__(
        self, root: Place, roles: Roles, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Look in the service at *root*."""
        self._root = root
        self._roles = roles
        self._now = now
        self._made: OrderedDict[str, str] = OrderedDict()

    def note_creator(self, conversation_sid: str, identity: str) -> None:
        """Remember who made a conversation."""
        self._made[conversation_sid] = identity
        while len(self._made) > _MADE:
            self._made.popitem(last=False)

    def creator(self, conversation_sid: str) -> str | None:
        """Return who made a conversation, if that is remembered."""
        return self._made.get(conversation_sid)

    def check_token(self, actor: Actor) -> None:
        """Refuse (`TokenError` 20104) whose token has ended."""
        if actor.kind is ActorKind.BEARER and actor.expires_at <= self._now():
            raise TokenError("Access Token expired or expiration date invalid", code=20104)

    async def enter(self, actor: Actor, conversation_sid: str, *needed: str) -> ParticipantRecord | None:
        """Let somebody act in a conversation, who needs one of the permissions *needed*; return who they are there.

        None for the account, and for who made it and is not in it. `NotFoundError` 50350, `ForbiddenError` 50430, 50107.
        """
        self.check_token(actor)
        if is_account(actor):
            return None
        member = await self.member(conversation_sid, actor.identity)
        if member is None:
            await self._check_made(actor, conversation_sid)
        if needed:
            await self.check(actor, member, *needed)
        return member

    async def check(self, actor: Actor, member: ParticipantRecord | None, *needed: str) -> None:
        """Refuse (`ForbiddenError` 50107) a bearer who was let in, as *member*, and has none of the permissions *needed*."""
        if actor.kind is ActorKind.BEARER:
            await self._check_roles(actor.identity, member, needed)

    async def check_user(self, actor: Actor, *needed: str) -> None:
        """Refuse (`ForbiddenError` 50107) who has none of the permissions *needed* in the service."""
        self.check_token(actor)
        if actor.kind is ActorKind.BEARER:
            await self._roles.check((await self._service_role(actor.identity),), needed)

    async def member(self, conversation_sid: str, identity: str) -> ParticipantRecord | None:
        """Return somebody's participant, if they have one."""
        place = self._root.conversations(segment(conversation_sid)).participants(segment(identity))
        try:
            with translated():
                return records.participant(await place.fetch_async())
        except NotFoundError:
            return None

    async def creator_role(self) -> str:
        """Return the role of who made a conversation."""
        return (await self._roles.recent_defaults()).conversation_creator

    async def _check_made(self, actor: Actor, conversation_sid: str) -> None:
        with translated():
            await self._root.conversations(segment(conversation_sid)).fetch_async()
        if self.creator(conversation_sid) != actor.identity:
            raise not_a_member()

    async def _check_roles(
        self, identity: str, member: ParticipantRecord | None, needed: Collection[str]
    ) -> None:
        """Ask for the user's role in the service only where that in the conversation does not do."""
        defaults = await self._roles.recent_defaults()
        own = defaults.conversation_creator if member is None else member.role_sid or defaults.conversation
        if not await self._roles.allow((own,), needed):
            await self._roles.check((await self._service_role(identity),), needed)

    async def _service_role(self, identity: str) -> str:
        try:
            with translated():
                found = records.user(await self._root.users(segment(identity)).fetch_async())
        except NotFoundError:
            return (await self._roles.recent_defaults()).service
        return found.role_sid or (await self._roles.recent_defaults()).service


# What is for the account alone


def check_conversation_draft(actor: Actor, draft: ConversationDraft) -> None:
    """Refuse (`ForbiddenError` 50107) to a bearer what is the account's alone."""
    _check(
        actor,
        draft.state != "active",
        draft.timers != Timers(),
        draft.date_created,
        draft.date_updated,
        draft.extras,
    )


def check_conversation_changes(actor: Actor, changes: ConversationChanges) -> None:
    """Do the same for changes of a conversation."""
    _check_changed(actor, changes.timers, changes.date_created, changes.date_updated, changes.extras)


def check_participant_draft(actor: Actor, draft: ParticipantDraft) -> None:
    """Do the same for a member to be added."""
    _check(actor, draft.role_sid, draft.date_created, draft.date_updated)


def check_participant_changes(actor: Actor, changes: ParticipantChanges) -> None:
    """Do the same for changes of a member."""
    horizon = (changes.last_read_message_index, changes.last_read_timestamp)
    _check_changed(actor, *horizon, changes.date_created, changes.date_updated)


def check_message_draft(actor: Actor, draft: MessageDraft) -> None:
    """Do the same for a message to be sent."""
    _check(actor, draft.author is not None, draft.date_created, draft.date_updated, draft.is_quiet)


def check_message_changes(actor: Actor, changes: MessageChanges) -> None:
    """Do the same for changes of a message."""
    _check_changed(actor, changes.subject, changes.author, changes.date_created, changes.date_updated)


def check_account(actor: Actor) -> None:
    """Do the same for what the account alone may ask."""
    _check(actor, True)


def _check_changed(actor: Actor, *values: object) -> None:
    _check(actor, *(each is not UNCHANGED for each in values))


def _check(actor: Actor, *given: object) -> None:
    if actor.kind is ActorKind.BEARER and any(given):
        raise unauthorized()
