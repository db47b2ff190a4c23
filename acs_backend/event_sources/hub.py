"""How the rest of the backend reaches the subscriptions of this process.

What this process did to a message is news to those who listen in it, now rather than at the next tick; a new one need
not even be read back. And what a listener reads is in use, so that the sweep looks there. A change in the store, from
whichever process, this one too, wakes those whom it may concern: to hear of it, which costs no request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Protocol

from acs_backend.store.changes import Change, Kind
from twilio_compat.records import MessageRecord


class Subscription(Protocol):
    """What the hub knows of a subscription."""

    @property
    def acs_id(self) -> str:
        """Whose it is."""

    def nudge(self, thread_id: str | None = None) -> None:
        """Look for news soon; there is some in this thread."""

    def hear(self) -> None:
        """Ask the change feed now."""

    def sent(self, thread_id: str, message_id: int, message: MessageRecord) -> None:
        """Take note of a message that somebody sent in this process."""

    def use(self, thread_id: str) -> None:
        """Count the thread among those in use."""


class Hub:
    """The subscriptions that are open in one backend."""

    def __init__(self) -> None:
        """Start with none."""
        self._of_user: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._of_thread: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._in_flight: dict[str, set[str]] = {}

    def enter(self, subscription: Subscription) -> None:
        """Note a subscription that opened."""
        self._of_user[subscription.acs_id].add(subscription)

    def leave(self, subscription: Subscription, thread_ids: Iterable[str]) -> None:
        """Forget a subscription that closed, and that it followed these threads."""
        _discard(self._of_user, subscription.acs_id, subscription)
        for each in thread_ids:
            self.unfollow(subscription, each)

    def follow(self, subscription: Subscription, thread_id: str) -> None:
        """Note that the subscription follows a thread."""
        self._of_thread[thread_id].add(subscription)

    def unfollow(self, subscription: Subscription, thread_id: str) -> None:
        """Note that it does not any more."""
        _discard(self._of_thread, thread_id, subscription)

    def changed(self, change: Change) -> None:
        """Tell those whom a change in the store may concern."""
        if change.kind is Kind.USER:
            self.hear_all()
            return
        concerned = set(self._of_thread.get(change.thread_id or "", ()))
        if change.kind is Kind.MEMBERSHIP:
            concerned.update(self._of_user.get(change.acs_id or "", ()))
        for each in concerned:
            each.hear()

    def hear_all(self) -> None:
        """Tell everybody to ask the change feed."""
        for each in self._everybody():
            each.hear()

    def nudge_all(self) -> None:
        """Tell everybody that there may be news."""
        for each in self._everybody():
            each.nudge()

    @contextmanager
    def sending(self, thread_id: str, mutation_id: str) -> Iterator[None]:
        """Enclose a send."""
        in_flight = self._in_flight.setdefault(thread_id, set())
        in_flight.add(mutation_id)
        try:
            yield
        finally:
            in_flight.discard(mutation_id)
            if not in_flight:
                self._in_flight.pop(thread_id, None)

    def in_flight(self, thread_id: str) -> Collection[str]:
        """Return the mutation ids of the sends to a thread that have not ended."""
        return self._in_flight.get(thread_id, ())

    def sent(self, thread_id: str, message_id: int, message: MessageRecord) -> None:
        """Tell those who follow a thread of a message that was sent."""
        for each in self._of_thread.get(thread_id, ()):
            each.sent(thread_id, message_id, message)
            each.nudge(thread_id)

    def use(self, acs_id: str, thread_id: str) -> None:
        """Tell a user's subscriptions that the user reads a thread."""
        for each in self._of_user.get(acs_id, ()):
            each.use(thread_id)

    def _everybody(self) -> Iterator[Subscription]:
        return chain.from_iterable(self._of_user.values())


def _discard(index: defaultdict[str, set[Subscription]], key: str, subscription: Subscription) -> None:
    index[key].discard(subscription)
    if not index[key]:
        del index[key]
