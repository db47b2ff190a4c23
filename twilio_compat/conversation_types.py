"""What conversations take and give beside objects: options, answers and what their events carry, as typed dicts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from twilio_compat.participant import ParticipantEmailBinding
from twilio_compat.records import ConversationStateName, JSONValue

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation

__all__ = [
    "ConversationBindings",
    "ConversationEmailBinding",
    "ConversationLimits",
    "ConversationSmsBinding",
    "ConversationState",
    "ConversationStatus",
    "ConversationUpdateReason",
    "ConversationUpdatedEventArgs",
    "CreateConversationOptions",
    "LastMessage",
    "ParticipantBindingOptions",
    "ParticipantResponse",
    "RecipientsOptions",
]

ConversationStatus: TypeAlias = Literal["joined", "notParticipating"]

ConversationUpdateReason: TypeAlias = Literal[
    "attributes",
    "createdBy",
    "dateCreated",
    "dateUpdated",
    "friendlyName",
    "lastReadMessageIndex",
    "state",
    "status",
    "uniqueName",
    "lastMessage",
    "notificationLevel",
    "bindings",
]


class CreateConversationOptions(TypedDict, total=False):
    """What a new conversation has. ``access`` is taken and means nothing: all conversations are members-only."""

    friendlyName: str | None
    uniqueName: str | None
    attributes: JSONValue
    access: str | None


class ConversationState(TypedDict):
    """Life cycle state, and since when."""

    current: ConversationStateName
    dateUpdated: datetime


class LastMessage(TypedDict):
    """Place and time of the newest message."""

    index: int
    dateCreated: datetime


class ConversationLimits(TypedDict):
    """What a message may carry. Sizes are in MB of 1,000,000 bytes."""

    mediaAttachmentsCountLimit: int
    mediaAttachmentSizeLimitInMb: int
    mediaAttachmentsTotalSizeLimitInMb: int
    emailHistoriesAllowedContentTypes: list[str]
    emailBodiesAllowedContentTypes: list[str]


class ConversationEmailBinding(TypedDict, total=False):
    """How a conversation takes part in e-mail."""

    name: str
    projected_address: str


class ConversationSmsBinding(TypedDict, total=False):
    """How a conversation takes part in SMS."""

    address: str


class ConversationBindings(TypedDict, total=False):
    """How a conversation takes part in channels other than chat."""

    email: ConversationEmailBinding
    sms: ConversationSmsBinding


class ParticipantBindingOptions(TypedDict, total=False):
    """How a member who is not in by chat is to be reached."""

    email: ParticipantEmailBinding


class RecipientsOptions(TypedDict, total=False):
    """How many recipients to put on a page."""

    pageSize: int


class ConversationUpdatedEventArgs(TypedDict):
    """What ``updated`` and the client's ``conversationUpdated`` carry."""

    conversation: Conversation
    updateReasons: list[ConversationUpdateReason]


class ParticipantResponse(TypedDict):
    """What `Conversation.add` returns: the answer as Twilio's service words it. ``attributes`` is JSON text."""

    sid: str
    conversation_sid: str
    chat_service_sid: str | None
    identity: str
    attributes: str
    date_created: str
    date_updated: str
    role_sid: str
    messaging_binding: None
