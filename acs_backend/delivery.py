"""Whom a message was for, and who has read it: pure.

A message is for everybody who was in the conversation when it was sent, but its author: a member who comes later
does not turn what all had read into what some have read. Somebody has read it when their read horizon covers it. When
that came about is not kept for each message: it counts as the last time that the horizon moved.
"""

from __future__ import annotations

from collections.abc import Mapping

from acs_backend.sids import receipt_sid
from acs_backend.store.messages import LedgerRow
from acs_backend.store.participants import Participant
from acs_backend.times import to_time
from twilio_compat.records import DeliveryReceiptRecord, DeliveryRecord


def of(members: Mapping[str, Participant], row: LedgerRow, sender: str) -> DeliveryRecord | None:
    """Return whom the message of *row* was for and who has read it; None if it was for nobody."""
    recipients = _recipients(members, row.message_id, sender)
    if not recipients:
        return None
    read = (each.sid for each in recipients if _has_read(each, row))
    return DeliveryRecord(recipients=frozenset(each.sid for each in recipients), read_by=frozenset(read))


def receipts(
    conversation_sid: str, members: Mapping[str, Participant], row: LedgerRow, sender: str
) -> list[DeliveryReceiptRecord]:
    """Return what became of the message of *row* at each of those it was for, in the order of their joining."""
    return [_receipt(conversation_sid, each, row) for each in _recipients(members, row.message_id, sender)]


def _recipients(members: Mapping[str, Participant], sent: int, sender: str) -> list[Participant]:
    present = [each for each in members.values() if each.acs_id != sender and each.created_at <= sent]
    return sorted(present, key=lambda each: (each.created_at, each.sid))


def _has_read(member: Participant, row: LedgerRow) -> bool:
    return (
        member.last_read_index is not None and row.index is not None and row.index <= member.last_read_index
    )


def _receipt(conversation_sid: str, member: Participant, row: LedgerRow) -> DeliveryReceiptRecord:
    has_read = _has_read(member, row)
    changed = max(row.message_id, member.last_read_at or 0) if has_read else row.message_id
    return DeliveryReceiptRecord(
        sid=receipt_sid(row.sid, member.sid),
        conversation_sid=conversation_sid,
        message_sid=row.sid,
        participant_sid=member.sid,
        status="read" if has_read else "sent",
        date_created=to_time(row.message_id),
        date_updated=to_time(changed),
    )
