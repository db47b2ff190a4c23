"""What a backend reports by itself: one vocabulary for every event source.

An event source delivers, for one acting user, at least once and in any order at its edge; by the time an event
leaves the backend it is delivered once, and in order within its conversation. `Synchronized` is the first event
of a subscription: what stood before it is state, what comes after it is news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import ConversationRecord, MessageRecord, ParticipantRecord, UserRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronized:
    """The subscription is up. ``conversations`` are those the user is in, in ascending order of sid.

    ``written_at`` tells the account alone, by sid, when a message was last received in each, as far as the service behind
    the backend says: one counts that the backend has not seen yet.
    """

    conversations: tuple[ConversationRecord, ...]
    written_at: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationJoined:
    """The user became a member: by joining, or because somebody added them."""

    conversation: ConversationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationUpdated:
    """A property of the conversation changed; ``conversation`` is the new state."""

    conversation: ConversationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLeft:
    """The user is no member any more; ``reason`` says whether they left (or were removed) or it was deleted.

    ``participant`` is who the user was there, where the source can tell.
    """

    conversation_sid: str
    reason: Literal["left", "deleted"]
    participant: ParticipantRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantJoined:
    """Somebody else became a member."""

    participant: ParticipantRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantLeft:
    """Somebody else ceased to be a member; the record is the last one known."""

    participant: ParticipantRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantUpdated:
    """A property of a member changed, the user's own read horizon included; ``participant`` is the new state."""

    participant: ParticipantRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TypingStarted:
    """Somebody else types, or still does. It ends after ``timeout`` seconds unless this comes again."""

    participant: ParticipantRecord
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdated:
    """A property of a user of the deployment changed; ``user`` is the new state."""

    user: UserRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAdded:
    """A message was sent, by anybody, the user included."""

    message: MessageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageUpdated:
    """A message was edited."""

    message: MessageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRemoved:
    """A message was deleted; what it said is gone, so only its place is told."""

    conversation_sid: str
    message_sid: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInterrupted:
    """The source cannot reach the service and keeps trying; nothing is lost, only late."""

    error: TwilioCompatError


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRestored:
    """The source reaches the service again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRefused:
    """The service no longer takes the user's token; the subscription has ended."""

    error: TwilioCompatError


Event: TypeAlias = (
    Synchronized
    | ConversationJoined
    | ConversationUpdated
    | ConversationLeft
    | ParticipantJoined
    | ParticipantLeft
    | ParticipantUpdated
    | TypingStarted
    | UserUpdated
    | MessageAdded
    | MessageUpdated
    | MessageRemoved
    | SourceInterrupted
    | SourceRestored
    | SourceRefused
)
"""Any of the above; ``match`` on the type."""
