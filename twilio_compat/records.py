"""What travels through the port: Twilio-shaped, frozen, without behaviour.

A record is a snapshot of what a backend knows; a draft is what a face asks a backend to make. Field names are
Twilio's in Python's spelling. No record carries an id of the service behind it, but for `IssuedIdentity`.

``identity`` is the name a Twilio app gives its user. ``sid`` is Twilio's id: two letters and 32 hex digits.
All times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final, Literal, TypeAlias

JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"
"""Anything ``json.dumps`` writes and ``json.loads`` reads back."""
JSONObject: TypeAlias = dict[str, JSONValue]
JSONArray: TypeAlias = list[JSONValue]

NotificationLevel: TypeAlias = Literal["default", "muted"]
MediaCategory: TypeAlias = Literal["media", "body", "history"]
ConversationStateName: TypeAlias = Literal["initializing", "active", "inactive", "closed"]
DeliveryStatus: TypeAlias = Literal["sent", "delivered", "failed", "read", "undelivered", "queued"]
PushChannel: TypeAlias = Literal["fcm", "apn"]


MEGABYTE: Final = 1024 * 1024
"""Bytes of what limits call an MB. Twilio does not say which it means; this is the larger."""


class Unchanged(Enum):
    """The type of `UNCHANGED`, so that None can be a value to change something to."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
"""What a field of a change holds where it is to stay as it is."""


class Direction(StrEnum):
    """Which way a page of messages extends from its anchor."""

    BACKWARDS = "backwards"
    FORWARD = "forward"


class ActorKind(StrEnum):
    """By what right somebody acts."""

    BEARER = "bearer"
    """A user who signed in with a token."""
    ACCOUNT = "account"
    """The Twilio account itself, as a server that calls the REST API does: no user, and no role binds it."""
    ON_BEHALF = "on behalf"
    """The account, acting as one of its users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """On whose behalf a call runs: the outcome of a sign-in, handed back with every call.

    ``token`` is the token as presented; the backend may need it again. ``expires_at`` is when it ends.
    ``service_sid`` is the Twilio service (IS...) the token was made for, where it names one. Of other kinds than
    ``BEARER`` are those whom `twilio_compat.account` makes: without a token, since whoever can make them is trusted.
    ``tells_webhooks``: the account asked that webhooks be told of what this call changes (``X-Twilio-Webhook-Enabled``).
    Without it they are not; of what a bearer changes they always are.
    """

    identity: str
    token: str = field(repr=False)
    expires_at: datetime
    service_sid: str | None = None
    kind: ActorKind = ActorKind.BEARER
    tells_webhooks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMessage:
    """The newest message of a conversation, as far as a conversation list shows it."""

    index: int
    date_created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationState:
    """Twilio's life cycle state, and since when."""

    current: ConversationStateName
    date_updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """After how long without a message a conversation becomes inactive, and closed; None: never.

    Each is an ISO 8601 duration as it was given, such as ``PT1H``; both run from the last message, or from when the
    conversation became active.
    """

    inactive: str | None = None
    closed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRecord:
    """A conversation as the acting user sees it; ``joined`` and what follows are that user's own standing.

    ``date_inactive`` and ``date_closed`` are when its timers will move it on, unless somebody writes. ``extras`` is what
    an account had kept with it that no backend acts on, such as ``messaging_service_sid``. ``changed_at`` is when it came
    to be as it is, where ``date_updated`` does not say so because the account wants another date shown.
    """

    sid: str
    friendly_name: str | None
    unique_name: str | None
    attributes: JSONValue
    created_by: str
    date_created: datetime
    date_updated: datetime
    state: ConversationState
    last_message: LastMessage | None = None
    joined: bool = False
    last_read_message_index: int | None = None
    notification_level: NotificationLevel = "default"
    timers: Timers = Timers()
    date_inactive: datetime | None = None
    date_closed: datetime | None = None
    extras: Mapping[str, JSONValue] = field(default_factory=dict)
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationDraft:
    """A conversation to be made. ``attributes`` default to an empty object, as at Twilio.

    From ``state`` on, but for ``sid``, is for the account alone (`ActorKind.ACCOUNT`); dates and ``created_by`` are those of
    a conversation that is imported, and that keeps them. ``sid`` is what it is to be called, by whoever has given it a name
    already. `ConflictError` 50353 where that is taken.
    """

    friendly_name: str | None = None
    unique_name: str | None = None
    attributes: JSONValue = field(default_factory=dict)
    state: ConversationStateName = "active"
    timers: Timers = Timers()
    date_created: datetime | None = None
    date_updated: datetime | None = None
    extras: Mapping[str, JSONValue] = field(default_factory=dict)
    sid: str | None = None
    created_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationChanges:
    """What to change in a conversation. None takes a name away. From ``timers`` on is for the account alone.

    ``extras`` replace those of the same names.
    """

    friendly_name: str | Unchanged | None = UNCHANGED
    unique_name: str | Unchanged | None = UNCHANGED
    attributes: JSONValue | Unchanged = UNCHANGED
    state: ConversationStateName | Unchanged = UNCHANGED
    timers: Timers | Unchanged = UNCHANGED
    date_created: datetime | Unchanged = UNCHANGED
    date_updated: datetime | Unchanged = UNCHANGED
    extras: Mapping[str, JSONValue] | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLimits:
    """What a message may carry. Sizes are in `MEGABYTE`."""

    media_count: int
    media_size: int
    media_total_size: int
    email_body_types: tuple[str, ...] = ("text/plain", "text/html")
    email_history_types: tuple[str, ...] = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserConversationRecord:
    """A user's own standing in a conversation. Both numbers are None until a read horizon was set."""

    conversation_sid: str
    unread_messages_count: int | None
    last_read_message_index: int | None
    notification_level: NotificationLevel
    participant_sid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserConversationChanges:
    """What to change in it. None takes the read horizon away; ``advance_only`` never lowers it."""

    last_read_message_index: int | Unchanged | None = UNCHANGED
    advance_only: bool = False
    notification_level: NotificationLevel | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRecord:
    """A member of a conversation. ``changed_at`` as in `ConversationRecord`."""

    sid: str
    conversation_sid: str
    identity: str
    attributes: JSONValue
    date_created: datetime
    date_updated: datetime
    role_sid: str = ""
    type: str = "chat"
    last_read_message_index: int | None = None
    last_read_timestamp: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantDraft:
    """A member to be added. From ``role_sid`` on is for the account alone; dates and ``sid`` are those of one imported."""

    identity: str
    attributes: JSONValue = field(default_factory=dict)
    role_sid: str | None = None
    date_created: datetime | None = None
    date_updated: datetime | None = None
    sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantChanges:
    """What to change in a member. From ``last_read_message_index`` on is for the account alone; None takes it away."""

    attributes: JSONValue | Unchanged = UNCHANGED
    role_sid: str | Unchanged = UNCHANGED
    last_read_message_index: int | Unchanged | None = UNCHANGED
    last_read_timestamp: datetime | Unchanged = UNCHANGED
    date_created: datetime | Unchanged = UNCHANGED
    date_updated: datetime | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRecord:
    """An uploaded file. ``size`` is in bytes."""

    sid: str
    content_type: str
    size: int
    filename: str | None = None
    category: MediaCategory = "media"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaUpload:
    """A file to be uploaded: all of its bytes, or a stream of them read once.

    ``size`` is what a stream is announced to have, in bytes, where that is known: too much is refused unread. ``sid`` is
    for the account alone: what a file that comes from elsewhere keeps. Once more with the same sid, it is one file.
    """

    content: bytes | AsyncIterable[bytes]
    content_type: str
    filename: str | None = None
    size: int | None = None
    category: MediaCategory = "media"
    sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """Whom a message was for, and who has read it, as sids of participants: its author is not among them."""

    recipients: frozenset[str]
    read_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReceiptRecord:
    """What became of a message at one participant. ``sid`` is ``DY`` and 32 hex digits."""

    sid: str
    conversation_sid: str
    message_sid: str
    participant_sid: str
    status: DeliveryStatus
    date_created: datetime
    date_updated: datetime
    channel_message_sid: str = ""
    error_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """A message. ``index`` counts from 0 in order of creation and never changes.

    ``delivery`` is None where the conversation has nobody but the author. ``is_native``: a client of the service behind
    the backend wrote it, past this library. ``is_quiet``: the account wrote it and had nobody called about it.
    ``changed_at`` as in `ConversationRecord`.
    """

    sid: str
    conversation_sid: str
    index: int
    author: str | None
    body: str | None
    attributes: JSONValue
    date_created: datetime
    date_updated: datetime
    subject: str | None = None
    media: tuple[MediaRecord, ...] = ()
    participant_sid: str | None = None
    last_updated_by: str | None = None
    delivery: DeliveryRecord | None = None
    content_sid: str | None = None
    is_native: bool = False
    is_quiet: bool = False
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDraft:
    """A message to be sent; the media are uploaded before, with `Media.upload`.

    ``mutation_id`` names the message before it has a sid: a draft that is sent twice, because nobody knows what became
    of the first attempt, is one message. ``is_first`` says that this is the first attempt, which spares a look.
    With a ``content_sid`` the body is that template's text, its placeholders filled from ``content_variables``.
    From ``author`` on is for the account alone: as whom it writes, who need be no member nor a user; when the message
    was written and changed, of one that is imported; with ``is_quiet``, that nobody is to be called about it; and the
    ``sid`` and the ``index`` that one keeps which comes from elsewhere. `ConflictError` where another one has them.
    """

    mutation_id: str
    body: str | None = None
    attributes: JSONValue = field(default_factory=dict)
    subject: str | None = None
    media: tuple[MediaRecord, ...] = ()
    content_sid: str | None = None
    content_variables: Mapping[str, str] = field(default_factory=dict)
    is_first: bool = False
    author: str | None = None
    date_created: datetime | None = None
    date_updated: datetime | None = None
    is_quiet: bool = False
    sid: str | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChanges:
    """What to change in a message. From ``subject`` on is for the account alone."""

    body: str | Unchanged = UNCHANGED
    attributes: JSONValue | Unchanged = UNCHANGED
    subject: str | Unchanged = UNCHANGED
    author: str | Unchanged = UNCHANGED
    date_created: datetime | Unchanged = UNCHANGED
    date_updated: datetime | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Messages in ascending order of index, and whether older and newer ones exist beyond them."""

    items: tuple[MessageRecord, ...]
    has_older: bool
    has_newer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord:
    """A user of the deployment, whether or not they are in any conversation.

    ``is_online`` and ``is_notifiable`` are None unless the deployment keeps track of who is there. ``date_updated``
    tells newer from older and moves on with each change but those two; None: the backend cannot tell.
    """

    sid: str
    identity: str
    friendly_name: str | None
    attributes: JSONValue
    role_sid: str = ""
    is_online: bool | None = None
    is_notifiable: bool | None = None
    date_updated: datetime | None = None
    date_created: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    """What to change in a user. None takes the name away.

    ``sid`` is for the account alone: that of a user who comes from elsewhere, and was seen here before.
    """

    friendly_name: str | Unchanged | None = UNCHANGED
    attributes: JSONValue | Unchanged = UNCHANGED
    role_sid: str | Unchanged = UNCHANGED
    sid: str | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentTemplateRecord:
    """A prepared message. ``types`` is what Twilio's Content API calls so: by type, such as ``twilio/text``.

    ``variables`` gives a sample value for each placeholder of the texts, ``{{1}}`` for ``"1"``.
    """

    sid: str
    friendly_name: str
    variables: Mapping[str, str]
    types: Mapping[str, JSONValue]
    date_created: datetime
    date_updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedIdentity:
    """Who a Twilio identity is to the service, and a token to sign in there as the same person.

    ``token`` and ``expires_on`` are None unless a token was asked for. The one record with an id of the service
    behind it: telling that id is its purpose, so that a client already rewritten for the service can use it.
    """

    identity: str
    acs_user_id: str
    token: str | None = field(default=None, repr=False)
    expires_on: datetime | None = None
