"""How often a client tells that its user types: once for as long as the service lets that hold.

Applications call `Conversation.typing` at every key press; as in Twilio's client, most of these calls send nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["DEFAULT_TIMEOUT", "TypingThrottle"]

DEFAULT_TIMEOUT: Final = 5.0
"""Seconds between two notices of one conversation, until the service has said otherwise."""


class TypingThrottle:
    """Decides for one client which calls of ``typing()`` to send. Times are in seconds."""

    def __init__(self, clock: Callable[[], float], override: float | None = None) -> None:
        """Begin with nothing sent. *override* is the timeout whatever the service says."""
        self._clock = clock
        self._override = override
        self._told: float | None = None
        self._sent: dict[str, float] = {}

    @property
    def timeout(self) -> float:
        """How long one notice holds."""
        return self._override or self._told or DEFAULT_TIMEOUT

    def admits(self, conversation_sid: str) -> bool:
        """Tell whether to send now, and count it as sent."""
        now = self._clock()
        last = self._sent.get(conversation_sid)
        if last is not None and now - last < self.timeout:
            return False
        self._sent[conversation_sid] = now
        return True

    def answered(self, timeout: float) -> None:
        """Learn from the service for how long a notice holds."""
        self._told = timeout

    def shown_for(self, timeout: float) -> float:
        """Return for how long to show somebody else as typing whose notice holds *timeout* seconds."""
        return timeout if self._override is None else self._override + 1.0
