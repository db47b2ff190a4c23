"""By what right somebody acts.

Roles bind the users of the deployment, who act with tokens of their own. They do not bind the account, nor does it
matter whether the account acts as itself or on behalf of one of its users: both are calls of the customer's own server,
which may do anything at Twilio. What the records of the port have for the account alone is refused to everybody else,
with the error of somebody whose role does not allow it, rather than passed over: a client that could set another author
or date would otherwise be told that it had.
"""

from __future__ import annotations

from acs_backend.roles import Permission, Roles
from acs_backend.store.conversations import Conversation
from twilio_compat.errors import ForbiddenError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ActorKind,
    ConversationChanges,
    ConversationDraft,
    MediaUpload,
    MessageChanges,
    MessageDraft,
    ParticipantChanges,
    ParticipantDraft,
    Timers,
    UserChanges,
)


def is_account(actor: Actor) -> bool:
    """Say whether it is the account itself that acts, as nobody in particular."""
    return actor.kind is ActorKind.ACCOUNT


async def check_member(
    roles: Roles, actor: Actor, acs_id: str, conversation: Conversation, *needed: Permission
) -> None:
    """Do what `Roles.check_member` does for whom roles bind: refuse (`ForbiddenError` 50107) whom none allows it."""
    if actor.kind is ActorKind.BEARER:
        await roles.check_member(actor.identity, acs_id, conversation, *needed)


async def check_user(roles: Roles, actor: Actor, acs_id: str, *needed: Permission) -> None:
    """Do the same for `Roles.check_user`."""
    if actor.kind is ActorKind.BEARER:
        await roles.check_user(acs_id, *needed)


def check_account(actor: Actor) -> None:
    """Refuse (`ForbiddenError` 50107) what is the account's alone to a user with a token."""
    _check(actor, True)


def check_conversation_draft(actor: Actor, draft: ConversationDraft) -> None:
    """Refuse (`ForbiddenError` 50107) to anybody but the account what is the account's alone."""
    given = (draft.state != "active", draft.timers != Timers(), draft.date_created, draft.date_updated)
    _check(actor, *given, draft.created_by is not None, bool(draft.extras))


def check_conversation_changes(actor: Actor, changes: ConversationChanges) -> None:
    """Do the same for changes of a conversation."""
    changed = (changes.timers, changes.date_created, changes.date_updated, changes.extras)
    _check(actor, *(each is not UNCHANGED for each in changed))


def check_participant_draft(actor: Actor, draft: ParticipantDraft) -> None:
    """Do the same for a member to be added."""
    _check(actor, draft.role_sid, draft.date_created, draft.date_updated, draft.sid is not None)


def check_participant_changes(actor: Actor, changes: ParticipantChanges) -> None:
    """Do the same for changes of a member."""
    horizon = (changes.last_read_message_index, changes.last_read_timestamp)
    _check(actor, *(each is not UNCHANGED for each in (*horizon, changes.date_created, changes.date_updated)))


def check_message_draft(actor: Actor, draft: MessageDraft) -> None:
    """Do the same for a message to be sent."""
    kept = (draft.sid is not None, draft.index is not None)
    _check(actor, draft.author is not None, draft.date_created, draft.date_updated, draft.is_quiet, *kept)


def check_message_changes(actor: Actor, changes: MessageChanges) -> None:
    """Do the same for changes of a message."""
    changed = (changes.subject, changes.author, changes.date_created, changes.date_updated)
    _check(actor, *(each is not UNCHANGED for each in changed))


def check_user_changes(actor: Actor, changes: UserChanges) -> None:
    """Do the same for changes of a user."""
    _check(actor, changes.sid is not UNCHANGED)


def check_upload(actor: Actor, upload: MediaUpload) -> None:
    """Do the same for a file to be uploaded."""
    _check(actor, upload.sid is not None)


def _check(actor: Actor, *given: object) -> None:
    if actor.kind is ActorKind.BEARER and any(given):
        raise ForbiddenError("User unauthorized for command", code=50107)
