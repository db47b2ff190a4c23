"""When a conversation moves on by itself: pure.

A conversation has up to two timers, each an ISO 8601 duration. Both run from the last activity: the last message, or
the moment when the conversation became active, whichever came later. The *inactive* timer makes an active conversation
inactive; the *closed* timer closes one that is active or inactive. So each has one of these moves ahead, or none:

========  =======================  =================================
state     next, the earlier one    what else ends the state
========  =======================  =================================
active    inactive, or closed      somebody who may says so
inactive  closed                   a message makes it active; ditto
closed    nothing                  nothing
========  =======================  =================================

A message makes an inactive conversation active if it is newer than ``quiet_after``, which is the newest message there was
when it became inactive. Both are ids that ACS gave, so no clock of this machine has a say in it.

A duration has weeks, days, hours, minutes and seconds, as in ``P1DT12H`` or ``PT90S``. Years and months have no length
that is always the same, so they are none. Twilio takes timers without a state, though it has an error 50382 for that:
a conversation is made active then, as always.

A row has in ``due_at`` when it is to be looked at: the earliest time at which something can happen, and at once if it
moved and nobody was told yet who asks for moves (`acs_backend.movements`).

Times and durations are in epoch milliseconds and milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from acs_backend.store.conversations import Conversation
from acs_backend.times import later
from twilio_compat.errors import LimitError
from twilio_compat.records import ConversationStateName, Timers

SHORTEST_INACTIVE, SHORTEST_CLOSED = 60_000, 600_000
"""What Twilio takes at least."""
LONGEST = 1000 * 366 * 86_400_000
"""A thousand years: what is longer cannot be told as a date."""

_NUMBER = r"(\d{1,12}(?:[.,]\d{1,9})?)"
_DURATION = re.compile(
    rf"P(?=\d|T\d)(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII | re.IGNORECASE,
)
_UNITS = (7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000)


@dataclass(frozen=True, slots=True)
class Move:
    """What the timers do to a conversation: to which state, and when."""

    to: ConversationStateName
    at: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A conversation that moved on by itself, and the state that it had before."""

    row: Conversation
    before: ConversationStateName


def milliseconds(duration: str) -> int | None:
    """Return how long an ISO 8601 duration is; None for what is none, or too long to be told."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        return None
    parts = [Decimal((each or "0").replace(",", ".")) for each in found.groups()]
    length = sum(part * unit for part, unit in zip(parts, _UNITS, strict=True))
    return int(length) if length <= LONGEST else None


def check_timers(timers: Timers) -> None:
    """Refuse (`LimitError`) 50379, 50380: no durations; 50375, 50376: too short."""
    _check(timers.inactive, "TimeToInactive", SHORTEST_INACTIVE, "1 minute", codes=(50379, 50375))
    _check(timers.closed, "TimeToClosed", SHORTEST_CLOSED, "10 minutes", codes=(50380, 50376))


def _check(timer: str | None, name: str, shortest: int, said: str, *, codes: tuple[int, int]) -> None:
    if timer is None:
        return
    length = milliseconds(timer)
    if length is None:
        raise LimitError(f"{name} format is invalid", code=codes[0])
    if length < shortest:
        raise LimitError(f"{name} should be greater or equal to {said}", code=codes[1])


def has_timers(row: Conversation) -> bool:
    """Say whether a conversation will ever move on by itself."""
    return row.state in ("active", "inactive") and not (row.inactive_after is row.closed_after is None)


def last_activity(row: Conversation, newest: int) -> int:
    """Return when there was activity last; *newest* is the id of the newest message, which is a time, or 0."""
    return max(row.state_updated_at if row.active_at is None else row.active_at, newest)


def moves_ahead(row: Conversation, newest: int) -> list[Move]:
    """Return what will happen to a conversation as far as nobody writes, in that order."""
    return sorted(_moves(row, last_activity(row, newest)), key=lambda each: (each.at, each.to == "closed"))


def _moves(row: Conversation, since: int) -> Iterator[Move]:
    if row.state == "active" and (after := _length(row.inactive_after)) is not None:
        yield Move("inactive", since + after)
    if row.state in ("active", "inactive") and (after := _length(row.closed_after)) is not None:
        yield Move("closed", since + after)


def moves_due(row: Conversation, newest: int, now: int) -> list[Move]:
    """Return what has happened to it by *now*, in that order; once it is closed, nothing more does."""
    due = [each for each in moves_ahead(row, newest) if each.at <= now]
    closing = next((number for number, each in enumerate(due) if each.to == "closed"), len(due))
    return due[: closing + 1]


def due_at(row: Conversation, newest: int = 0) -> int | None:
    """Return the earliest time at which something can happen to it; without *newest* it may be later than that."""
    return min((each.at for each in moves_ahead(row, newest)), default=None)


def is_woken(row: Conversation, newest: int) -> bool:
    """Say whether a message makes a conversation active again."""
    quiet_after = row.state_updated_at if row.quiet_after is None else row.quiet_after
    return row.state == "inactive" and newest > quiet_after


def into(row: Conversation, state: ConversationStateName, *, newest: int, now: int) -> Conversation:
    """Return *row* in another state; its dates move with it."""
    since = row.state_updated_at if row.state == "active" and row.active_at is None else row.active_at
    moved = replace(
        row,
        state=state,
        state_updated_at=now,
        updated_at=later(row.updated_at, now),
        date_updated=None,
        active_at=now if state == "active" else since,
        quiet_after=newest if state == "inactive" else None,
    )
    return scheduled(moved, newest)


def scheduled(row: Conversation, newest: int = 0) -> Conversation:
    """Return *row* with the time at which it is to be looked at."""
    return replace(row, due_at=0 if row.untold else due_at(row, newest))


def settled(row: Conversation, newest: int, now: int) -> list[Moved]:
    """Return the moves that time and messages have brought about by *now*, in their order."""
    moved: list[Moved] = []
    if is_woken(row, newest):
        woken = replace(into(row, "active", newest=newest, now=now), active_at=newest)
        moved.append(Moved(scheduled(woken, newest), row.state))
        row = moved[-1].row
    for each in moves_due(row, newest, now):
        moved.append(Moved(into(row, each.to, newest=newest, now=now), row.state))
        row = moved[-1].row
    return moved


def _length(duration: str | None) -> int | None:
    return None if duration is None else milliseconds(duration)
