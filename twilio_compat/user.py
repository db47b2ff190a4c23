"""A user of the deployment, as Twilio's client shows one.

A user is followed or not. One who is followed hears of changes and can be changed; one who was let go keeps the last
state known. What a call of this client changes is shown and announced when the call returns, and not again when the
event source brings it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, TypedDict

from twilio_compat.arguments import as_json, checked, json_type, string
from twilio_compat.emitter import ReplayEventEmitter
from twilio_compat.errors import TwilioCompatError
from twilio_compat.records import JSONValue, UserChanges, UserRecord
from twilio_compat.sameness import same

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = ["User", "UserUpdateReason", "UserUpdatedEventArgs"]

UserUpdateReason: TypeAlias = Literal[
    "friendlyName", "attributes", "reachabilityOnline", "reachabilityNotifiable"
]


class UserUpdatedEventArgs(TypedDict):
    """What ``updated`` and the client's ``userUpdated`` carry."""

    user: User
    updateReasons: list[UserUpdateReason]


class User(ReplayEventEmitter):
    """A user. The client's own exists before the client is initialized, and is empty until then."""

    updated: Final = "updated"
    userSubscribed: Final = "userSubscribed"
    userUnsubscribed: Final = "userUnsubscribed"

    def __init__(self, session: Session, identity: str = "") -> None:
        """Begin empty, as Twilio's client does, and not followed."""
        super().__init__(session.listeners)
        self.setMaxListeners(0)  # as at Twilio: each message shown may listen to its author
        self._session = session
        self._record = UserRecord(sid="", identity=identity, friendly_name=None, attributes={})
        self._following: Literal["initializing", "subscribed", "unsubscribed"] = "initializing"

    def __repr__(self) -> str:
        """Name the user."""
        return f"<User {self.identity!r}>"

    @property
    def identity(self) -> str:
        """Identity; empty until the client is initialized."""
        return self._record.identity

    @property
    def entityName(self) -> str:
        """Name under which the service keeps the user, for what logs it: ``US`` and 32 hex digits."""
        return self._record.sid

    @property
    def friendlyName(self) -> str | None:
        """Name to show."""
        return self._record.friendly_name

    @property
    def attributes(self) -> JSONValue:
        """What the application keeps on the user."""
        return self._record.attributes

    @property
    def isOnline(self) -> bool | None:
        """Whether the user is connected; None unless `Client.reachabilityEnabled`."""
        return self._record.is_online

    @property
    def isNotifiable(self) -> bool | None:
        """Whether the user has a device that can be notified; None unless `Client.reachabilityEnabled`."""
        return self._record.is_notifiable

    @property
    def isSubscribed(self) -> bool:
        """Whether changes of the user are told."""
        return self._following == "subscribed"

    @checked(attributes=json_type)
    async def updateAttributes(self, attributes: JSONValue) -> Self:
        """Replace the attributes. `ForbiddenError` 50107 where the client's user may not."""
        return await self._change(UserChanges(attributes=as_json(attributes)))

    @checked(friendlyName=string)
    async def updateFriendlyName(self, friendlyName: str) -> Self:
        """Change the name to show; errors as `updateAttributes`."""
        return await self._change(UserChanges(friendly_name=friendlyName))

    async def unsubscribe(self) -> None:
        """Let the user go: changes are not told any more. The client's own is followed again at once."""
        await self._session.users.unsubscribe(self)

    async def _change(self, changes: UserChanges) -> Self:
        session = self._session
        await session.ready()
        if self._following == "unsubscribed":
            raise TwilioCompatError("Can't modify unsubscribed object")
        self._take(await session.backend.users.update(session.actor, self.identity, changes))
        return self

    # What its client tells it

    def _begin(self, record: UserRecord) -> None:
        """Announce the first state, in as far as it says anything, and that the user is followed."""
        self._take(record)
        self._following = "subscribed"
        self._announce("userSubscribed", self)

    def _let_go(self) -> None:
        """Announce that the user is followed no longer."""
        if self._following == "subscribed":
            self._following = "unsubscribed"
            self._announce("userUnsubscribed", self)

    def _take(self, record: UserRecord) -> None:
        """Become *record*, unless that is older, and announce each thing that changed, as Twilio's client does."""
        before = self._record
        if before.date_updated and record.date_updated and record.date_updated < before.date_updated:
            return
        self._record = record
        for group in _REASONS:
            changed = [
                name
                for name, field in group.items()
                if not same(getattr(before, field), getattr(record, field))
            ]
            if changed:
                change = UserUpdatedEventArgs(user=self, updateReasons=changed)
                self.emit("updated", change)
                self._session.emit("userUpdated", change)

    def _announce(self, event: str, payload: User) -> None:
        self.emit(event, payload)
        self._session.emit(event, payload)


_REASONS: Final[tuple[dict[UserUpdateReason, str], ...]] = (
    {"friendlyName": "friendly_name"},
    {"attributes": "attributes"},
    {"reachabilityOnline": "is_online", "reachabilityNotifiable": "is_notifiable"},
)
"""Twilio's update reasons in the order in which it tells them, those told together in one group."""
