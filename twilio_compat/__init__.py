"""Twilio Conversations for Python, on Azure Communication Services Chat.

The names are those that ``@twilio/conversations`` exports, its types included. What Twilio has no word for is
`Settings`, `ConnectionErrorData` and the error tree in `twilio_compat.errors`.
"""

from twilio_compat import errors
from twilio_compat.cancellable import CancellablePromise
from twilio_compat.client import Client, NotificationsChannelType, State
from twilio_compat.client_options import ClientOptions
from twilio_compat.connection import ConnectionErrorData, ConnectionState
from twilio_compat.content import ContentTemplate, ContentTemplateVariable
from twilio_compat.content_data import (
    ContentData,
    ContentDataAction,
    ContentDataActionOther,
    ContentDataActionPhone,
    ContentDataActionReply,
    ContentDataActionUrl,
    ContentDataCallToAction,
    ContentDataCard,
    ContentDataListItem,
    ContentDataListPicker,
    ContentDataLocation,
    ContentDataMedia,
    ContentDataOther,
    ContentDataQuickReply,
    ContentDataReply,
    ContentDataText,
)
from twilio_compat.conversation import Conversation
from twilio_compat.conversation_types import (
    ConversationBindings,
    ConversationEmailBinding,
    ConversationLimits,
    ConversationState,
    ConversationStatus,
    ConversationUpdatedEventArgs,
    ConversationUpdateReason,
    CreateConversationOptions,
    LastMessage,
    ParticipantBindingOptions,
)
from twilio_compat.media import Media
from twilio_compat.media_upload import SendMediaOptions
from twilio_compat.message import Message, MessageType, MessageUpdatedEventArgs
from twilio_compat.message_builder import MessageBuilder, SendEmailOptions, UnsentMessage
from twilio_compat.message_update import MessageUpdateReason
from twilio_compat.notification_types import NotificationTypes
from twilio_compat.paginator import Paginator, RestPaginator
from twilio_compat.participant import (
    Participant,
    ParticipantBindings,
    ParticipantEmailBinding,
    ParticipantEmailLevel,
    ParticipantType,
    ParticipantUpdatedEventArgs,
    ParticipantUpdateReason,
)
from twilio_compat.push import (
    PushNotification,
    PushNotificationData,
    PushNotificationDescriptor,
    PushNotificationType,
)
from twilio_compat.receipts import AggregatedDeliveryReceipt, DeliveryAmount, DetailedDeliveryReceipt
from twilio_compat.recipients import (
    ChannelMetadata,
    EmailRecipientDescriptor,
    EmailRecipientLevel,
    RecipientDescriptor,
    UnknownRecipientDescriptor,
)
from twilio_compat.records import (
    DeliveryStatus,
    JSONArray,
    JSONObject,
    JSONValue,
    MediaCategory,
    NotificationLevel,
)
from twilio_compat.settings import Settings
from twilio_compat.user import User, UserUpdatedEventArgs, UserUpdateReason

__all__ = [
    "AggregatedDeliveryReceipt",
    "CancellablePromise",
    "ChannelMetadata",
    "Client",
    "ClientOptions",
    "ConnectionErrorData",
    "ConnectionState",
    "ContentData",
    "ContentDataAction",
    "ContentDataActionOther",
    "ContentDataActionPhone",
    "ContentDataActionReply",
    "ContentDataActionUrl",
    "ContentDataCallToAction",
    "ContentDataCard",
    "ContentDataListItem",
    "ContentDataListPicker",
    "ContentDataLocation",
    "ContentDataMedia",
    "ContentDataOther",
    "ContentDataQuickReply",
    "ContentDataReply",
    "ContentDataText",
    "ContentTemplate",
    "ContentTemplateVariable",
    "Conversation",
    "ConversationBindings",
    "ConversationEmailBinding",
    "ConversationLimits",
    "ConversationState",
    "ConversationStatus",
    "ConversationUpdateReason",
    "ConversationUpdatedEventArgs",
    "CreateConversationOptions",
    "DeliveryAmount",
    "DeliveryStatus",
    "DetailedDeliveryReceipt",
    "EmailRecipientDescriptor",
    "EmailRecipientLevel",
    "JSONArray",
    "JSONObject",
    "JSONValue",
    "LastMessage",
    "Media",
    "MediaCategory",
    "Message",
    "MessageBuilder",
    "MessageType",
    "MessageUpdateReason",
    "MessageUpdatedEventArgs",
    "NotificationLevel",
    "NotificationTypes",
    "NotificationsChannelType",
    "Paginator",
    "Participant",
    "ParticipantBindingOptions",
    "ParticipantBindings",
    "ParticipantEmailBinding",
    "ParticipantEmailLevel",
    "ParticipantType",
    "ParticipantUpdateReason",
    "ParticipantUpdatedEventArgs",
    "PushNotification",
    "PushNotificationData",
    "PushNotificationDescriptor",
    "PushNotificationType",
    "RecipientDescriptor",
    "RestPaginator",
    "SendEmailOptions",
    "SendMediaOptions",
    "Settings",
    "State",
    "UnknownRecipientDescriptor",
    "UnsentMessage",
    "User",
    "UserUpdateReason",
    "UserUpdatedEventArgs",
    "errors",
]
