"""What a client and a conversation are made with: the options, their checks, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, TypedDict

from twilio_compat.arguments import (
    any_of,
    as_json,
    instance_of,
    json_type,
    non_negative_integer,
    optional,
    options,
    positive_integer,
    string,
    undefined,
)
from twilio_compat.backend import Backend
from twilio_compat.conversation_types import CreateConversationOptions
from twilio_compat.records import ConversationDraft
from twilio_compat.settings import Settings
from twilio_compat.sharing import SharedBackends

__all__ = ["CLIENT_OPTIONS", "CONVERSATION_OPTIONS", "ClientOptions", "backend_of", "draft_of"]


class ClientOptions(TypedDict, total=False):
    """How a client is made.

    Without ``settings`` the environment is read. A ``backend`` that is given is used as it is, and not closed.
    Of Twilio's own options two have an effect: ``typingIndicatorTimeoutOverride``, in milliseconds, how often
    `Conversation.typing` is told and how long others are shown as typing; and ``userInfosToSubscribeOverride``, how
    many users are followed. The others are about Twilio's own connections; they are taken, so that code need not
    change, and do nothing.
    """

    settings: Settings | None
    backend: Backend | None
    typingIndicatorTimeoutOverride: int
    userInfosToSubscribeOverride: int
    # Taken, without effect
    logLevel: str
    channelMetadataCacheCapacity: int
    messageRecipientsCacheCapacity: int
    region: str
    productId: str
    twilsockClient: object
    transport: object
    notificationsClient: object
    syncClient: object
    consumptionReportIntervalOverride: str
    httpCacheIntervalOverride: str
    retryWhenThrottledOverride: bool
    backoffConfigOverride: Mapping[str, object]
    Chat: Mapping[str, object]
    IPMessaging: Mapping[str, object]
    Sync: Mapping[str, object]
    Notification: Mapping[str, object]
    Twilsock: Mapping[str, object]
    clientMetadata: Mapping[str, object]
    initRegistrations: list[object]
    disableDeepClone: bool
    typingUri: str
    apiUri: str
    throwErrorsAlways: bool


CLIENT_OPTIONS: Final = optional(
    options(
        "client options",
        settings=any_of(instance_of(Settings), undefined),
        backend=any_of(instance_of(Backend), undefined),
        typingIndicatorTimeoutOverride=any_of(non_negative_integer, undefined),
        userInfosToSubscribeOverride=any_of(positive_integer, undefined),
    )
)

CONVERSATION_OPTIONS: Final = optional(
    options(
        "conversation options",
        friendlyName=any_of(string, undefined),
        uniqueName=any_of(string, undefined),
        attributes=any_of(json_type, undefined),
    )
)


def backend_of(options: ClientOptions) -> AbstractAsyncContextManager[Backend]:
    """Return the backend that *options* give or describe, to be entered for as long as it is used."""
    if (backend := options.get("backend")) is not None:
        return nullcontext(backend)
    return SharedBackends.of_running_loop().lease(options.get("settings") or Settings.from_environment())


def draft_of(options: CreateConversationOptions) -> ConversationDraft:
    """Return the conversation that *options* describe."""
    attributes = options.get("attributes")
    return ConversationDraft(
        friendly_name=options.get("friendlyName"),
        unique_name=options.get("uniqueName"),
        attributes={} if attributes is None else as_json(attributes),
    )
