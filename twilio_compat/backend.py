"""The port: what a face may ask of whatever carries the conversations.

A backend is five parts and an event source. Each part takes the acting user first and speaks in the records of
`twilio_compat.records`; each raises only errors of `twilio_compat.errors`. Faces import this module, adapters
implement it, and neither imports the other: `open_backend` finds an adapter by its entry point.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from twilio_compat.errors import ConfigurationError
from twilio_compat.events import Event
from twilio_compat.records import (
    Actor,
    ConversationDraft,
    ConversationRecord,
    Direction,
    IssuedIdentity,
    MediaRecord,
    MediaUpload,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
    ParticipantDraft,
    ParticipantRecord,
    UserRecord,
)
from twilio_compat.settings import Settings

ENTRY_POINT_GROUP = "twilio_compat.backends"
"""Adapters register under this group a callable ``(Settings) -> Backend``."""


class Conversations(Protocol):
    """Conversations, by sid or by unique name."""

    async def create(self, actor: Actor, draft: ConversationDraft) -> ConversationRecord:
        """Make a conversation; its creator is not a participant. `ConflictError` 50353: unique name taken."""

    async def get(self, actor: Actor, sid: str) -> ConversationRecord:
        """Fetch one. `NotFoundError` 50350; `ForbiddenError` 50430 unless the actor is a member or made it."""

    async def get_by_unique_name(self, actor: Actor, unique_name: str) -> ConversationRecord:
        """Fetch one by its unique name; errors as `get`."""

    async def list(self, actor: Actor) -> Sequence[ConversationRecord]:
        """Return those the actor is a member of, in ascending order of sid."""

    async def delete(self, actor: Actor, sid: str) -> None:
        """Delete it for everyone; errors as `get`."""


class Participants(Protocol):
    """The members of a conversation."""

    async def create(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> ParticipantRecord:
        """Add a member, who may be the actor. `ConflictError` 50433: is one already."""

    async def list(self, actor: Actor, conversation_sid: str) -> Sequence[ParticipantRecord]:
        """Return the members in the order in which they were added."""

    async def delete(self, actor: Actor, conversation_sid: str, sid_or_identity: str) -> None:
        """Remove a member, who may be the actor. `NotFoundError` 50432: is none."""


class Messages(Protocol):
    """The messages of a conversation."""

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        """Send. Returns only when the service has acknowledged it, and then exactly one copy exists."""

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        """Return up to *size* messages, from *anchor* (inclusive; None is the end, or the start going forward)."""

    async def update(
        self, actor: Actor, conversation_sid: str, message_sid: str, changes: MessageChanges
    ) -> MessageRecord:
        """Edit. `NotFoundError` 50500; `ForbiddenError` 50107 where the actor may not."""

    async def delete(self, actor: Actor, conversation_sid: str, message_sid: str) -> None:
        """Delete; errors as `update`."""


class Users(Protocol):
    """The users of the deployment."""

    async def get(self, actor: Actor, identity: str) -> UserRecord:
        """Fetch a user by identity; the actor's own always exists. `NotFoundError` 50200."""


class Media(Protocol):
    """Uploaded files."""

    async def upload(self, actor: Actor, upload: MediaUpload) -> MediaRecord:
        """Store a file, so that a message can name it."""

    async def temporary_url(self, actor: Actor, media_sid: str) -> str:
        """Return a URL that serves the file for a while to anyone who has it. `NotFoundError` 50507."""


@runtime_checkable
class Backend(Protocol):
    """Everything a face needs."""

    @property
    def conversations(self) -> Conversations:
        """Conversations."""

    @property
    def participants(self) -> Participants:
        """Participants."""

    @property
    def messages(self) -> Messages:
        """Messages."""

    @property
    def users(self) -> Users:
        """Users."""

    @property
    def media(self) -> Media:
        """Media."""

    async def sign_in(self, token: str) -> Actor:
        """Verify *token* and return whom it stands for. `TokenError` where it is refused."""

    async def issue_identity(self, identity: str, *, with_token: bool = False) -> IssuedIdentity:
        """Tell who *identity* is to the service, made when new, for a client that no longer goes through Twilio."""

    def subscribe(self, actor: Actor) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Open the actor's event stream; `Synchronized` comes before all news, `SourceRefused` is the only end."""

    async def close(self) -> None:
        """Release connections and files. Safe to call twice."""


def open_backend(settings: Settings) -> Backend:
    """Return the backend that ``settings.backend`` names; its adapter must be installed."""
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if settings.backend not in found:
        known = ", ".join(sorted(found)) or "none: is twilio-acs-compat installed?"
        raise ConfigurationError(f"There is no backend named {settings.backend!r}; installed: {known}")
    backend = found[settings.backend].load()(settings)
    if not isinstance(backend, Backend):
        raise ConfigurationError(f"The entry point of backend {settings.backend!r} does not return a Backend")
    return backend
