"""What a message listing of ACS says, reduced to what decides order, ownership and events: pure.

ACS lists a thread's messages with the newest *change* first: an edit or a deletion takes the next sequence id of
the thread and moves the message to the top. Besides users' messages a thread carries system messages, which say
who came, who went and how the topic changed. An id is the time of creation and a version the time of the last
change, both in epoch milliseconds and on one clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from azure.communication.chat import ChatMessage

from acs_backend import message_codec
from twilio_compat.errors import InvalidResponseError


class Kind(Enum):
    """What an entry stands for."""

    MESSAGE = auto()
    """A message of a user."""
    ADDED = auto()
    """Members were added; `Entry.members` says who."""
    REMOVED = auto()
    """Members were removed; `Entry.members` says who."""
    OTHER = auto()
    """Any other system message: the topic changed, or a kind that later versions of ACS may bring."""


_KINDS = {
    "text": Kind.MESSAGE,
    "html": Kind.MESSAGE,
    "participantAdded": Kind.ADDED,
    "participantRemoved": Kind.REMOVED,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing."""

    message_id: int
    """Time of creation in epoch milliseconds; unique within the thread."""
    sequence: int
    """Number of the last change within the thread."""
    version: int
    """Time of the last change in epoch milliseconds."""
    kind: Kind
    deleted: bool = False
    mutation_id: str | None = None
    """The shim's own mark; None on what other clients wrote."""
    members: tuple[str, ...] = ()
    """ACS ids of those who were added or removed."""
    message: ChatMessage | None = None
    """What ACS said of it, for users' messages."""

    @property
    def is_message(self) -> bool:
        """Whether a user wrote it."""
        return self.kind is Kind.MESSAGE

    def adds(self, acs_id: str) -> bool:
        """Whether it says that this user became a member."""
        return self.kind is Kind.ADDED and acs_id in self.members


def read(message: ChatMessage) -> Entry:
    """Reduce one listed message. `InvalidResponseError` where its numbers are none."""
    kind = _KINDS.get(str(getattr(message.type, "value", message.type)), Kind.OTHER)
    try:
        message_id, sequence, version = int(message.id), int(message.sequence_id), int(message.version)
    except (TypeError, ValueError) as error:
        raise InvalidResponseError(
            f"ACS listed a message whose id, sequence or version is no number: {error}"
        ) from error
    return Entry(
        message_id=message_id,
        sequence=sequence,
        version=version,
        kind=kind,
        deleted=message.deleted_on is not None,
        mutation_id=(message.metadata or {}).get(message_codec.ID) if kind is Kind.MESSAGE else None,
        members=_members(message) if kind in (Kind.ADDED, Kind.REMOVED) else (),
        message=message if kind is Kind.MESSAGE else None,
    )


def newest_first(entries: Iterable[Entry]) -> list[Entry]:
    """Merge listings of one thread: of each message the latest change, in ACS's order."""
    latest: dict[int, Entry] = {}
    for entry in entries:
        known = latest.get(entry.message_id)
        if known is None or known.sequence < entry.sequence:
            latest[entry.message_id] = entry
    return sorted(latest.values(), key=lambda each: -each.sequence)


def _members(message: ChatMessage) -> tuple[str, ...]:
    listed = (message.content.participants if message.content else None) or ()
    return tuple(each.identifier.raw_id for each in listed)
