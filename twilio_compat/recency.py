"""Which of two states of one thing is the newer: its dates tell, unless an account wants others shown."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from twilio_compat.records import ConversationRecord, MessageRecord, ParticipantRecord

__all__ = ["moment"]

_Dated: TypeAlias = ConversationRecord | MessageRecord | ParticipantRecord


def moment(record: _Dated) -> datetime:
    """Return when it came to be as *record* tells it."""
    return record.date_updated if record.changed_at is None else record.changed_at
