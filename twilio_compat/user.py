"""A user of the deployment, as Twilio's client shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.records import JSONValue, UserRecord

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = ["User", "UserUpdatedEventArgs"]


class UserUpdatedEventArgs(TypedDict):
    """What ``updated`` and the client's ``userUpdated`` carry."""

    user: User
    updateReasons: list[str]


class User(ReplayEventEmitter):
    """A user. The client's own exists before the client is initialized, and is empty until then."""

    updated: Final = "updated"
    userSubscribed: Final = "userSubscribed"

    def __init__(self, session: Session) -> None:
        """Begin empty, as Twilio's client does."""
        super().__init__(session.listeners)
        self._session = session
        self._record: UserRecord | None = None

    def __repr__(self) -> str:
        """Name the user."""
        return f"<User {self.identity!r}>"

    @property
    def identity(self) -> str:
        """Identity; empty until the client is initialized."""
        return self._record.identity if self._record else ""

    @property
    def friendlyName(self) -> str | None:
        """Name to show."""
        return self._record.friendly_name if self._record else None

    @property
    def attributes(self) -> JSONValue:
        """What the application keeps on the user."""
        return self._record.attributes if self._record else {}

    def _subscribe(self, record: UserRecord) -> None:
        """Take the first state and announce it: ``userUpdated`` where it says anything, ``userSubscribed``."""
        before = (self.friendlyName, self.attributes)
        self._record = record
        after = (self.friendlyName, self.attributes)
        names = ("friendlyName", "attributes")
        if reasons := [name for name, old, new in zip(names, before, after, strict=True) if old != new]:
            change = UserUpdatedEventArgs(user=self, updateReasons=reasons)
            self.emit("updated", change)
            self._session.emit("userUpdated", change)
        self.emit("userSubscribed", self)
        self._session.emit("userSubscribed", self)
