"""The events that webhooks are told: one table, of what happens, and of its names before and after it.

The first name of a pair is that of the *pre-event*: a webhook is asked before the thing is done, and may change or
refuse it. The second is that of the *post-event*, which tells what was done. Some have only the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that webhooks hear of; ``before`` is None where nobody is asked."""

    after: str
    before: str | None = None


CONVERSATION_ADDED: Final = Happening("onConversationAdded", "onConversationAdd")
CONVERSATION_REMOVED: Final = Happening("onConversationRemoved", "onConversationRemove")
CONVERSATION_UPDATED: Final = Happening("onConversationUpdated", "onConversationUpdate")
CONVERSATION_STATE_UPDATED: Final = Happening("onConversationStateUpdated")
MESSAGE_ADDED: Final = Happening("onMessageAdded", "onMessageAdd")
MESSAGE_REMOVED: Final = Happening("onMessageRemoved", "onMessageRemove")
MESSAGE_UPDATED: Final = Happening("onMessageUpdated", "onMessageUpdate")
PARTICIPANT_ADDED: Final = Happening("onParticipantAdded", "onParticipantAdd")
PARTICIPANT_REMOVED: Final = Happening("onParticipantRemoved", "onParticipantRemove")
PARTICIPANT_UPDATED: Final = Happening("onParticipantUpdated", "onParticipantUpdate")
DELIVERY_UPDATED: Final = Happening("onDeliveryUpdated")
USER_ADDED: Final = Happening("onUserAdded")
USER_UPDATED: Final = Happening("onUserUpdated", "onUserUpdate")

HAPPENINGS: Final = (
    CONVERSATION_ADDED,
    CONVERSATION_REMOVED,
    CONVERSATION_UPDATED,
    CONVERSATION_STATE_UPDATED,
    MESSAGE_ADDED,
    MESSAGE_REMOVED,
    MESSAGE_UPDATED,
    PARTICIPANT_ADDED,
    PARTICIPANT_REMOVED,
    PARTICIPANT_UPDATED,
    DELIVERY_UPDATED,
    USER_ADDED,
    USER_UPDATED,
)

PRE_EVENTS: Final = frozenset(each.before for each in HAPPENINGS if each.before is not None)
"""What is asked before a thing is done, and may refuse it."""

POST_EVENTS: Final = frozenset(each.after for each in HAPPENINGS)
"""What is told after a thing was done."""

EVENTS: Final = PRE_EVENTS | POST_EVENTS
