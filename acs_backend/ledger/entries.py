"""What a message listing of ACS says, reduced to what decides order, ownership and events: pure.

ACS lists a thread's messages with the newest *change* first: an edit or a deletion takes the next sequence id of
the thread and moves the message to the top. Besides users' messages a thread carries system messages, which say
who came, who went and how the topic changed. An id is the time of creation and a version the time of the last
change, both in epoch milliseconds and on one clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

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
class Message:
    """What a user's message says. ``sender`` is an ACS id, empty where ACS names none; ``version`` as in `Entry`."""

    id: str
    version: int
    sender: str
    content: str
    metadata: Mapping[str, str]
    edited: bool = False


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
    message: Message | None = None
    """What it says, for users' messages."""

    @property
    def is_message(self) -> bool:
        """Whether a user wrote it."""
        return self.kind is Kind.MESSAGE

    def adds(self, acs_id: str) -> bool:
        """Whether it says that this user became a member."""
        return self.kind is Kind.ADDED and acs_id in self.members


def read(listed: Mapping[str, Any]) -> Entry:
    """Reduce one message as ACS's JSON has it. `InvalidResponseError` where its numbers are none."""
    kind = _KINDS.get(str(listed.get("type")), Kind.OTHER)
    try:
        message_id, sequence = int(listed["id"]), int(listed["sequenceId"])
        version = int(listed["version"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidResponseError(
            f"ACS listed a message whose id, sequence or version is no number: {error!r}"
        ) from error
    message = _message(listed, version) if kind is Kind.MESSAGE else None
    return Entry(
        message_id=message_id,
        sequence=sequence,
        version=version,
        kind=kind,
        deleted=listed.get("deletedOn") is not None,
        mutation_id=message.metadata.get(message_codec.ID) if message is not None else None,
        members=_members(listed) if kind in (Kind.ADDED, Kind.REMOVED) else (),
        message=message,
    )


def newest_first(entries: Iterable[Entry]) -> list[Entry]:
    """Merge listings of one thread: of each message the latest change, in ACS's order."""
    latest: dict[int, Entry] = {}
    for entry in entries:
        known = latest.get(entry.message_id)
        if known is None or known.sequence < entry.sequence:
            latest[entry.message_id] = entry
    return sorted(latest.values(), key=lambda each: -each.sequence)


def _message(listed: Mapping[str, Any], version: int) -> Message:
    return Message(
        id=str(listed["id"]),
        version=version,
        sender=_raw_id(listed.get("senderCommunicationIdentifier")),
        content=_text(_fields(listed.get("content")).get("message")),
        metadata={key: _text(value) for key, value in _fields(listed.get("metadata")).items()},
        edited=listed.get("editedOn") is not None,
    )


def _members(listed: Mapping[str, Any]) -> tuple[str, ...]:
    participants = _fields(listed.get("content")).get("participants") or ()
    named = (_raw_id(_fields(each).get("communicationIdentifier")) for each in participants)
    return tuple(each for each in named if each)


def _raw_id(identifier: Any) -> str:
    """Return the id in an identifier, which older versions of ACS give in one place only."""
    fields = _fields(identifier)
    return _text(fields.get("rawId") or _fields(fields.get("communicationUser")).get("id"))


def _fields(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
