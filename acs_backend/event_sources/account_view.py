"""What the account is told: pure.

It follows what the steward is a member of. But the steward is nobody, so the account is told of conversations that it
has joined none: ``ConversationJoined`` is that there is a new one.
"""

from __future__ import annotations

from dataclasses import replace

from twilio_compat.events import ConversationJoined, ConversationUpdated, Event, Synchronized
from twilio_compat.records import ConversationRecord


def told(event: Event) -> Event:
    """Return an event of the steward's as the account is told it."""
    match event:
        case Synchronized():
            return replace(event, conversations=tuple(_not_joined(each) for each in event.conversations))
        case ConversationJoined() | ConversationUpdated():
            return replace(event, conversation=_not_joined(event.conversation))
        case _:
            return event


def _not_joined(conversation: ConversationRecord) -> ConversationRecord:
    return replace(conversation, joined=False)
