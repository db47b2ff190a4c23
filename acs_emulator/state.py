"""What a resource holds, in memory to answer from and in a journal to survive.

The entities are frozen records whose fields are plain JSON values, so that a record is its own journal row. Times
are milliseconds since 1970. An operation works out the new records and hands them to `State.commit`, which writes
them to the journal in one transaction and only then puts them into memory: memory and journal agree even when
writing fails, and an operation is never half done.

A thread's messages are indexed twice: by id, and by sequence id. Each change gives a message the next sequence id
of its thread, so walking down the second index reads the messages newest change first, from any point, at the cost
of what is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self, TypeAlias, cast

from acs_emulator.journal import DataError, Journal, Json

MessageType = Literal["text", "html", "topicUpdated", "participantAdded", "participantRemoved"]

DAY = 24 * 60 * 60 * 1000


class _Entity:
    """A record that knows its place in the journal."""

    __slots__ = ()
    namespace: ClassVar[str]

    def row(self) -> dict[str, Json]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in cast("tuple[str, ...]", type(self).__slots__)}

    @classmethod
    def from_row(cls, row: dict[str, Json]) -> Self:
        """Build the record of a row."""
        return cls(**cast("dict[str, Any]", row))


@dataclass(frozen=True, slots=True)
class Resource(_Entity):
    """The resource itself."""

    namespace: ClassVar[str] = "resource"
    id: str
    access_key: str

    @property
    def key(self) -> str:
        """There is one."""
        return "resource"


@dataclass(frozen=True, slots=True)
class User(_Entity):
    """An ACS user. Tokens issued before the latest of its `revocations` are dead."""

    namespace: ClassVar[str] = "users"
    id: str
    revocations: int = 0

    @property
    def key(self) -> str:
        """The user id."""
        return self.id


@dataclass(frozen=True, slots=True)
class Thread(_Entity):
    """A thread's own properties, and the counters of what happened in it."""

    namespace: ClassVar[str] = "threads"
    id: str
    number: int
    """The thread is the resource's so-many-th."""
    topic: str
    created_on: int
    created_by: str
    metadata: dict[str, str]
    retention_policy: dict[str, Json] | None = None
    deleted_on: int | None = None
    last_message_received_on: int | None = None
    sequence: int = 0
    """Sequence id of the latest change of a message."""
    stamp: int = 0
    """The latest message id or version given out; the next one is greater."""
    joined: int = 0
    """How many participants were ever added."""

    @property
    def key(self) -> str:
        """The thread id."""
        return self.id

    @property
    def activity(self) -> int:
        """When something last happened, as the order of the thread list has it."""
        return self.last_message_received_on or self.created_on

    def is_gone(self, now: int) -> bool:
        """Whether the thread was deleted, or has outlived its retention policy."""
        days = (self.retention_policy or {}).get("deleteThreadAfterDays")
        is_over = isinstance(days, int) and now >= self.created_on + days * DAY
        return is_over or self.deleted_on is not None

    def advance(self, now: int, *, is_activity: bool) -> Thread:
        """Count one more change of a message: its sequence id and its version are the new `sequence` and `stamp`."""
        stamp = max(now, self.stamp + 1)
        received_on = stamp if is_activity else self.last_message_received_on
        return replace(self, sequence=self.sequence + 1, stamp=stamp, last_message_received_on=received_on)


@dataclass(frozen=True, slots=True)
class Participant(_Entity):
    """A member of a thread. `position` is its place in the order of joining."""

    namespace: ClassVar[str] = "participants"
    thread_id: str
    user_id: str
    position: int
    display_name: str | None = None
    share_history_time: int = 0
    metadata: dict[str, str] | None = None

    @property
    def key(self) -> str:
        """Thread and user."""
        return f"{self.thread_id}/{self.user_id}"


@dataclass(frozen=True, slots=True)
class Message(_Entity):
    """A message, of a user or of the system; `id` and `version` are milliseconds since 1970, unique in the thread."""

    namespace: ClassVar[str] = "messages"
    thread_id: str
    id: int
    type: MessageType
    sequence: int
    version: int
    content: dict[str, Json]
    sender: str | None = None
    sender_display_name: str | None = None
    metadata: dict[str, str] | None = None
    edited_on: int | None = None
    deleted_on: int | None = None

    @property
    def key(self) -> str:
        """Thread and message."""
        return f"{self.thread_id}/{self.id}"


@dataclass(frozen=True, slots=True)
class ReadReceipt(_Entity):
    """How far a member has read."""

    namespace: ClassVar[str] = "readReceipts"
    thread_id: str
    reader: str
    message_id: int
    read_on: int

    @property
    def key(self) -> str:
        """Thread and reader."""
        return f"{self.thread_id}/{self.reader}"


@dataclass(frozen=True, slots=True)
class Creation(_Entity):
    """The thread that a caller's ``repeatability-request-id`` made, and whom it could not add."""

    namespace: ClassVar[str] = "creations"
    caller: str
    request_id: str
    thread_id: str
    invalid_participants: list[Json]

    @property
    def key(self) -> str:
        """Caller and request id."""
        return self.key_of(self.caller, self.request_id)

    @staticmethod
    def key_of(caller: str, request_id: str) -> str:
        """Build the key of a caller's request."""
        return f"{caller}/{request_id}"


Entity: TypeAlias = Resource | User | Thread | Participant | Message | ReadReceipt | Creation
_KINDS: tuple[type[Entity], ...] = (Resource, User, Thread, Participant, Message, ReadReceipt, Creation)


@dataclass(slots=True)
class Room:
    """A thread with everything in it."""

    thread: Thread
    participants: dict[str, Participant] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    by_sequence: dict[int, Message] = field(default_factory=dict)
    receipts: dict[str, ReadReceipt] = field(default_factory=dict)

    def newest_first(self, before: int | None = None) -> Iterator[Message]:
        """Walk the messages by falling sequence id, from below `before` or from the top."""
        top = self.thread.sequence if before is None else min(before - 1, self.thread.sequence)
        for sequence in range(top, 0, -1):
            if (message := self.by_sequence.get(sequence)) is not None:
                yield message


class State:
    """Everything the resource holds. Read its attributes; change it through `commit` only."""

    def __init__(self, journal: Journal) -> None:
        """Read what the journal has; raises `DataError` when that makes no sense."""
        self._journal = journal
        self.resource: Resource | None = None
        self.users: dict[str, User] = {}
        self.rooms: dict[str, Room] = {}
        self.memberships: dict[str, set[str]] = {}
        """The ids of the threads each user is a member of."""
        self.creations: dict[str, Creation] = {}
        for kind in _KINDS:
            self._load(kind)

    def commit(self, *changed: Entity, removed: tuple[Entity, ...] = ()) -> None:
        """Keep changes: in the journal, all or none, then in memory."""
        with self._journal.transaction() as write:
            for each in changed:
                write.put(each.namespace, each.key, each.row())
            for each in removed:
                write.delete(each.namespace, each.key)
        for each in changed:
            self._keep(each)
        for each in removed:
            self._drop(each)

    def _load(self, kind: type[Entity]) -> None:
        try:
            found = [kind.from_row(row) for _, row in self._journal.load(kind.namespace)]
            found.sort(key=lambda each: each.position if isinstance(each, Participant) else 0)
            for each in found:
                self._keep(each)
        except (TypeError, ValueError, KeyError) as error:
            raise DataError(
                f"the {kind.namespace} in the data directory do not fit this version: {error!r}"
            ) from error

    def _keep(self, entity: Entity) -> None:
        match entity:
            case Message():
                self._keep_message(entity)
            case Thread() if (room := self.rooms.get(entity.id)) is not None:
                room.thread = entity
            case Thread():
                self.rooms[entity.id] = Room(entity)
            case Participant():
                self.rooms[entity.thread_id].participants[entity.user_id] = entity
                self.memberships.setdefault(entity.user_id, set()).add(entity.thread_id)
            case ReadReceipt():
                self.rooms[entity.thread_id].receipts[entity.reader] = entity
            case User():
                self.users[entity.id] = entity
            case Creation():
                self.creations[entity.key] = entity
            case Resource():
                self.resource = entity

    def _keep_message(self, message: Message) -> None:
        room = self.rooms[message.thread_id]
        if (former := room.messages.get(message.id)) is not None:
            del room.by_sequence[former.sequence]
        room.messages[message.id] = message
        room.by_sequence[message.sequence] = message

    def _drop(self, entity: Entity) -> None:
        match entity:
            case Message():
                room = self.rooms[entity.thread_id]
                del room.messages[entity.id], room.by_sequence[entity.sequence]
            case Participant():
                del self.rooms[entity.thread_id].participants[entity.user_id]
                self.memberships[entity.user_id].discard(entity.thread_id)
            case ReadReceipt():
                del self.rooms[entity.thread_id].receipts[entity.reader]
            case User():
                del self.users[entity.id]
            case Thread() | Creation() | Resource():
                raise ValueError(f"a {type(entity).__name__} is never removed")
