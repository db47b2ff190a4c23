"""What is remembered of what one event stream of two has told, and what is to be looked at, or was seen: pure.

Memory is bounded: of each conversation the last `LAST` messages and members that were told, and of each the last
`VERSIONS` versions; the last `TOUCHED` messages and members of which the side without authority spoke.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, TypeVar

from twilio_compat.records import ConversationRecord, MessageRecord, ParticipantRecord

LAST: Final = 500
"""Messages, and members, of a conversation that are remembered as told."""
TOUCHED: Final = 50
"""Messages, and members, which the side without authority spoke of last, and that will be looked at."""
VERSIONS: Final = 20
"""Versions of one thing that are remembered as told."""

V = TypeVar("V")


class Bounded(OrderedDict[str, V], Generic[V]):
    """The newest of what was put in, up to a number."""

    def __init__(self, most: int) -> None:
        """Keep as many."""
        super().__init__()
        self._most = most

    def put(self, key: str, value: V) -> Sequence[V]:
        """Put something in, and return what is not kept any more."""
        self[key] = value
        self.move_to_end(key)
        return [self.popitem(last=False)[1] for _ in range(len(self) - self._most)]


@dataclass(slots=True)
class Told:
    """What was told of one thing, oldest version first. ``gone``: that it is gone.

    ``index`` is a message's. ``member`` is a member as they joined, as far as that was told: who is gone has no date of
    their own on ACS. ``turn`` is the one in which somebody left.
    """

    at: datetime
    versions: list[str]
    index: int = -1
    gone: bool = False
    member: ParticipantRecord | None = None
    turn: int = 0

    def is_again(self, since: datetime, turn: int) -> bool:
        """Say whether who left joins once more: later than before, or as the same stream says that said they left."""
        return self.gone and (self.turn == turn or self.member is None or since > self.member.date_created)

    def differs(self, version: str) -> bool:
        """Say whether a version is another one than was told last."""
        return not self.gone and version != self.versions[-1]

    def is_news(self, version: str, at: datetime) -> bool:
        """Say whether a version, which came to be at a time, is newer than what was told."""
        if self.gone or at < self.at:
            return False
        return version not in self.versions if at == self.at else version != self.versions[-1]

    def note(self, version: str, at: datetime) -> None:
        """Note that a version was told."""
        self.at = max(self.at, at)
        self.versions = [*self.versions, version][-VERSIONS:]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at. ``back_to``: messages from the newest back to one with this index, or a lower one.

    ``messages`` and ``members`` are those of which a side spoke that was not listened to.
    """

    conversation_sid: str
    back_to: int
    messages: tuple[str, ...]
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was there. ``conversation`` is None where the user is no member, or, so ``is_gone``, it is gone.

    ``messages`` ascend, and all from ``first`` on are among them. ``others`` are those that were asked for and are not.
    ``names``: the public sids of what was asked for by another name, as it was not known yet when it was spoken of.
    """

    conversation: ConversationRecord | None
    first: int = 0
    messages: Sequence[MessageRecord] = ()
    others: Mapping[str, MessageRecord | None] = field(default_factory=dict)
    participants: Sequence[ParticipantRecord] = ()
    is_gone: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


def state_of(of: ConversationRecord) -> str:
    """Return what of a conversation, and the user's standing in it, makes a difference to them."""
    own = (of.last_read_message_index, of.notification_level)
    return f"{of.sid} {(of.friendly_name, of.unique_name, of.attributes, of.state.current, of.timers, own)!r}"


def version_of(of: MessageRecord) -> str:
    """Return what of a message makes a difference."""
    return repr((of.body, of.attributes, of.author, of.subject))


def at_of(of: MessageRecord) -> datetime:
    """Return when a message came to be as it is."""
    return of.changed_at or of.date_updated


def member_version(of: ParticipantRecord) -> str:
    """Return what of a member makes a difference."""
    return repr((of.attributes, of.last_read_message_index))


def member_at(of: ParticipantRecord) -> datetime:
    """Return when a member came to be as they are."""
    return of.changed_at or of.date_updated
