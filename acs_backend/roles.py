"""Who may do what: Twilio's default roles.

Whom ACS lets into a thread may do everything there, so these rules are this library's, as they are Twilio's own and
not those of the service under it. A user's role in a conversation and their role in the deployment add up. Whoever
made a conversation is its ``channel admin``, a member of it or not.

The sets are those that Twilio gives new services. A deployment that widened them at Twilio gives its users the
nearest of these roles, one by one, or by its settings all those who were given none (`DefaultRoles`). In direct mode
there is no store that outlasts the process, so nobody has a role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from acs_backend.sids import role_sid
from acs_backend.store import identities, participants
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from twilio_compat.errors import ForbiddenError, NotFoundError
from twilio_compat.settings import Settings


class Permission(StrEnum):
    """What a role may allow, by Twilio's names."""

    DELETE_CONVERSATION = "deleteConversation"
    ADD_PARTICIPANT = "addParticipant"
    REMOVE_PARTICIPANT = "removeParticipant"
    EDIT_CONVERSATION_NAME = "editConversationName"
    EDIT_CONVERSATION_ATTRIBUTES = "editConversationAttributes"
    EDIT_ANY_PARTICIPANT_ATTRIBUTES = "editAnyParticipantAttributes"
    EDIT_OWN_PARTICIPANT_ATTRIBUTES = "editOwnParticipantAttributes"
    EDIT_ANY_MESSAGE = "editAnyMessage"
    EDIT_ANY_MESSAGE_ATTRIBUTES = "editAnyMessageAttributes"
    DELETE_ANY_MESSAGE = "deleteAnyMessage"
    EDIT_ANY_USER_INFO = "editAnyUserInfo"
    EDIT_OWN_USER_INFO = "editOwnUserInfo"


CHANNEL_ADMIN, CHANNEL_USER = role_sid("channel admin"), role_sid("channel user")
SERVICE_ADMIN, SERVICE_USER = role_sid("service admin"), role_sid("service user")

_OF_CONVERSATIONS = {
    Permission.DELETE_CONVERSATION,
    Permission.ADD_PARTICIPANT,
    Permission.REMOVE_PARTICIPANT,
    Permission.EDIT_CONVERSATION_NAME,
    Permission.EDIT_CONVERSATION_ATTRIBUTES,
    Permission.EDIT_ANY_PARTICIPANT_ATTRIBUTES,
    Permission.EDIT_ANY_MESSAGE,
    Permission.EDIT_ANY_MESSAGE_ATTRIBUTES,
    Permission.DELETE_ANY_MESSAGE,
}
_ALLOWED: Mapping[str, frozenset[Permission]] = {
    CHANNEL_ADMIN: frozenset(_OF_CONVERSATIONS),
    CHANNEL_USER: frozenset({Permission.EDIT_OWN_PARTICIPANT_ATTRIBUTES}),
    SERVICE_ADMIN: frozenset({*_OF_CONVERSATIONS, Permission.EDIT_ANY_USER_INFO}),
    SERVICE_USER: frozenset({Permission.EDIT_OWN_USER_INFO}),
}


@dataclass(frozen=True, slots=True)
class DefaultRoles:
    """The roles of those who were given none, by their sids."""

    participant: str = CHANNEL_USER
    user: str = SERVICE_USER

    @classmethod
    def of(cls, settings: Settings) -> DefaultRoles:
        """Return those that the deployment is set to."""
        return cls(role_sid(settings.participant_role), role_sid(settings.user_role))

    def of_member(self, conversation: Conversation, identity: str) -> str:
        """Return the role of a member, or of somebody who is none and made the conversation."""
        return CHANNEL_ADMIN if identity == conversation.created_by else self.participant


def checked_channel_role(sid: str) -> str:
    """Return *sid* if it is a role that members can have. `NotFoundError` 50109."""
    if sid not in (CHANNEL_ADMIN, CHANNEL_USER):
        raise NotFoundError("Conversation role not found", code=50109)
    return sid


def checked_service_role(sid: str) -> str:
    """Return *sid* if it is a role that users can have. `NotFoundError` 50100."""
    if sid not in (SERVICE_ADMIN, SERVICE_USER):
        raise NotFoundError("Role not found", code=50100)
    return sid


class Roles:
    """Looks up roles, and refuses what they do not allow."""

    def __init__(self, database: Database, defaults: DefaultRoles, *, direct: bool) -> None:
        """Read them from *database*; in *direct* mode it is ACS alone that decides what members may."""
        self.defaults = defaults
        """The roles of those who were given none."""
        self._database = database
        self._direct = direct

    async def check_member(
        self, identity: str, acs_id: str, conversation: Conversation, *needed: Permission
    ) -> None:
        """Refuse (`ForbiddenError` 50107) a user who has none of the permissions *needed* in a conversation."""
        if self._direct:
            return
        async with self._database.read() as connection:
            own = (await participants.of_user(connection, acs_id, [conversation.thread_id])).values()
            service_role = await identities.role_sid(connection, acs_id)
        given = next((row.role_sid for row in own), None)
        own_role = given or self.defaults.of_member(conversation, identity)
        _check({own_role, service_role or self.defaults.user}, needed)

    async def check_user(self, acs_id: str, *needed: Permission) -> None:
        """Refuse (`ForbiddenError` 50107) a user who has none of the permissions *needed* in the deployment."""
        async with self._database.read() as connection:
            service_role = await identities.role_sid(connection, acs_id)
        _check({service_role or self.defaults.user}, needed)


def _check(role_sids: set[str], needed: tuple[Permission, ...]) -> None:
    allowed = frozenset().union(*(_ALLOWED[each] for each in role_sids if each in _ALLOWED))
    if allowed.isdisjoint(needed):
        raise ForbiddenError("User unauthorized for command", code=50107)
