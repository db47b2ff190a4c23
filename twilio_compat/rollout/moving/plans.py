"""How much is to be copied, and how long that takes: pure.

Both services limit how often one conversation may be written to. ACS takes 10 message writes in ten seconds and 30 in a
minute, and as many changes of the members; Twilio takes 30 of each in a second. What is known of a rate is a bound; how
fast it goes is measured while it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from twilio_compat.records import JSONObject
from twilio_compat.rollout.staging.stages import Side, Stage

Window = tuple[int, float]
"""So many writes in so many seconds."""

WINDOWS: Final[Mapping[Side, tuple[Window, ...]]] = {
    Side.ACS: ((30, 60.0), (10, 10.0)),
    Side.TWILIO: ((30, 1.0),),
}
"""What each side takes of writes of one kind to one conversation, the longest first."""
ROUND_TRIP: Final = 0.1
"""Seconds that a write takes without any limit, about."""
MEASURED: Final = 10
"""Messages after which the rate counts that was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done to move a conversation to ``stage``. ``side`` is to be filled; None: nothing is to be copied.

    ``messages`` and so on are all that there are; ``missing`` are the messages that the side has not, or not so.
    """

    conversation_sid: str
    stage: Stage
    now: Stage
    side: Side | None = None
    participants: int = 0
    messages: int = 0
    files: int = 0
    bytes: int = 0
    missing_participants: int = 0
    missing: int = 0
    hindrances: tuple[str, ...] = ()
    """Why it cannot be moved."""
    wait: float = 0.0
    """Seconds for which writes may still be under way that nobody noted."""

    @property
    def seconds(self) -> float:
        """How long it takes, about, at the rates that the side allows."""
        if self.side is None:
            return 0.0
        writing = seconds_for(self.side, self.missing_participants) + seconds_for(self.side, self.missing)
        return max(writing, self.wait)

    def as_json(self) -> JSONObject:
        """Return it as the command prints it."""
        return {
            "conversation": self.conversation_sid,
            "from": self.now.value,
            "to": self.stage.value,
            "copied_to": self.side and self.side.value,
            "participants": self.participants,
            "messages": self.messages,
            "files": self.files,
            "bytes": self.bytes,
            "to_write": self.missing + self.missing_participants,
            "seconds": round(self.seconds, 1),
            "hindrances": [*self.hindrances],
        }


class Phase(StrEnum):
    """What a move is doing."""

    COPYING = "copying"
    WAITING = "waiting"
    """For writes that began before it."""
    CHECKING = "checking"
    STEPPING = "stepping"
    """To the stage that was asked for."""
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a move has come: messages that were looked at, of all; and how many of them were written."""

    conversation_sid: str
    phase: Phase
    done: int
    total: int
    written: int
    seconds_left: float

    def as_json(self) -> JSONObject:
        """Return it as the command prints it."""
        return {
            "conversation": self.conversation_sid,
            "phase": self.phase.value,
            "done": self.done,
            "total": self.total,
            "written": self.written,
            "seconds_left": round(self.seconds_left, 1),
        }


def seconds_for(side: Side, writes: int) -> float:
    """Return how long *writes* of one kind to one conversation take: as many at once as a window takes, then the next."""
    seconds, left = 0.0, max(0, writes)
    for count, length in WINDOWS[side]:
        full = max(0, left - 1) // count
        seconds += full * length
        left -= full * count
    return max(seconds, writes * ROUND_TRIP)


def seconds_left(side: Side, left: int, *, written: int, seconds: float) -> float:
    """Return how long what is *left* takes, after *written* took *seconds*."""
    if written < MEASURED or seconds <= 0:
        return seconds_for(side, left)
    return left * seconds / written
