"""What does the work of each operation, by its key: what the resources offer, put together."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.rest.call import Handler
from twilio_compat.rest.resources import conversations, messages

HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    dict(ChainMap(*(dict(each.HANDLERS) for each in (conversations, messages))))
)
"""Handlers of all operations."""
