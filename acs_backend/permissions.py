"""What roles may allow, which roles are always there, and what somebody may do who has some of them: pure.

A user's role in a conversation and their role in the service add up. The four roles that are always there allow what
Twilio gives new services, until the account changes them. A role that is gone, or of the other kind, counts as none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from acs_backend.sids import role_sid
from acs_backend.store.conversations import Conversation
from acs_backend.text import check_text
from twilio_compat.account import SYSTEM, RoleType
from twilio_compat.errors import ForbiddenError, LimitError
from twilio_compat.settings import Settings

NAME_LIMIT: Final = 64
"""Characters that Twilio takes as the name of a role."""


class Permission(StrEnum):
    """What a role may allow, by Twilio's names."""

    CREATE_CONVERSATION = "createConversation"
    JOIN_CONVERSATION = "joinConversation"
    LEAVE_CONVERSATION = "leaveConversation"
    DELETE_CONVERSATION = "deleteConversation"
    EDIT_CONVERSATION_NAME = "editConversationName"
    EDIT_CONVERSATION_ATTRIBUTES = "editConversationAttributes"
    EDIT_NOTIFICATION_LEVEL = "editNotificationLevel"
    ADD_PARTICIPANT = "addParticipant"
    ADD_NON_CHAT_PARTICIPANT = "addNonChatParticipant"
    REMOVE_PARTICIPANT = "removeParticipant"
    EDIT_ANY_PARTICIPANT_ATTRIBUTES = "editAnyParticipantAttributes"
    EDIT_OWN_PARTICIPANT_ATTRIBUTES = "editOwnParticipantAttributes"
    SEND_MESSAGE = "sendMessage"
    SEND_MEDIA_MESSAGE = "sendMediaMessage"
    EDIT_ANY_MESSAGE = "editAnyMessage"
    EDIT_OWN_MESSAGE = "editOwnMessage"
    EDIT_ANY_MESSAGE_ATTRIBUTES = "editAnyMessageAttributes"
    EDIT_OWN_MESSAGE_ATTRIBUTES = "editOwnMessageAttributes"
    DELETE_ANY_MESSAGE = "deleteAnyMessage"
    DELETE_OWN_MESSAGE = "deleteOwnMessage"
    EDIT_ANY_USER_INFO = "editAnyUserInfo"
    EDIT_OWN_USER_INFO = "editOwnUserInfo"


_OF_ONE_CONVERSATION: Final = frozenset(
    {
        Permission.LEAVE_CONVERSATION,
        Permission.EDIT_NOTIFICATION_LEVEL,
        Permission.SEND_MESSAGE,
        Permission.SEND_MEDIA_MESSAGE,
        Permission.DELETE_OWN_MESSAGE,
    }
)
_OF_THE_SERVICE: Final = frozenset({Permission.CREATE_CONVERSATION, Permission.JOIN_CONVERSATION})
_SCOPES: Final[Mapping[str, frozenset[Permission]]] = MappingProxyType(
    {
        "conversation": frozenset(Permission) - _OF_THE_SERVICE,
        "service": frozenset(Permission) - _OF_ONE_CONVERSATION,
    }
)
"""What a role of each type may allow."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role. The order of its permissions is that in which they were given."""

    friendly_name: str
    type: RoleType
    permissions: tuple[str, ...]

    @property
    def sid(self) -> str:
        """The sid of one of the four; the same in every deployment."""
        return role_sid(self.friendly_name)


_ADMINISTRATION: Final = (
    Permission.DELETE_CONVERSATION,
    Permission.REMOVE_PARTICIPANT,
    Permission.EDIT_CONVERSATION_NAME,
    Permission.EDIT_CONVERSATION_ATTRIBUTES,
    Permission.ADD_PARTICIPANT,
    Permission.EDIT_ANY_PARTICIPANT_ATTRIBUTES,
    Permission.EDIT_ANY_MESSAGE,
    Permission.EDIT_ANY_MESSAGE_ATTRIBUTES,
    Permission.DELETE_ANY_MESSAGE,
)
_TAKING_PART: Final = (
    Permission.SEND_MESSAGE,
    Permission.SEND_MEDIA_MESSAGE,
    Permission.LEAVE_CONVERSATION,
    Permission.EDIT_NOTIFICATION_LEVEL,
)

DEFAULT_ROLES: Final[Sequence[Role]] = (
    Role("channel admin", "conversation", (*_TAKING_PART, *_ADMINISTRATION)),
    Role(
        "channel user",
        "conversation",
        (
            *_TAKING_PART,
            Permission.EDIT_OWN_PARTICIPANT_ATTRIBUTES,
            Permission.EDIT_OWN_MESSAGE,
            Permission.EDIT_OWN_MESSAGE_ATTRIBUTES,
            Permission.DELETE_OWN_MESSAGE,
        ),
    ),
    Role(
        "service admin",
        "service",
        (
            Permission.CREATE_CONVERSATION,
            Permission.JOIN_CONVERSATION,
            Permission.EDIT_ANY_USER_INFO,
            *_ADMINISTRATION,
        ),
    ),
    Role(
        "service user",
        "service",
        (Permission.CREATE_CONVERSATION, Permission.JOIN_CONVERSATION, Permission.EDIT_OWN_USER_INFO),
    ),
)
"""Those that are always there, with what they allow unless the account changed it."""

CHANNEL_ADMIN, CHANNEL_USER, SERVICE_ADMIN, SERVICE_USER = (each.sid for each in DEFAULT_ROLES)


@dataclass(frozen=True, slots=True)
class RoleBook:
    """The roles of a service by their sids, and which of them those have who were given none."""

    roles: Mapping[str, Role] = field(default_factory=lambda: {each.sid: each for each in DEFAULT_ROLES})
    creator: str = CHANNEL_ADMIN
    """Of whoever made a conversation, in it, a member or not."""
    member: str = CHANNEL_USER
    """Of the other members of a conversation."""
    user: str = SERVICE_USER
    """Of users."""

    @classmethod
    def of(cls, settings: Settings) -> RoleBook:
        """Return the four roles, and the defaults that the deployment is set to."""
        return cls(member=role_sid(settings.participant_role), user=role_sid(settings.user_role))

    def of_member(self, conversation: Conversation, identity: str, given: str | None = None) -> str:
        """Return the role of somebody in a conversation, who was *given* one or not."""
        if given is not None and self.has(given, "conversation"):
            return given
        return self.creator if identity == conversation.created_by != SYSTEM else self.member

    def of_user(self, given: str | None = None) -> str:
        """Return the role of a user, who was *given* one or not."""
        return given if given is not None and self.has(given, "service") else self.user

    def has(self, sid: str, kind: RoleType) -> bool:
        """Say whether there is such a role of a type."""
        role = self.roles.get(sid)
        return role is not None and role.type == kind

    def allows(self, sids: Iterable[str], needed: Iterable[str]) -> bool:
        """Say whether one of the roles *sids* allows one of *needed*."""
        wanted = {*needed}
        return any(not wanted.isdisjoint(self.roles[sid].permissions) for sid in sids if sid in self.roles)

    def check(self, sids: Iterable[str], needed: Iterable[str]) -> None:
        """Refuse (`ForbiddenError` 50107) whoever has the roles *sids* and none of *needed*."""
        if not self.allows(sids, needed):
            raise ForbiddenError("User unauthorized for command", code=50107)


def checked_permissions(kind: RoleType, names: Iterable[str]) -> tuple[str, ...]:
    """Return *names*, each once, if a role of this type may allow them. `LimitError` 50104."""
    for each in names:
        if each not in _SCOPES[kind]:
            raise LimitError(f"Permission not found: {each} is none of a {kind} role's", code=50104)
    return tuple(dict.fromkeys(map(str, names)))


def check_role(friendly_name: str, kind: str) -> None:
    """Refuse what no role can be: `LimitError` 50003 (name), 50105 (type); `ArgumentError` for a name of no text."""
    if kind not in _SCOPES:
        raise LimitError(f"Invalid role type: {kind!r} is neither conversation nor service", code=50105)
    check_text(friendly_name, "A role's name")
    if len(friendly_name) > NAME_LIMIT:
        raise LimitError(f"Friendly name too long: Twilio takes {NAME_LIMIT} characters", code=50003)
