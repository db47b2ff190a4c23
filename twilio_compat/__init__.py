"""Twilio Conversations for Python, on Azure Communication Services Chat.

The names are those of ``@twilio/conversations``, as far as they exist here; absent is what is not supported yet.
What Twilio has no word for is `Settings` and the error tree in `twilio_compat.errors`.
"""

from twilio_compat import errors
from twilio_compat.cancellable import CancellablePromise
from twilio_compat.client import Client, ClientOptions, State
from twilio_compat.connection import ConnectionErrorData, ConnectionState
from twilio_compat.conversation import (
    Conversation,
    ConversationState,
    ConversationStatus,
    ConversationUpdatedEventArgs,
    CreateConversationOptions,
    LastMessage,
)
from twilio_compat.media import Media
from twilio_compat.media_upload import SendMediaOptions
from twilio_compat.message import Message, MessageType, MessageUpdatedEventArgs
from twilio_compat.message_builder import MessageBuilder, SendEmailOptions, UnsentMessage
from twilio_compat.paginator import Paginator
from twilio_compat.participant import Participant
from twilio_compat.records import JSONValue, MediaCategory, NotificationLevel
from twilio_compat.settings import Settings
from twilio_compat.user import User, UserUpdatedEventArgs

__all__ = [
    "CancellablePromise",
    "Client",
    "ClientOptions",
    "ConnectionErrorData",
    "ConnectionState",
    "Conversation",
    "ConversationState",
    "ConversationStatus",
    "ConversationUpdatedEventArgs",
    "CreateConversationOptions",
    "JSONValue",
    "LastMessage",
    "Media",
    "MediaCategory",
    "Message",
    "MessageBuilder",
    "MessageType",
    "MessageUpdatedEventArgs",
    "NotificationLevel",
    "Paginator",
    "Participant",
    "SendEmailOptions",
    "SendMediaOptions",
    "Settings",
    "State",
    "UnsentMessage",
    "User",
    "UserUpdatedEventArgs",
    "errors",
]
