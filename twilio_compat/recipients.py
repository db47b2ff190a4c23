"""What only a message of another channel than chat has: recipients by e-mail, and metadata of its channel.

ACS Chat carries chat alone, so `Message.getMessageRecipients` finds none and `Message.getChannelMetadata` is None.
The types are here for code that names them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from twilio_compat.records import JSONValue

__all__ = [
    "ChannelMetadata",
    "EmailRecipientDescriptor",
    "EmailRecipientLevel",
    "RecipientDescriptor",
    "UnknownRecipientDescriptor",
]

EmailRecipientLevel: TypeAlias = Literal["to", "from", "cc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRecipientDescriptor:
    """Somebody an e-mail went to, or came from."""

    type: Literal["email"] = field(default="email", init=False)
    messageSid: str
    level: EmailRecipientLevel
    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRecipientDescriptor:
    """A recipient of a type that this version does not know; ``rawData`` is what is known, as JSON text."""

    type: str
    messageSid: str
    rawData: str


RecipientDescriptor: TypeAlias = EmailRecipientDescriptor | UnknownRecipientDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMetadata:
    """What a channel other than chat tells of a message; ``type`` says which channel."""

    type: str
    data: JSONValue
