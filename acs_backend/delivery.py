"""Whom a message was for, and who has read it: pure.

A message is for everybody who was in the conversation when it was sent, but its author: a member who comes later
does not turn what all had read into what some have read. Somebody has read it when their read horizon covers it, or
when a read receipt of ACS does: ACS keeps one receipt per reader, for the last message they have read, and all
before it count as read.

Two times go with a receipt: when the message was sent, and when what covers it was noted, the earliest where both
do. Times are in epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from azure.communication.chat import ChatMessageReadReceipt

from acs_backend.sids import receipt_sid
from acs_backend.store.messages import LedgerRow
from acs_backend.store.participants import Participant
from acs_backend.times import to_milliseconds, to_time
from twilio_compat.records import DeliveryReceiptRecord, DeliveryRecord

Seen = Mapping[str, tuple[int, int]]
"""By ACS id: the last message that ACS has a receipt for, and when it was read."""


def of(members: Mapping[str, Participant], row: LedgerRow, sender: str) -> DeliveryRecord | None:
    """Return whom the message of *row* was for and who has read it; None if it was for nobody."""
    recipients = _recipients(members, row.message_id, sender)
    if not recipients:
        return None
    read = (each.sid for each in recipients if _read_by_horizon(each, row) is not None)
    return DeliveryRecord(recipients=frozenset(each.sid for each in recipients), read_by=frozenset(read))


def receipts(
    conversation_sid: str, members: Mapping[str, Participant], row: LedgerRow, sender: str, seen: Seen
) -> list[DeliveryReceiptRecord]:
    """Return what became of the message of *row* at each of those it was for, in the order of their joining."""
    return [
        _receipt(conversation_sid, each, row, _read_at(each, row, seen))
        for each in _recipients(members, row.message_id, sender)
    ]


def seen(listed: Iterable[ChatMessageReadReceipt]) -> dict[str, tuple[int, int]]:
    """Return what ACS's receipts say; one for something that has no number is left out."""
    return {
        each.sender.raw_id: (int(each.chat_message_id), to_milliseconds(each.read_on))
        for each in listed
        if str(each.chat_message_id).isdecimal()
    }


def _recipients(members: Mapping[str, Participant], sent: int, sender: str) -> list[Participant]:
    present = [each for each in members.values() if each.acs_id != sender and each.created_at <= sent]
    return sorted(present, key=lambda each: (each.created_at, each.sid))


def _read_by_horizon(member: Participant, row: LedgerRow) -> int | None:
    """Return when the member's read horizon came to cover a message, as far as is known; None: it does not."""
    if member.last_read_index is None or row.index is None or member.last_read_index < row.index:
        return None
    return row.message_id if member.last_read_at is None else member.last_read_at


def _read_at(member: Participant, row: LedgerRow, seen: Seen) -> int | None:
    last, at = seen.get(member.acs_id, (0, 0))
    times = [_read_by_horizon(member, row), at if last >= row.message_id else None]
    return min((each for each in times if each is not None), default=None)


def _receipt(
    conversation_sid: str, member: Participant, row: LedgerRow, read_at: int | None
) -> DeliveryReceiptRecord:
    return DeliveryReceiptRecord(
        sid=receipt_sid(row.sid, member.sid),
        conversation_sid=conversation_sid,
        message_sid=row.sid,
        participant_sid=member.sid,
        status="sent" if read_at is None else "read",
        date_created=to_time(row.message_id),
        date_updated=to_time(row.message_id if read_at is None else max(read_at, row.message_id)),
    )
