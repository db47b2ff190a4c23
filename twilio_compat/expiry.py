"""Says when an access token nears its end, and when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias

__all__ = ["NOTICE", "CallLater", "TokenWatch"]

NOTICE: Final = timedelta(minutes=3)
"""How long before the end Twilio's service gives notice."""


class Cancellable(Protocol):
    """What `asyncio.loop.call_later` returns."""

    def cancel(self) -> None:
        """Call it off."""


CallLater: TypeAlias = Callable[[float, Callable[[], None]], Cancellable]
"""Calls a function after some seconds, as `asyncio.loop.call_later` does."""


class TokenWatch:
    """Emits ``tokenAboutToExpire`` three minutes before a token ends, at once if it is later than that already,
    and ``tokenExpired`` at its end: each once per token.
    """

    def __init__(
        self, emit: Callable[[str], object], call_later: CallLater, now: Callable[[], datetime]
    ) -> None:
        """Watch no token yet. *now* returns aware times."""
        self._emit = emit
        self._call_later = call_later
        self._now = now
        self._pending: list[Cancellable] = []
        self._expired = False

    def watch(self, expires_at: datetime) -> None:
        """Watch the token that ends at *expires_at* instead of the one before."""
        self.stop()
        self._expired = False
        left = expires_at - self._now()
        for delay, announce in ((left - NOTICE, self._about_to_expire), (left, self.expired)):
            self._pending.append(self._call_later(max(delay.total_seconds(), 0), announce))

    def stop(self) -> None:
        """Watch nothing any more."""
        for each in self._pending:
            each.cancel()
        self._pending.clear()

    def expired(self) -> None:
        """Announce that the token has ended, unless that was announced."""
        if not self._expired:
            self._expired = True
            self._emit("tokenExpired")

    def _about_to_expire(self) -> None:
        self._emit("tokenAboutToExpire")
