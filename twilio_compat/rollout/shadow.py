"""Whether both sides say the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twilio_compat.rollout.place import Place


class Shadow:
    """Compares what the authority said with what the mirror says, off the caller's path."""

    def watch(
        self, place: Place, operation: str, answer: object, repeat: Callable[[Place], Awaitable[object]]
    ) -> None:
        """Have *operation* repeated at the mirror of *place*, if it is to be compared, and its outcome with *answer*."""

    async def close(self) -> None:
        """Compare nothing any more."""
