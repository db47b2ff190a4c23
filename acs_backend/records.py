"""From rows of the store to the port's records: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from acs_backend import timers
from acs_backend.permissions import RoleBook
from acs_backend.sids import participant_sid, user_sid
from acs_backend.store.conversations import Conversation
from acs_backend.store.identities import IdentityRow
from acs_backend.store.messages import LedgerRow
from acs_backend.store.participants import Participant
from acs_backend.times import to_time
from twilio_compat.records import (
    ConversationRecord,
    ConversationState,
    LastMessage,
    ParticipantRecord,
    Timers,
    UserRecord,
)


@dataclass(frozen=True, slots=True)
class Known:
    """A conversation as the store has it for one of its members: its row, the member's own, and the newest message."""

    row: Conversation
    own: Participant | None = None
    newest: LedgerRow | None = None
    latest: int = 0
    """The id of the newest message, deleted or not, where the conversation has timers."""


def conversation(known: Known, *, joined: bool) -> ConversationRecord:
    """Return a conversation as a member, or somebody who is none, sees it."""
    row, own = known.row, known.own if joined else None
    latest = max(known.latest, 0 if known.newest is None else known.newest.message_id)
    ahead = {move.to: to_time(move.at) for move in timers.moves_ahead(row, latest)}
    return ConversationRecord(
        sid=row.sid,
        friendly_name=row.friendly_name,
        unique_name=row.unique_name,
        attributes=row.attributes,
        created_by=row.created_by,
        date_created=to_time(row.created_at),
        date_updated=to_time(_shown(row.date_updated, row.updated_at)),
        state=ConversationState(current=row.state, date_updated=to_time(row.state_updated_at)),
        last_message=_last_message(known.newest),
        joined=joined,
        last_read_message_index=None if own is None else own.last_read_index,
        notification_level=(None if own is None else own.notification_level) or "default",
        timers=Timers(inactive=row.inactive_after, closed=row.closed_after),
        date_inactive=ahead.get("inactive"),
        date_closed=ahead.get("closed"),
        extras=row.extras,
        changed_at=None if row.date_updated is None else to_time(row.updated_at),
    )


def participant(
    conversation: Conversation, identity: str, row: Participant, roles: RoleBook
) -> ParticipantRecord:
    """Return a member; one whose row is not settled yet (`acs_backend.admissions`) as it will be then."""
    updated_at = max(row.created_at, row.updated_at)
    return ParticipantRecord(
        sid=row.sid,
        conversation_sid=conversation.sid,
        identity=identity,
        attributes=row.attributes,
        date_created=to_time(_shown(row.date_created, row.created_at)),
        date_updated=to_time(_shown(row.date_updated, updated_at)),
        role_sid=roles.of_member(conversation, identity, row.role_sid),
        last_read_message_index=row.last_read_index,
        last_read_timestamp=_last_read(row),
        changed_at=None if row.date_updated is None else to_time(updated_at),
    )


def without_row(conversation: Conversation, acs_id: str, created_at: int | None = None) -> Participant:
    """Return what there is to say of a member whom another ACS client added, and when, where that is known."""
    since = conversation.created_at if created_at is None else created_at
    return Participant(
        thread_id=conversation.thread_id,
        acs_id=acs_id,
        sid=participant_sid(conversation.thread_id, acs_id),
        attributes={},
        created_at=since,
        updated_at=since,
    )


def user(
    row: IdentityRow,
    roles: RoleBook,
    *,
    is_online: bool | None = None,
    is_notifiable: bool | None = None,
) -> UserRecord:
    """Return a user of the deployment."""
    return UserRecord(
        sid=row.sid,
        identity=row.identity,
        friendly_name=row.friendly_name,
        attributes=row.attributes,
        role_sid=roles.of_user(row.role_sid),
        is_online=is_online,
        is_notifiable=is_notifiable,
        date_updated=to_time(row.created_at if row.updated_at is None else row.updated_at),
        date_created=to_time(row.created_at) if row.created_at else None,
    )


def native_user(acs_id: str) -> IdentityRow:
    """Return what there is to say of a user who never came through this library."""
    return IdentityRow(
        identity=acs_id,
        acs_id=acs_id,
        sid=user_sid(acs_id),
        friendly_name=acs_id,
        attributes={},
        native=True,
        created_at=0,
    )


def _shown(wanted: int | None, actual: int) -> int:
    """Return the date to show, which an account may have given."""
    return actual if wanted is None else wanted


def _last_read(row: Participant) -> datetime | None:
    """Return since when the horizon is where it is; of one that was taken away, nothing is told."""
    return None if row.last_read_at is None or row.last_read_index is None else to_time(row.last_read_at)


def _last_message(newest: LedgerRow | None) -> LastMessage | None:
    if newest is None or newest.index is None:
        return None
    return LastMessage(index=newest.index, date_created=to_time(_shown(newest.written_at, newest.message_id)))
