"""Timers of a conversation, and what can be told of them: Twilio says when they run out, not after how long; pure."""

from __future__ import annotations

from datetime import datetime

from twilio_compat.records import ConversationRecord, Timers


def has_timers(conversation: ConversationRecord) -> bool:
    """Say whether a conversation has timers."""
    dates = conversation.date_inactive, conversation.date_closed
    return conversation.timers != Timers() or dates != (None, None)


def timers_of(conversation: ConversationRecord, since: datetime) -> Timers:
    """Return the timers of a conversation; *since* is when they began to run, to the second."""
    if conversation.timers != Timers():
        return conversation.timers
    return Timers(
        inactive=_after(conversation.date_inactive, since), closed=_after(conversation.date_closed, since)
    )


def _after(moment: datetime | None, since: datetime) -> str | None:
    return None if moment is None else f"PT{max(0, round((moment - since).total_seconds()))}S"
