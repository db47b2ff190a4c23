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
    conversations,
    credentials,
    media,
    messages,
    notifications,
    scoped_webhooks,
    service_configuration,
    services,
    webhook_configuration,
)

_RESOURCES: Final[tuple[Mapping[str, Handler], ...]] = (
    address_configurations.HANDLERS,
    bindings.HANDLERS,
    configuration.HANDLERS,
    conversations.HANDLERS,
    credentials.HANDLERS,
    media.HANDLERS,
    messages.HANDLERS,
    notifications.HANDLERS,
    scoped_webhooks.HANDLERS,
    service_configuration.HANDLERS,
    services.HANDLERS,
    webhook_configuration.HANDLERS,
)

HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(dict(ChainMap(*map(dict, _RESOURCES))))
"""Handlers of all operations."""
