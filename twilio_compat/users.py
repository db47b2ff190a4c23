"""The users one client follows: its own, and those the application asked for.

A user is one object for as long as they are followed, and hears of changes for as long. As in Twilio's client, at
most a hundred are followed beside the client's own; one more, and the one followed longest is let go.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from twilio_compat.errors import NotFoundError
from twilio_compat.records import UserRecord
from twilio_compat.user import User

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = ["FOLLOWED", "Users"]

FOLLOWED: Final = 100
"""How many users are followed at most, beside the client's own, as at Twilio."""


class Users:
    """What one client knows of users."""

    def __init__(self, session: Session, most: int = FOLLOWED) -> None:
        """Follow nobody yet, and at most *most* at a time."""
        self._session = session
        self._most = most
        self._followed: dict[str, User] = {}
        self.myself = User(session)
        """The client's own user; empty until `begin`."""

    # Calls

    async def get(self, identity: str) -> User:
        """Return a user, followed from now on. `NotFoundError` 50200."""
        if identity == self.myself.identity:
            return self.myself
        if (known := self._followed.get(identity)) is not None:
            return known
        return self._follow(await self._fetch(identity))

    def subscribed(self) -> list[User]:
        """Return those followed, the client's own first."""
        return [self.myself, *self._followed.values()]

    async def unsubscribe(self, user: User) -> None:
        """Let *user* go, unless that was done; the client's own is followed again at once."""
        if user is self.myself:
            record = await self._fetch(user.identity)
            user._let_go()
            user._begin(record)
        elif self._followed.get(user.identity) is user:
            del self._followed[user.identity]
            user._let_go()

    # News

    def begin(self, record: UserRecord) -> None:
        """Follow the client's own user, whose state is *record*."""
        self.myself._begin(record)

    async def catch_up(self) -> None:
        """Fetch those followed anew, and announce what changed."""
        for user in self.subscribed():
            with suppress(NotFoundError):  # a user who is gone stays as last known
                self.updated(await self._fetch(user.identity))

    def updated(self, record: UserRecord) -> None:
        """Announce what changed in a user who is followed."""
        user = self.myself if record.identity == self.myself.identity else self._followed.get(record.identity)
        if user is not None:
            user._take(record)

    async def _fetch(self, identity: str) -> UserRecord:
        session = self._session
        return await session.backend.users.get(session.actor, identity)

    def _follow(self, record: UserRecord) -> User:
        """Follow the user of *record*, who may have come to be followed while it was fetched."""
        user = self._followed.get(record.identity)
        if user is not None:
            user._take(record)
            return user
        oldest = next(iter(self._followed.values())) if len(self._followed) >= self._most else None
        user = self._followed[record.identity] = User(self._session, record.identity)
        user._begin(record)
        if oldest is not None:
            del self._followed[oldest.identity]
            oldest._let_go()
        return user
