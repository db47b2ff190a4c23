"""What a flag is asked about, and what a flag is."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol, Self
from uuid import uuid4

from twilio_compat.errors import ArgumentError
from twilio_compat.rollout.staging.stages import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A conversation, as a flag sees it. It has a sid, or, as long as it is still to be made, a key.

    ``key`` is what percentages go by in place of the sid: whoever has one keeps it, so that the sid that comes later moves
    nobody to another bucket. ``service`` is the ``IS...`` it belongs to, ``creator`` who made it.
    """

    conversation_sid: str | None = None
    key: str | None = None
    service: str | None = None
    unique_name: str | None = None
    creator: str | None = None

    def __post_init__(self) -> None:
        """Refuse one that nothing tells from others. `ArgumentError`."""
        if not (self.key or self.conversation_sid):
            raise ArgumentError("A target needs the sid of a conversation, or a key until it has one")

    @classmethod
    def new(
        cls, *, service: str | None = None, unique_name: str | None = None, creator: str | None = None
    ) -> Self:
        """Return a conversation that is still to be made: its key is its unique name, or else drawn."""
        key = unique_name or uuid4().hex
        return cls(key=key, service=service, unique_name=unique_name, creator=creator)

    @property
    def targeting_key(self) -> str:
        """What percentages go by."""
        return self.key or self.conversation_sid or ""


DRAWN: Final[ContextVar[Target | None]] = ContextVar("twilio_compat.rollout.drawn", default=None)
"""The target by which a face has asked the flag already for the conversation that is being made in this context. Its key
may have been drawn, and another one would give another answer."""


class Flag(Protocol):
    """Says how far a conversation should be."""

    async def stage(self, target: Target) -> Stage | None:
        """Return the stage *target* should be in; None: it should stay where it is. Never raises, and never waits long."""

    async def close(self) -> None:
        """Release what it holds. Safe to call twice."""
