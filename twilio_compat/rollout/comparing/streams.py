"""Whether both sides tell the same news of a conversation: pure, but for what it keeps.

What a subscription tells of messages is noted by side, listener and conversation, as `Told`. A conversation's news is a
*window*: it is compared once nothing has come for `QUIET` seconds, since a mirror tells later than the authority. Whoever
takes a window must know that nothing waited to be mirrored meanwhile; otherwise it is given back, and goes on.

Alike are: the messages that were added, in this order; those that were removed; those that were changed. That one was
changed counts once however often it was, and not at all in the window in which it was added: a mirror is told of what is
there, which may be the outcome of several changes. What was added and removed in one window does not count either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from twilio_compat.events import Event, MessageAdded, MessageRemoved, MessageUpdated
from twilio_compat.rollout.comparing.comparison import EXTRA, MISSING, ORDER, Difference
from twilio_compat.rollout.staging.stages import Side

QUIET: Final = 10.0
"""Seconds without news after which a window is compared."""
LONGEST: Final = 1000
"""News of one side in one window; a longer one is not compared."""
MOST: Final = 200
"""Windows at once; news of other conversations is not compared."""

What: TypeAlias = Literal["added", "updated", "removed"]


@dataclass(frozen=True, slots=True)
class Told:
    """One piece of news of a message, in public names."""

    what: What
    sid: str
    index: int

    def called(self, sid: str) -> Told:
        """Return the news under a name that was not known yet when it came."""
        return self if sid == self.sid else Told(self.what, sid, self.index)


def told_by(event: Event) -> tuple[str, Told] | None:
    """Return the conversation, and what an event tells of a message of it; None where it is of something else."""
    match event:
        case MessageAdded(message=message):
            return message.conversation_sid, Told("added", message.sid, message.index)
        case MessageUpdated(message=message):
            return message.conversation_sid, Told("updated", message.sid, message.index)
        case MessageRemoved():
            return event.conversation_sid, Told("removed", event.message_sid, event.index)
        case _:
            return None


def compare_told(authority: Sequence[Told], mirror: Sequence[Told]) -> Sequence[Difference]:
    """Return in what the news of the mirror is not that of the authority."""
    return [
        *_compared("added", _added(authority), _added(mirror), ordered=True),
        *_compared("updated", _sorted("updated", authority), _sorted("updated", mirror)),
        *_compared("removed", _sorted("removed", authority), _sorted("removed", mirror)),
    ]


Key: TypeAlias = tuple[str, str]
"""Who listens, and the conversation."""


@dataclass(slots=True)
class Window:
    """The news of one conversation to one listener. ``last`` is when some came, in seconds."""

    last: float
    told: dict[Side, list[Told]] = field(default_factory=lambda: {each: [] for each in Side})

    @property
    def is_long(self) -> bool:
        """Whether it has become too long to be compared."""
        return any(len(each) > LONGEST for each in self.told.values())


class Streams:
    """The windows that are open."""

    def __init__(self) -> None:
        """Start with none."""
        self._windows: dict[Key, Window] = {}

    def __bool__(self) -> bool:
        """Say whether any is open."""
        return bool(self._windows)

    def note(self, side: Side, listener: str, event: Event, at: float) -> bool:
        """Note an event; say whether it was one of a message, and there was room."""
        if (found := told_by(event)) is None:
            return False
        sid, told = found
        window = self._windows.get((listener, sid))
        if window is None:
            if len(self._windows) >= MOST:
                return False
            window = self._windows[listener, sid] = Window(at)
        window.last = at
        if not window.is_long:
            window.told[side].append(told)
        return True

    def take(self, at: float) -> Sequence[tuple[Key, Window]]:
        """Take out the windows to which nothing has come for long enough."""
        taken = [(key, each) for key, each in self._windows.items() if at - each.last >= QUIET]
        for key, _ in taken:
            del self._windows[key]
        return taken

    def give_back(self, key: Key, window: Window, at: float) -> None:
        """Let a window that was taken go on, before what came since."""
        since = self._windows.pop(key, Window(at))
        for side, told in window.told.items():
            told.extend(since.told[side])
        window.last = at
        self._windows[key] = window


def _added(told: Sequence[Told]) -> list[tuple[str, int]]:
    """Return what was added in one window and is still there, as often as it was told."""
    removed = {each.sid for each in told if each.what == "removed"}
    return [(each.sid, each.index) for each in told if each.what == "added" and each.sid not in removed]


def _sorted(what: What, told: Sequence[Told]) -> list[tuple[str, int]]:
    """Return what was changed, or removed, and was not added in the same window; each once."""
    outweighed_by = ("added",) if what == "removed" else ("added", "removed")
    others = {each.sid for each in told if each.what in outweighed_by}
    return sorted({(each.sid, each.index) for each in told if each.what == what and each.sid not in others})


def _compared(
    what: What, authority: list[tuple[str, int]], mirror: list[tuple[str, int]], *, ordered: bool = False
) -> list[Difference]:
    differences = [Difference(f"{what}[{sid}]", MISSING, index) for sid, index in _without(authority, mirror)]
    differences += [
        Difference(f"{what}[{sid}]", EXTRA, None, index) for sid, index in _without(mirror, authority)
    ]
    if ordered and not differences and authority != mirror:
        shown = ([sid for sid, _ in each] for each in (authority, mirror))
        differences.append(Difference(what, ORDER, *shown))
    return differences


def _without(some: list[tuple[str, int]], others: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return those of *some* that are not among *others*; one that is there twice must be there twice."""
    return [*(Counter(some) - Counter(others)).elements()]
