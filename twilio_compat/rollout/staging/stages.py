"""The stages of a conversation on its way from Twilio to ACS, and what each of them means: data, and pure functions of it.

In each stage one side has the authority: what it says is so, callers read from it and write to it, and a write counts
as done when it has acknowledged it. The other side may be a mirror, which is told afterwards, off the caller's path:

=============  =========  ===========  ==========================
stage          authority  mirrored to  compared
=============  =========  ===========  ==========================
``off``        Twilio     nowhere      no
``dualwrite``  Twilio     ACS          no
``shadow``     Twilio     ACS          yes
``live``       ACS        Twilio       yes
``rampdown``   ACS        Twilio       no
``complete``   ACS        nowhere      no
=============  =========  ===========  ==========================

A conversation moves one step up or down at a time. Three kinds of step want care, and the table says which they are:

* Where the authority changes (`is_handover`: between ``shadow`` and ``live``), the side that gets it must have been told
  everything before, and nobody may write meanwhile.
* Where a mirror begins (`begins_mirror`: ``off`` to ``dualwrite``, ``complete`` to ``rampdown``), what was written
  before must be copied.
* Where a mirror ends, it is out of date from the next write on.

Killing (`killing`) takes a conversation back to ``off`` past the steps between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final


class Side(StrEnum):
    """One of the two systems."""

    TWILIO = "twilio"
    ACS = "acs"

    @property
    def other(self) -> Side:
        """The other one."""
        return Side.ACS if self is Side.TWILIO else Side.TWILIO


class Stage(StrEnum):
    """How far a conversation has come; in this order."""

    OFF = "off"
    DUALWRITE = "dualwrite"
    SHADOW = "shadow"
    LIVE = "live"
    RAMPDOWN = "rampdown"
    COMPLETE = "complete"


class Killing(Enum):
    """What becomes of a conversation when the rollout is killed."""

    NOTHING = "nothing"
    """Nothing: Twilio has had it alone all along."""
    AT_ONCE = "at once"
    """It is off from the next call on: Twilio has everything."""
    AFTER_DRAIN = "after drain"
    """It is off once Twilio was told of everything that it does not have yet."""
    IMPOSSIBLE = "impossible"
    """It stays: Twilio has not been told for long. The way back begins with a copy."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who serves a conversation. ``authority`` is read from and written to; ``mirror`` is told afterwards, if any.

    ``compared``: what was read from the authority is read from the mirror as well, off the caller's path.
    """

    authority: Side
    mirror: Side | None
    compared: bool


DECISIONS: Final[Mapping[Stage, Decision]] = MappingProxyType(
    {
        Stage.OFF: Decision(Side.TWILIO, None, compared=False),
        Stage.DUALWRITE: Decision(Side.TWILIO, Side.ACS, compared=False),
        Stage.SHADOW: Decision(Side.TWILIO, Side.ACS, compared=True),
        Stage.LIVE: Decision(Side.ACS, Side.TWILIO, compared=True),
        Stage.RAMPDOWN: Decision(Side.ACS, Side.TWILIO, compared=False),
        Stage.COMPLETE: Decision(Side.ACS, None, compared=False),
    }
)
"""The decision table."""

ORDER: Final = tuple(Stage)
"""The stages from the first to the last."""


def next_towards(now: Stage, wanted: Stage) -> Stage:
    """Return the stage that is one step from *now* on the way to *wanted*; *now* where that is the same."""
    place, goal = ORDER.index(now), ORDER.index(wanted)
    return ORDER[place + (goal > place) - (goal < place)]


def is_legal(now: Stage, then: Stage) -> bool:
    """Say whether a conversation may go from *now* to *then* in one move: by a step up or down."""
    return abs(ORDER.index(now) - ORDER.index(then)) == 1


def is_handover(now: Stage, then: Stage) -> bool:
    """Say whether the authority changes between the two."""
    return DECISIONS[now].authority is not DECISIONS[then].authority


def begins_mirror(now: Stage, then: Stage) -> bool:
    """Say whether the step is one from where nothing is mirrored to where something is."""
    return is_legal(now, then) and DECISIONS[now].mirror is None and DECISIONS[then].mirror is not None


def killing(stage: Stage) -> Killing:
    """Return what killing means for a conversation in *stage*."""
    decision = DECISIONS[stage]
    if decision.authority is Side.TWILIO:
        return Killing.NOTHING if decision.mirror is None else Killing.AT_ONCE
    return Killing.IMPOSSIBLE if decision.mirror is None else Killing.AFTER_DRAIN
