"""Built-in rules: which conversations are to be how far, in one line of text.

::

    rules    = rule *( ";" rule )
    rule     = [ subject "=" ] stage [ ":" percent "%" [ "@" salt ] ]
    subject  = "CH..." / "IS..." / "*"
    stage    = "off" / "dualwrite" / "shadow" / "live" / "rampdown" / "complete"

A line break does as well as a semicolon; space around any part, and an empty rule, mean nothing. A subject is the sid of
a conversation, the sid of a service (a tenant), or everybody, which may be left out. The percentage has two decimals at
most; the salt is of letters, digits, dots, dashes and underscores, and is `SALT` unless given.

The first rule counts whose subject a conversation is or belongs to, and whose percentage takes it. Who falls under none
is ``off``. So these are three ways to begin, and one to go on::

    dualwrite:5%
    IS0123456789abcdef0123456789abcdef = dualwrite
    CH0123456789abcdef0123456789abcdef = live; dualwrite:25%
    live:1%; shadow:10%; dualwrite

Percentages of one salt nest, so that the last example is live for one percent, shadow for the next nine, and dualwrite
for the rest, and raising the first takes its new ones from among those that were in shadow.

A rule that can never count, because an earlier one takes all whom it is for, is an error, as is all that is not as
above; the text says in which rule it is, and at which character of the setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from twilio_compat.errors import ConfigurationError
from twilio_compat.rollout.staging.buckets import BUCKETS, is_taken
from twilio_compat.rollout.staging.stages import Stage
from twilio_compat.rollout.staging.target import Target
from twilio_compat.settings import ENVIRONMENT

SALT: Final = "rollout"
"""What keys are hashed with where a rule names no salt."""
EVERYBODY: Final = "*"

_SUBJECT: Final = re.compile(r"\*|(CH|IS)[0-9a-fA-F]{32}")
_PERCENT: Final = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?\s*%")
_SALT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STAGES: Final = ", ".join(Stage)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``hundredths`` of a percent of those whom ``subject`` names are to be in ``stage``."""

    subject: str
    stage: Stage
    hundredths: int = BUCKETS
    salt: str = SALT

    def is_for(self, target: Target) -> bool:
        """Say whether *target* is what the rule is about, and among its percentage."""
        if self.subject not in (EVERYBODY, target.conversation_sid, target.service):
            return False
        return self.hundredths == BUCKETS or is_taken(target.targeting_key, self.salt, self.hundredths)

    def hides(self, later: Rule) -> bool:
        """Say whether all whom *later* is for are taken by this rule before. One of 0% is there to be raised."""
        if self.subject not in (EVERYBODY, later.subject) or later.hundredths == 0:
            return False
        same_salt = self.salt == later.salt and self.hundredths >= later.hundredths
        return self.hundredths == BUCKETS or same_salt


@dataclass(frozen=True, slots=True)
class Rules:
    """The built-in flag."""

    rules: tuple[Rule, ...]

    async def stage(self, target: Target) -> Stage:
        """Return the stage that the first rule for *target* names; `Stage.OFF` without one."""
        return next((each.stage for each in self.rules if each.is_for(target)), Stage.OFF)

    async def close(self) -> None:
        """Hold nothing."""


def parse_rules(text: str) -> Rules:
    """Read the setting. `ConfigurationError` that says where it is wrong, and what would be right."""
    rules: list[Rule] = []
    for place in _places(text):
        rule = _rule(place)
        for number, earlier in enumerate(rules, 1):
            if earlier.hides(rule):
                raise place.wrong(f"this rule never counts, since rule {number} takes all whom it is for")
        rules.append(rule)
    if not rules:
        raise ConfigurationError(f"{ENVIRONMENT['rollout']} holds no rule; write a stage: {_STAGES}")
    return Rules(tuple(rules))


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of the setting, without the space around it: in which rule it is, and where it begins."""

    text: str
    rule: int
    start: int

    def part(self, text: str, start: int) -> _Place:
        """Return the part of this one that begins *start* characters into it."""
        space = len(text) - len(text.lstrip())
        return _Place(text.strip(), self.rule, self.start + start + space)

    def halves(self, mark: str) -> Sequence[_Place]:
        """Return what is before and after the first *mark*; the whole where there is none."""
        before, found, after = self.text.partition(mark)
        first = self.part(before, 0)
        return (first, self.part(after, len(before) + 1)) if found else (first,)

    def wrong(self, why: str) -> ConfigurationError:
        """Return the error that says where and why."""
        where = f"rule {self.rule}, character {self.start + 1}"
        return ConfigurationError(f"{ENVIRONMENT['rollout']}, {where}: {why}")


def _places(text: str) -> Iterator[_Place]:
    number, start = 0, 0
    for piece in re.split(r"[;\n]", text):
        if piece.strip():
            number += 1
            yield _Place("", number, start).part(piece, 0)
        start += len(piece) + 1


def _rule(place: _Place) -> Rule:
    *named, rest = place.halves("=")
    stage, *limited = rest.halves(":")
    subject = _subject(named[0]) if named else EVERYBODY
    if not limited:
        return Rule(subject, _stage(stage))
    percent, *salted = limited[0].halves("@")
    return Rule(subject, _stage(stage), _hundredths(percent), _salt(salted[0]) if salted else SALT)


def _subject(place: _Place) -> str:
    if not _SUBJECT.fullmatch(place.text):
        raise place.wrong(
            f"{place.text!r} is no subject; write the sid of a conversation (CH and 32 hexadecimal digits), "
            "the sid of a service (IS and 32), or * for everybody"
        )
    return place.text


def _stage(place: _Place) -> Stage:
    try:
        return Stage(place.text)
    except ValueError:
        raise place.wrong(f"{place.text!r} is no stage; write one of {_STAGES}") from None


def _hundredths(place: _Place) -> int:
    found = _PERCENT.fullmatch(place.text)
    value = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else BUCKETS + 1
    if value > BUCKETS:
        raise place.wrong(
            f"{place.text!r} is no percentage; write a number from 0 to 100 with two decimals at most, and %, "
            "such as 2.5%"
        )
    return value


def _salt(place: _Place) -> str:
    if not _SALT.fullmatch(place.text):
        raise place.wrong(
            f"{place.text!r} is no salt; write up to 64 letters, digits, dots, dashes and underscores"
        )
    return place.text
