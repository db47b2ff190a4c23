"""How the rest of the backend reaches the subscriptions of this process.

A write made in this process is news to those who listen in it, now rather than at the next tick. And what a
listener reads is in use, so that the sweep looks there.
"""

from __future__ import annotations

from typing import Protocol


class Subscription(Protocol):
    """What the hub knows of a subscription."""

    @property
    def acs_id(self) -> str:
        """Whose it is."""

    def follows(self, thread_id: str) -> bool:
        """Whether it follows the thread."""

    def nudge(self) -> None:
        """Look for news soon."""

    def use(self, thread_id: str) -> None:
        """Count the thread among those in use."""


class Hub:
    """The subscriptions that are open in one backend."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: set[Subscription] = set()

    def enter(self, subscription: Subscription) -> None:
        """Note a subscription that opened."""
        self._open.add(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Forget a subscription that closed."""
        self._open.discard(subscription)

    def nudge(self, thread_id: str, *acs_ids: str, knows: str | None = None) -> None:
        """Tell those who follow a thread, and these users, that there is news; but not who *knows* already."""
        for each in self._open:
            if each.acs_id != knows and (each.acs_id in acs_ids or each.follows(thread_id)):
                each.nudge()

    def use(self, acs_id: str, thread_id: str) -> None:
        """Tell a user's subscriptions that the user reads a thread."""
        for each in self._open:
            if each.acs_id == acs_id:
                each.use(thread_id)
