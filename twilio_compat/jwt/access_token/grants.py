"""Drop-in for the part of ``twilio.jwt.access_token.grants`` that goes with Conversations.

A token may carry grants for other products too; those this module has no class for are subclasses of
`AccessTokenGrant` with a ``key`` and a ``to_payload()``.
"""

from __future__ import annotations

from twilio_compat.jwt.access_token import AccessTokenGrant

__all__ = ["ChatGrant", "SyncGrant", "VideoGrant"]


class ChatGrant(AccessTokenGrant):
    """Access to Conversations, in the service ``IS...``."""

    def __init__(
        self,
        service_sid: str | None = None,
        endpoint_id: str | None = None,
        deployment_role_sid: str | None = None,
        push_credential_sid: str | None = None,
    ) -> None:
        """What is None is left out of the token."""
        self.service_sid = service_sid
        self.endpoint_id = endpoint_id
        self.deployment_role_sid = deployment_role_sid
        self.push_credential_sid = push_credential_sid

    @property
    def key(self) -> str:
        """``chat``: Conversations grew out of Programmable Chat."""
        return "chat"

    def to_payload(self) -> dict[str, object]:
        """Return the parts that were given."""
        return _given(
            service_sid=self.service_sid,
            endpoint_id=self.endpoint_id,
            deployment_role_sid=self.deployment_role_sid,
            push_credential_sid=self.push_credential_sid,
        )


class SyncGrant(AccessTokenGrant):
    """Access to Sync."""

    def __init__(self, service_sid: str | None = None, endpoint_id: str | None = None) -> None:
        """What is None is left out of the token."""
        self.service_sid = service_sid
        self.endpoint_id = endpoint_id

    @property
    def key(self) -> str:
        """Twilio's name of the product."""
        return "data_sync"

    def to_payload(self) -> dict[str, object]:
        """Return the parts that were given."""
        return _given(service_sid=self.service_sid, endpoint_id=self.endpoint_id)


class VideoGrant(AccessTokenGrant):
    """Access to Video, or to one of its rooms."""

    def __init__(self, room: str | None = None) -> None:
        """*room* is a name or sid; None means any."""
        self.room = room

    @property
    def key(self) -> str:
        """Twilio's name of the product."""
        return "video"

    def to_payload(self) -> dict[str, object]:
        """Return the parts that were given."""
        return _given(room=self.room)


def _given(**parts: str | None) -> dict[str, object]:
    return {name: value for name, value in parts.items() if value}
