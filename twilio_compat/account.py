"""The account's side of the port: what a server may ask of a backend that no user may.

At Twilio a server calls the REST API as its *account*, which is nobody's user: it reads every conversation, writes as
anybody, and gives roles. So the parts of the port take an `Actor` that stands for the account (`account_actor`) or for
one of its users without a token (`on_behalf_of`), and `AccountBackend` adds what only the account asks for.

An account has *services* (``IS...``), each a world of its own: conversations, unique names, users and roles of one are
not seen from another. A backend is that of one service; `AccountBackend.of` leads to the others. Tokens name the service
they are for, and without one they are for the default service.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from twilio_compat.backend import Backend, Conversations, Media, PushRegistrations, Users
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ActorKind,
    ConversationRecord,
    ConversationStateName,
    JSONObject,
    JSONValue,
    MediaRecord,
    PushChannel,
    Unchanged,
    UserRecord,
)

SYSTEM: Final = "system"
"""Who made what the account made, and wrote what it wrote without saying as whom."""

RoleType: TypeAlias = Literal["conversation", "service"]


def account_actor(service_sid: str | None = None, *, tells_webhooks: bool = False) -> Actor:
    """Return the account itself, as a server acts that calls the REST API."""
    return _account(SYSTEM, ActorKind.ACCOUNT, service_sid, tells_webhooks)


def on_behalf_of(identity: str, service_sid: str | None = None, *, tells_webhooks: bool = False) -> Actor:
    """Return the account acting as the user *identity*, who is made a user when they are none."""
    return _account(identity, ActorKind.ON_BEHALF, service_sid, tells_webhooks)


def _account(identity: str, kind: ActorKind, service_sid: str | None, tells_webhooks: bool) -> Actor:
    return Actor(
        identity=identity,
        token="",
        expires_at=_NEVER,
        service_sid=service_sid,
        kind=kind,
        tells_webhooks=tells_webhooks,
    )


_NEVER = datetime.max.replace(tzinfo=UTC)


# Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationQuery:
    """Which conversations of a service are wanted: by state, and by when they were made, both bounds included."""

    state: ConversationStateName | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMove:
    """A conversation that moved on by itself; ``before`` is the state it had.

    ``reason`` is what moved it: a timer, or an event, which is a message that made an inactive one active again.
    """

    conversation: ConversationRecord
    before: ConversationStateName
    reason: Literal["timer", "event"] = "timer"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDraft:
    """A user to be made. Without a name it is called by its identity; ``sid`` is that of one who comes from elsewhere."""

    identity: str
    friendly_name: str | None = None
    attributes: JSONValue = field(default_factory=dict)
    role_sid: str | None = None
    sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRecord:
    """A role. ``permissions`` are Twilio's names, such as ``sendMessage``."""

    sid: str
    friendly_name: str
    type: RoleType
    permissions: tuple[str, ...]
    date_created: datetime
    date_updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDraft:
    """A role to be made."""

    friendly_name: str
    type: RoleType
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDefaults:
    """The sids of the roles that are given to whoever was given none."""

    conversation_creator: str
    conversation: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDefaultsChanges:
    """What to change in them."""

    conversation_creator: str | Unchanged = UNCHANGED
    conversation: str | Unchanged = UNCHANGED
    service: str | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """A service of the account."""

    sid: str
    friendly_name: str
    date_created: datetime
    date_updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMedia:
    """An uploaded file, and where it is: both sids are None until a message names it."""

    media: MediaRecord
    author: str
    date_created: datetime
    conversation_sid: str | None = None
    message_sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRegistrationRecord:
    """A device that wants to be notified. ``sid`` is ``BS`` and 32 hex digits; ``registration_id`` is the device's own."""

    sid: str
    identity: str
    channel: PushChannel
    registration_id: str
    date_created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A JSON object that is kept for the account under a kind and a name, unique together."""

    kind: str
    name: str
    content: JSONObject
    date_created: datetime
    date_updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Something to be done once, later: a call to somebody's webhook, a write to be repeated elsewhere.

    Those of one ``line`` are done in the order in which they were added; ``key`` names it once and for all, so that what
    is added twice is done once.
    """

    queue: str
    line: str
    key: str
    content: JSONObject
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenErrand:
    """An errand that was taken to be done. ``attempts`` counts those before this one."""

    errand_id: int
    errand: Errand
    attempts: int
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How much waits in a queue, how much of it was given up, and since when the oldest that waits does."""

    waiting: int
    dead: int
    oldest: datetime | None = None


# Protocols


class AccountConversations(Conversations, Protocol):
    """Conversations, all of a service's."""

    async def page(
        self, actor: Actor, query: ConversationQuery, *, after: str | None, limit: int
    ) -> Sequence[ConversationRecord]:
        """Return up to *limit* that were made after the one with the sid *after* (None: from the first on)."""

    async def sid_of(self, actor: Actor, unique_name: str) -> str:
        """Return the sid of the one with a unique name, as far as that is known without a look at it. `NotFoundError` 50350."""

    async def move_due(self) -> Sequence[StateMove]:
        """Move on those whose timers have run out, and return them, with those that a message made active again.

        In the order in which they moved. Each move is returned to one caller, of any process.
        """


class AccountUsers(Users, Protocol):
    """Users, all of a service's."""

    async def create(self, actor: Actor, draft: UserDraft) -> UserRecord:
        """Make a user. `ConflictError` 50201: there is one; `NotFoundError` 50100 (role); errors of `Users.update`."""

    async def by_sid(self, actor: Actor, sid: str) -> UserRecord:
        """Fetch a user by sid. `NotFoundError` 50200."""

    async def page(self, actor: Actor, *, after: str | None, limit: int) -> Sequence[UserRecord]:
        """Return up to *limit* that were made after the one with the sid *after* (None: from the first on)."""

    async def delete(self, actor: Actor, identity: str) -> None:
        """Take a user out of all conversations and forget them; what they wrote stays. `NotFoundError` 50200."""


class Roles(Protocol):
    """The roles of a service: four that are always there, and those that the account made."""

    async def list(self) -> Sequence[RoleRecord]:
        """Return all of them, the four first."""

    async def get(self, sid: str) -> RoleRecord:
        """Fetch one. `NotFoundError` 50100."""

    async def create(self, draft: RoleDraft) -> RoleRecord:
        """Make one. `LimitError` 50104 (permission), 50105 (type), 50003 (name)."""

    async def update(self, sid: str, permissions: Sequence[str]) -> RoleRecord:
        """Replace what it allows, one of the four's, too. Errors as `get` and `create`."""

    async def delete(self, sid: str) -> None:
        """Forget one that was made; who has it counts as having none. `NotFoundError`, `ConflictError` for the four."""

    async def defaults(self) -> RoleDefaults:
        """Return the roles of those who were given none."""

    async def set_defaults(self, changes: RoleDefaultsChanges) -> RoleDefaults:
        """Change them. `NotFoundError` 50100, 50109."""


class Reachability(Protocol):
    """Whether a service keeps track of who is there (`Backend.reachability_enabled`)."""

    async def is_on(self) -> bool:
        """Say so: what the account wanted, or else what the settings say."""

    async def switch(self, enabled: bool) -> None:
        """Have it do so, or not, in all processes; it counts for whoever connects from now on."""


class AccountMedia(Media, Protocol):
    """Uploaded files, whoever uploaded them."""

    async def get(self, sid: str) -> StoredMedia:
        """Fetch one. `NotFoundError` 50507."""

    async def delete(self, sid: str) -> None:
        """Remove the file; messages that name it keep doing so. `NotFoundError` 50507."""


class AccountPushRegistrations(PushRegistrations, Protocol):
    """The devices of all users of a service."""

    async def list(self) -> Sequence[PushRegistrationRecord]:
        """Return all of them, in the order in which they were noted."""

    async def remove(self, sid: str) -> None:
        """Forget one. `NotFoundError` 20404."""


class Services(Protocol):
    """The services of the account. The default one is always there."""

    async def list(self) -> Sequence[ServiceRecord]:
        """Return all of them, the default one first."""

    async def get(self, sid: str) -> ServiceRecord:
        """Fetch one. `NotFoundError` 50050."""

    async def create(self, friendly_name: str, *, sid: str | None = None) -> ServiceRecord:
        """Make one, empty; *sid* is that of one which comes from elsewhere, and may be there already."""

    async def delete(self, sid: str) -> None:
        """Delete one with all that is in it. `NotFoundError` 50050; `ConflictError` for the default one."""


class Documents(Protocol):
    """What the account has kept, and no backend looks into. Each service has its own."""

    async def list(self, kind: str, *, after: datetime | None = None) -> Sequence[Document]:
        """Return all of a kind, or those made *after* a time, in the order in which they were made.

        Of two of a kind the later one has the later `Document.date_created`, so nothing is missed that is asked for by that.
        """

    async def get(self, kind: str, name: str) -> Document | None:
        """Return one, if there is one."""

    async def put(self, kind: str, name: str, content: JSONObject) -> Document:
        """Keep one, in place of the one that is there."""

    async def change(
        self, kind: str, name: str, change: Callable[[JSONObject | None], JSONObject]
    ) -> Document:
        """Keep what *change* makes of the content that is there (None: nothing is), while nobody else writes.

        *change* may be called more than once; what it raises goes through, and nothing is changed.
        """

    async def delete(self, kind: str, name: str) -> bool:
        """Forget one; say whether there was one."""


class Errands(Protocol):
    """Durable queues of what is to be done later. Several processes may take from one queue."""

    async def add(self, errands: Sequence[Errand]) -> int:
        """Add those whose key their queue has never seen; return how many that was. A key is known for a week at least."""

    async def amend(self, queue: str, key: str, *, content: JSONObject, due: datetime) -> bool:
        """Give one another content and time. Say whether: not where it was taken, is over, or is not there."""

    async def withdraw(self, queue: str, key: str) -> bool:
        """Have one done no more, as if it had been. Say whether; not where `amend` would not."""

    async def of_line(self, queue: str, line: str) -> Backlog:
        """Say how much waits in a line of a queue, and how much of it was given up."""

    async def take(self, queue: str, *, limit: int, hold: float) -> Sequence[TakenErrand]:
        """Return up to *limit* that are due, at most one of each line, the first of it that is not done.

        Nobody else is given them, nor any other of their line, for *hold* seconds, or until `done`, `retry` or `bury`.
        """

    async def done(self, errand_id: int) -> None:
        """Note that it was done."""

    async def retry(self, errand_id: int, *, at: datetime, error: str, is_failure: bool = True) -> None:
        """Note that it failed and is to be tried again at a time, before what comes after it in its line.

        Where it is no *failure* it does not count among its attempts: it could not be done yet.
        """

    async def bury(self, errand_id: int, *, error: str) -> None:
        """Give it up; its line goes on. It is kept until `revive` or for a week."""

    async def revive(self, queue: str, keys: Sequence[str] | None = None) -> int:
        """Have those that were given up (None: all) done again, now; return how many that was."""

    async def dead(self, queue: str, *, limit: int) -> Sequence[TakenErrand]:
        """Return those that were given up, oldest first."""

    async def backlog(self, queue: str) -> Backlog:
        """Say how much waits."""

    async def next_due(self, queue: str) -> datetime | None:
        """Say when the next one can be taken; None where none waits."""


class Leases(Protocol):
    """Which process does what only one should do at a time."""

    async def hold(self, name: str, holder: str, *, seconds: float) -> bool:
        """Take or keep *name* for *holder* for that long from now; say whether nobody else has it."""

    async def release(self, name: str, holder: str) -> None:
        """Give it up, if *holder* has it."""


@runtime_checkable
class AccountBackend(Backend, Protocol):
    """A backend that serves accounts too; of one service."""

    @property
    def service_sid(self) -> str:
        """The service (``IS...``) whose conversations these are."""

    @property
    def conversations(self) -> AccountConversations:
        """Conversations."""

    @property
    def users(self) -> AccountUsers:
        """Users."""

    @property
    def media(self) -> AccountMedia:
        """Media."""

    @property
    def push_registrations(self) -> AccountPushRegistrations:
        """Push registrations."""

    @property
    def roles(self) -> Roles:
        """Roles."""

    @property
    def reachability(self) -> Reachability:
        """Reachability."""

    @property
    def services(self) -> Services:
        """Services."""

    @property
    def documents(self) -> Documents:
        """Documents."""

    @property
    def errands(self) -> Errands:
        """Errands."""

    @property
    def leases(self) -> Leases:
        """Leases."""

    async def of(self, service_sid: str | None) -> AccountBackend:
        """Return the backend of a service (None: of the default one), open as long as this is. `NotFoundError` 50050."""
