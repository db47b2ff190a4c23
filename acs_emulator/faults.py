"""Faults on request: what a network and a service do to a client on their bad days.

A `Fault` says what happens, to which operations, how often and to how many of their requests. `Faults` keeps the
faults that are in force. Each request meets the first of them that is for its operation, is not used up, and whose
chance comes up; where there is none, it is served as ever. Chance is drawn from a generator that each fault has for
itself, seeded, so that the same requests meet the same faults in every run.

What can happen, `Kind`:

==================  ==================================================================================================
``delay``           nothing but the `Fault.latency`, which any other kind may have too
``drop-request``    the connection breaks; the request has no effect
``drop-answer``     the request has its effect; the connection breaks before the answer
``arrive-late``     the connection breaks at once; the request has its effect when the latency has passed
``throttle``        429, with ``Retry-After`` if given; the request has no effect
``fail-request``    the `Fault.status`, 503 unless given; the request has no effect
``fail-answer``     the request has its effect; the answer is the status, 503 unless given
``truncate``        the request has its effect; the connection breaks in the middle of the body
``garbage``         the request has its effect; the body is the page of a proxy, and no JSON
==================  ==================================================================================================
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

STATUSES = range(500, 600)


class Kind(StrEnum):
    """What happens to a request; the module tells each."""

    DELAY = "delay"
    DROP_REQUEST = "drop-request"
    DROP_ANSWER = "drop-answer"
    ARRIVE_LATE = "arrive-late"
    THROTTLE = "throttle"
    FAIL_REQUEST = "fail-request"
    FAIL_ANSWER = "fail-answer"
    TRUNCATE = "truncate"
    GARBAGE = "garbage"


class FaultError(ValueError):
    """A fault that cannot be; the text says what could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to which requests. `FaultError` for what cannot be."""

    kind: Kind
    operations: frozenset[str] = frozenset()
    """Names in the table of operations, such as ``SendChatMessage``; none are all."""
    count: int | None = None
    """To how many requests it happens before it is used up; None is any number."""
    skip: int = 0
    """How many requests of the operations it lets pass first."""
    probability: float = 1.0
    """The chance, for each request, that it happens."""
    seed: int = 0
    """Of the generator that chance is drawn from."""
    latency: float = 0.0
    """Seconds that the request waits before anything else happens to it."""
    status: int = 503
    """HTTP status of a failure."""
    retry_after: int | None = None
    """Seconds in the ``Retry-After`` of a 429 or a failure; None leaves it out."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        _check(self.count is None or self.count >= 1, f"count must be at least 1, or left out: {self.count}")
        _check(self.skip >= 0, f"skip must not be negative: {self.skip}")
        _check(
            0.0 < self.probability <= 1.0, f"probability must be above 0, and at most 1: {self.probability}"
        )
        _check(0.0 <= self.latency < math.inf, f"latency must be a number of seconds: {self.latency}")
        _check(self.status in STATUSES, f"status must be between 500 and 599: {self.status}")
        _check(
            self.retry_after is None or self.retry_after >= 0,
            f"retry_after must not be negative: {self.retry_after}",
        )


@dataclass(eq=False)
class Rule:
    """A fault in force, and how far it has come."""

    number: int
    """By which the control route names it."""
    fault: Fault
    seen: int = 0
    """Requests that came to it."""
    hits: int = 0
    """Requests it happened to."""
    _chance: Random = field(init=False, repr=False)
    _was_seen: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        """Seed the chance."""
        self._chance = Random(self.fault.seed)  # noqa: S311  # it must be the same in every run

    @property
    def is_used_up(self) -> bool:
        """Whether it will happen to no request any more."""
        return self.fault.count is not None and self.hits >= self.fault.count

    def wait_until_seen(self, seconds: float = 10.0) -> bool:
        """Block the calling thread until a request came to it; False if none did within so many seconds."""
        return self._was_seen.wait(seconds)

    def happens(self, operation: str) -> bool:
        """Count a request, and say whether the fault happens to it."""
        if self.is_used_up or (self.fault.operations and operation not in self.fault.operations):
            return False
        self.seen += 1
        self._was_seen.set()
        if self.seen <= self.fault.skip or self._chance.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The faults of one emulator, none at first. May be used from any thread."""

    def __init__(self, operations: Iterable[str]) -> None:
        """Know the names of all *operations*."""
        self._operations = frozenset(operations)
        self._rules: list[Rule] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What is in force, in the order of adding; faults that are used up are among them."""
        return tuple(self._rules)

    def add(
        self,
        kind: Kind | str,
        *operations: str,
        count: int | None = None,
        skip: int = 0,
        probability: float = 1.0,
        seed: int = 0,
        latency: float = 0.0,
        status: int = 503,
        retry_after: int | None = None,
    ) -> Rule:
        """Put a fault in force, behind those that are; the fields are those of `Fault`. `FaultError`."""
        fault = Fault(
            kind=_kind(kind),
            operations=frozenset(operations),
            count=count,
            skip=skip,
            probability=probability,
            seed=seed,
            latency=latency,
            status=status,
            retry_after=retry_after,
        )
        return self.put(fault)

    def put(self, fault: Fault) -> Rule:
        """Put *fault* in force, behind those that are. `FaultError` for an operation that there is not."""
        unknown = sorted(fault.operations - self._operations)
        _check(
            not unknown,
            f"there is no operation {', '.join(unknown)}; there are {', '.join(sorted(self._operations))}",
        )
        with self._lock:
            rule = Rule(next(self._numbers), fault)
            self._rules.append(rule)
        return rule

    def remove(self, number: int) -> bool:
        """Take one fault out of force; False if there is none of this number."""
        with self._lock:
            left = [each for each in self._rules if each.number != number]
            found = len(left) < len(self._rules)
            self._rules = left
        return found

    def clear(self) -> None:
        """Take all faults out of force. Requests that are waiting out a latency go on to their end."""
        with self._lock:
            self._rules = []

    def meet(self, operation: str) -> Fault | None:
        """Return what happens to a request; None where it is served as ever."""
        if not self._rules:
            return None
        with self._lock:
            return next((each.fault for each in self._rules if each.happens(operation)), None)


def _kind(kind: Kind | str) -> Kind:
    try:
        return Kind(kind)
    except ValueError:
        raise FaultError(f"kind must be one of {', '.join(Kind)}: {kind!r}") from None


def _check(holds: bool, text: str) -> None:
    if not holds:
        raise FaultError(text)
