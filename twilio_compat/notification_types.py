"""The kinds of notices that Twilio's service sends, as constants."""

from __future__ import annotations

from typing import Final

__all__ = ["NotificationTypes"]


class NotificationTypes:
    """Names of notices, as they stand on the wire and in `PushNotification.type`."""

    TYPING_INDICATOR: Final = "twilio.ipmsg.typing_indicator"
    NEW_MESSAGE: Final = "twilio.conversations.new_message"
    ADDED_TO_CONVERSATION: Final = "twilio.conversations.added_to_conversation"
    REMOVED_FROM_CONVERSATION: Final = "twilio.conversations.removed_from_conversation"
    CONSUMPTION_UPDATE: Final = "twilio.channel.consumption_update"
