"""The stage that a conversation has, and how it comes to have another: pure.

A flag says where conversations should be; a pin says where one *is*. They differ, since a conversation moves one legal
step at a time, and not each step can be taken at once:

* A mirror is begun by a move alone (`begun`), which copies what was there before. Until all is copied (`all_copied`) the
  conversation goes no further, and no flag takes it back.
* Where the authority changes, the pin first says *towards* which stage it is handed over. From then on nobody begins a
  write. Once everybody knows that, and the side that gets the authority was told of all that had begun, it has the stage
  (`handed_over`); if that takes too long, it stays where it was (`given_up`).
* What an operator wants of one conversation (``held``) counts in place of the flag, under the same rules.
* Killing counts in place of both.

In a mirrored stage ``copied`` means that the mirror is to have everything; when mirroring ends it ends to be so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from twilio_compat.records import JSONObject, JSONValue
from twilio_compat.rollout.staging.stages import (
    DECISIONS,
    Decision,
    Killing,
    Side,
    Stage,
    begins_mirror,
    is_handover,
    killing,
    next_towards,
)
from twilio_compat.rollout.staging.target import Target

PAUSE: Final = timedelta(seconds=30)
"""How long after a handover that was given up the next one begins at the earliest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The stage of one conversation.

    ``since`` is when ``stage`` or ``towards`` last changed; None: it has no pin, and is off. ``wanted`` is where it
    should be. ``towards``: it is being handed over to that stage, and nobody may begin a write. ``was_live``: ACS has had
    the authority at some time, so that what was written then is called otherwise at Twilio. ``about`` is what flags are
    told of it, always the same.
    """

    about: Target
    stage: Stage = Stage.OFF
    since: datetime | None = None
    wanted: Stage = Stage.OFF
    towards: Stage | None = None
    not_before: datetime | None = None
    copied: bool = False
    was_live: bool = False
    held: bool = False

    @property
    def conversation_sid(self) -> str:
        """The conversation."""
        return self.about.conversation_sid or ""

    @property
    def decision(self) -> Decision:
        """Who serves it."""
        return DECISIONS[self.stage]


# How it changes


def pinned(target: Target, stage: Stage, now: datetime) -> Pin:
    """Return the pin of a conversation that is made in *stage*: the mirror has everything from the start."""
    decision = DECISIONS[stage]
    return Pin(
        about=target,
        stage=stage,
        since=now,
        wanted=stage,
        copied=decision.mirror is not None,
        was_live=decision.authority is Side.ACS,
    )


def evolve(pin: Pin, answer: Stage | None, *, killed: bool, now: datetime) -> Pin:
    """Return the pin after one look at it; *answer* is the flag's, None: stay. The same where nothing changes."""
    asked = None if killed or pin.held else answer
    noted = pin if asked is None else replace(pin, wanted=asked)
    goal = pin.wanted if pin.held else pin.stage if asked is None else asked
    then = _killed(pin) if killed else _step(pin, goal)
    if pin.towards is not None:
        return noted if then is pin.towards else replace(noted, towards=None, since=now)
    if not is_handover(pin.stage, then):
        return noted if then is pin.stage else _entered(noted, then, now)
    if pin.not_before is not None and now < pin.not_before:
        return noted
    return replace(noted, towards=then, since=now)


def handed_over(pin: Pin, now: datetime) -> Pin:
    """Return the pin at the end of its handover."""
    return pin if pin.towards is None else _entered(pin, pin.towards, now)


def given_up(pin: Pin, now: datetime) -> Pin:
    """Return the pin after a handover that took too long: where it was, and to be tried again after a `PAUSE`."""
    return replace(pin, towards=None, since=now, not_before=now + PAUSE)


def begun(pin: Pin, now: datetime) -> Pin:
    """Return the pin with a mirror that is still to be filled; the same where one has begun."""
    goal = Stage.DUALWRITE if pin.decision.authority is Side.TWILIO else Stage.RAMPDOWN
    return _entered(pin, goal, now) if begins_mirror(pin.stage, goal) else pin


def all_copied(pin: Pin) -> Pin:
    """Return the pin with a mirror that has everything; the same where mirroring has ended meanwhile."""
    return pin if pin.decision.mirror is None else replace(pin, copied=True)


def _killed(pin: Pin) -> Stage:
    meaning = killing(pin.stage)
    if meaning is Killing.AT_ONCE or (meaning is Killing.AFTER_DRAIN and pin.copied):
        return Stage.OFF
    return pin.stage


def _step(pin: Pin, goal: Stage) -> Stage:
    then = next_towards(pin.stage, goal)
    if pin.copied or (pin.held and DECISIONS[then].mirror is None):
        return then
    return pin.stage


def _entered(pin: Pin, stage: Stage, now: datetime) -> Pin:
    decision = DECISIONS[stage]
    return replace(
        pin,
        stage=stage,
        since=now,
        towards=None,
        not_before=None,
        copied=pin.copied and decision.mirror is not None,
        was_live=pin.was_live or decision.authority is Side.ACS,
    )


# Its document, which the sid of the conversation names


def to_content(pin: Pin) -> JSONObject:
    """Return the content of its document."""
    return {
        "stage": pin.stage.value,
        "since": _text(pin.since),
        "wanted": pin.wanted.value,
        "towards": pin.towards and pin.towards.value,
        "not_before": _text(pin.not_before),
        "copied": pin.copied,
        "was_live": pin.was_live,
        "held": pin.held,
        "key": pin.about.key,
        "service": pin.about.service,
        "unique_name": pin.about.unique_name,
        "creator": pin.about.creator,
    }


def from_content(conversation_sid: str, content: JSONObject) -> Pin:
    """Read the content of its document."""
    towards = content["towards"]
    about = {name: content[name] for name in ("key", "service", "unique_name", "creator")}
    return Pin(
        about=Target(
            conversation_sid=conversation_sid,
            **{name: None if value is None else str(value) for name, value in about.items()},
        ),
        stage=Stage(str(content["stage"])),
        since=_time(content["since"]),
        wanted=Stage(str(content["wanted"])),
        towards=None if towards is None else Stage(str(towards)),
        not_before=_time(content["not_before"]),
        copied=content["copied"] is True,
        was_live=content["was_live"] is True,
        held=content["held"] is True,
    )


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time(text: JSONValue) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))
