"""What became of a message: in sum, and at each of its recipients.

A message goes to every member but its author. ACS keeps what is sent, so each message counts as sent to all of
them, and none fails or stays undelivered. That it was delivered is known where it was read: of who has it on the
screen unread, ACS tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self, TypeAlias

from twilio_compat.records import DeliveryReceiptRecord, DeliveryRecord, DeliveryStatus

__all__ = ["AggregatedDeliveryReceipt", "DeliveryAmount", "DeliveryStatus", "DetailedDeliveryReceipt"]

DeliveryAmount: TypeAlias = Literal["none", "some", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatedDeliveryReceipt:
    """How many of the ``total`` recipients a message reached in which way: ``none``, ``some`` or ``all``."""

    total: int
    sent: DeliveryAmount
    delivered: DeliveryAmount
    read: DeliveryAmount
    undelivered: DeliveryAmount
    failed: DeliveryAmount

    @classmethod
    def _of(cls, record: DeliveryRecord | None) -> Self | None:
        """Sum up *record*; None where a message has nobody to go to."""
        if record is None or not record.recipients:
            return None
        read = _amount(len(record.recipients & record.read_by), len(record.recipients))
        return cls(
            total=len(record.recipients),
            sent="all",
            delivered=read,
            read=read,
            undelivered="none",
            failed="none",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailedDeliveryReceipt:
    """What became of a message at one recipient. Dates are text in ISO 8601, as at Twilio."""

    sid: str
    messageSid: str
    conversationSid: str
    channelMessageSid: str
    participantSid: str
    status: DeliveryStatus
    errorCode: str | Literal[0]
    """Twilio's error code as text; 0 where there is none."""
    dateCreated: str
    dateUpdated: str

    @classmethod
    def _of(cls, record: DeliveryReceiptRecord) -> Self:
        """Show *record*."""
        return cls(
            sid=record.sid,
            messageSid=record.message_sid,
            conversationSid=record.conversation_sid,
            channelMessageSid=record.channel_message_sid,
            participantSid=record.participant_sid,
            status=record.status,
            errorCode=str(record.error_code) if record.error_code else 0,
            dateCreated=_text(record.date_created),
            dateUpdated=_text(record.date_updated),
        )


def _amount(count: int, total: int) -> DeliveryAmount:
    if count == 0:
        return "none"
    return "all" if count == total else "some"


def _text(moment: datetime) -> str:
    """Write *moment* as Twilio's service does: to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
