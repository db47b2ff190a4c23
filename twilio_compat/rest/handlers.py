"""What does the work of each operation, by its key: what the resources offer, put together."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.rest.call import Handler
from twilio_compat.rest.resources import (
    address_configurations,
    bindings,
    configuration,
    conversation_with_participants,
    conversations,
    credentials,
    media,
    messages,
    notifications,
    participant_conversations,
    participants,
    receipts,
    roles,
    scoped_webhooks,
    service_configuration,
    services,
    user_conversations,
    users,
    webhook_configuration,
)

_RESOURCES: Final[tuple[Mapping[str, Handler], ...]] = (
    address_configurations.HANDLERS,
    bindings.HANDLERS,
    configuration.HANDLERS,
    conversation_with_participants.HANDLERS,
    conversations.HANDLERS,
    credentials.HANDLERS,
    media.HANDLERS,
    messages.HANDLERS,
    notifications.HANDLERS,
    participant_conversations.HANDLERS,
    participants.HANDLERS,
    receipts.HANDLERS,
    roles.HANDLERS,
    scoped_webhooks.HANDLERS,
    service_configuration.HANDLERS,
    services.HANDLERS,
    user_conversations.HANDLERS,
    users.HANDLERS,
    webhook_configuration.HANDLERS,
)

HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(dict(ChainMap(*map(dict, _RESOURCES))))
"""Handlers of all operations."""
