"""A step of the walk: a line of Twilio code, the requests it became, what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from examples.walk.wire import Request, Wire


@dataclass
class Step:
    """What one step shows. ``failure`` is None when every expectation held.

    ``code`` is a line of Twilio's JavaScript or, in a *native* step, of Microsoft's own SDK.
    """

    section: str
    code: str
    native: bool = False
    requests: list[Request] = field(default_factory=list)
    result: str = ""
    failure: str | None = None

    def expect(self, what: str, actual: object, expected: object) -> None:
        """Fail the step unless *actual* equals *expected*."""
        if actual != expected:
            raise ExpectationError(f"{what}: expected {expected!r}, got {actual!r}")


class ExpectationError(AssertionError):
    """Something in the walk did not come out as the guide says."""


class Steps:
    """The steps so far, in order."""

    def __init__(self, wire: Wire) -> None:
        self.done: list[Step] = []
        self._wire = wire

    @property
    def all_held(self) -> bool:
        """Whether no step failed."""
        return all(each.failure is None for each in self.done)

    @asynccontextmanager
    async def step(self, section: str, code: str, *, native: bool = False) -> AsyncIterator[Step]:
        """Run the body as one step; its error is kept in the step, and ends the walk."""
        step = Step(section, code, native)
        self._wire.take()
        self.done.append(step)
        try:
            yield step
        except Exception as error:
            step.failure = f"{type(error).__name__}: {error}"
            raise WalkEndedError(step.failure) from error
        finally:
            step.requests = self._wire.take()


class WalkEndedError(Exception):
    """A step failed; those after it were not tried."""
