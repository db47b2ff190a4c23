"""The port: what a face may ask of whatever carries the conversations.

A backend is a handful of parts and an event source. Each part takes the acting user first and speaks in the records of
`twilio_compat.records`; each raises only errors of `twilio_compat.errors`. Faces import this module, adapters
implement it, and neither imports the other: `open_backend` finds an adapter by its entry point.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from twilio_compat.errors import ConfigurationError
from twilio_compat.events import Event
from twilio_compat.records import (
    Actor,
    ContentTemplateRecord,
    ConversationChanges,
    ConversationDraft,
    ConversationLimits,
    ConversationRecord,
    DeliveryReceiptRecord,
    Direction,
    IssuedIdentity,
    JSONValue,
    MediaRecord,
    MediaUpload,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
    PushChannel,
    UserChanges,
    UserConversationChanges,
    UserConversationRecord,
    UserRecord,
)
from twilio_compat.settings import Settings

ENTRY_POINT_GROUP = "twilio_compat.backends"
"""Adapters register under this group a callable ``(Settings) -> Backend``."""
TWILIO = "twilio"
"""The adapter over Twilio itself, which calls its webhooks."""


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

    async def update(self, actor: Actor, sid: str, changes: ConversationChanges) -> ConversationRecord:
        """Change it; errors as `create` and `get`. Every member hears of each change, in order."""

    async def delete(self, actor: Actor, sid: str) -> None:
        """Delete it for everyone; errors as `get`."""


class UserConversations(Protocol):
    """What a conversation is to the acting user alone, who is a member: read horizon and notification level."""

    async def get(self, actor: Actor, conversation_sid: str) -> UserConversationRecord:
        """Tell it, the count of unread messages included. `NotFoundError` 50350, `ForbiddenError` 50430."""

    async def update(
        self, actor: Actor, conversation_sid: str, changes: UserConversationChanges
    ) -> UserConversationRecord:
        """Change it and tell the outcome; errors as `get`. The others hear of a read horizon, not of the level."""


class Participants(Protocol):
    """The members of a conversation."""

    async def create(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> ParticipantRecord:
        """Add a member, who may be the actor. `ConflictError` 50433: is one already."""

    async def list(self, actor: Actor, conversation_sid: str) -> Sequence[ParticipantRecord]:
        """Return the members in the order in which they were added."""

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """Return how many members there are."""

    async def update(
        self, actor: Actor, conversation_sid: str, sid_or_identity: str, changes: ParticipantChanges
    ) -> ParticipantRecord:
        """Change a member. `NotFoundError` 50432: is none. `ForbiddenError` 50107 where the actor may not."""

    async def delete(self, actor: Actor, conversation_sid: str, sid_or_identity: str) -> None:
        """Remove a member, who may be the actor. `NotFoundError` 50432: is none."""

    async def typing(self, actor: Actor, conversation_sid: str) -> float:
        """Tell the other members that the actor types; return for how many seconds that holds."""


class Messages(Protocol):
    """The messages of a conversation."""

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        """Send. Returns only when the service has acknowledged it, and then exactly one copy exists."""

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        """Return up to *size* messages, from *anchor* (inclusive; None is the end, or the start going forward)."""

    async def get(self, actor: Actor, conversation_sid: str, message_sid: str) -> MessageRecord:
        """Fetch one. `NotFoundError` 50500."""

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """Return how many messages there are; deleted ones do not count."""

    async def receipts(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Sequence[DeliveryReceiptRecord]:
        """Return what became of a message at each of its recipients; errors as `get`."""

    async def content(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Mapping[str, JSONValue] | None:
        """Return the types of the content template a message was made of, filled in; None: it was not made of one."""

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

    async def update(self, actor: Actor, identity: str, changes: UserChanges) -> UserRecord:
        """Change a user. `NotFoundError` 50200; `ForbiddenError` 50107 where the actor may not."""


class Media(Protocol):
    """Uploaded files."""

    async def upload(self, actor: Actor, upload: MediaUpload) -> MediaRecord:
        """Store a file, so that a message can name it."""

    async def temporary_urls(self, actor: Actor, media_sids: Sequence[str]) -> Mapping[str, str]:
        """Return, by sid, URLs that serve the files for a while to anyone who has them. `NotFoundError` 50507."""


class ContentTemplates(Protocol):
    """Prepared messages. Users read them; the deployment keeps them."""

    async def list(self, actor: Actor | None) -> Sequence[ContentTemplateRecord]:
        """Return all of them, in ascending order of sid; without an actor, on behalf of the deployment."""

    async def put(self, templates: Sequence[ContentTemplateRecord]) -> None:
        """Keep *templates*, in place of those with the same sids; all of them or none."""

    async def remove(self, sids: Sequence[str]) -> None:
        """Forget templates, all of them or none. `NotFoundError` 20404 for one that is not there."""


class PushRegistrations(Protocol):
    """Where the acting user's devices can be notified."""

    async def create(self, actor: Actor, channel: PushChannel, registration_id: str) -> None:
        """Note a device; once more does nothing."""

    async def delete(self, actor: Actor, channel: PushChannel, registration_id: str | None = None) -> None:
        """Forget a device, or all those of a channel; one that was not noted is no error."""


@runtime_checkable
class Backend(Protocol):
    """Everything a face needs."""

    @property
    def conversations(self) -> Conversations:
        """Conversations."""

    @property
    def user_conversations(self) -> UserConversations:
        """What conversations are to the acting user."""

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

    @property
    def content_templates(self) -> ContentTemplates:
        """Content templates."""

    @property
    def push_registrations(self) -> PushRegistrations:
        """Push registrations."""

    @property
    def limits(self) -> ConversationLimits:
        """What a message may carry."""

    @property
    def reachability_enabled(self) -> bool:
        """Whether the deployment keeps track of who is there."""

    async def of(self, service_sid: str | None) -> Backend:
        """Return the backend that serves those whose tokens are for a service (None: the default one)."""

    async def sign_in(self, token: str) -> Actor:
        """Verify *token* and return whom it stands for. `TokenError` where it is refused."""

    async def issue_identity(self, identity: str, *, with_token: bool = False) -> IssuedIdentity:
        """Tell who *identity* is to the service, made when new, for a client that no longer goes through Twilio."""

    def subscribe(self, actor: Actor) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Open the actor's event stream; `Synchronized` comes before all news, `SourceRefused` is the only end."""

    async def close(self) -> None:
        """Release connections and files. Safe to call twice."""


def open_backend(settings: Settings) -> Backend:
    """Return the backend that ``settings.backend`` names, with webhooks; its adapter must be installed.

    While ``settings.rollout`` is set, it is one over both sides, Twilio's and that.
    """
    from twilio_compat.webhooks.opening import with_webhooks  # which stands on the port, as faces do

    if settings.rollout is None:
        alone = _adapter(settings.backend, settings)
        return alone if settings.backend == TWILIO else with_webhooks(alone, settings)
    from twilio_compat.rollout.opening import with_rollout

    acs = with_webhooks(_adapter(settings.backend, settings), settings)
    return with_rollout(_adapter(TWILIO, settings), acs, settings)


def _adapter(name: str, settings: Settings) -> Backend:
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none: is twilio-acs-compat installed?"
        raise ConfigurationError(f"There is no backend named {name!r}; installed: {known}")
    backend = found[name].load()(settings)
    if not isinstance(backend, Backend):
        raise ConfigurationError(f"The entry point of backend {name!r} does not return a Backend")
    return backend
