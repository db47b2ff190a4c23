"""Who is calling, and what that caller may do.

Identity operations are signed with the access key, or carry the bearer token of an Entra login. Nothing here can
verify an Entra token, so any non-empty one is accepted: do not put the emulator where strangers can reach it.

Chat operations carry a user token. What its scopes allow is documented: ``chat`` everything; ``chat.join`` all but
creating, updating and deleting threads; ``chat.join.limited`` neither that nor adding and removing participants.
Within a thread all members are equal.

A caller who is no member gets a 403, whether the thread exists or not; only an id that could not be a thread's is a
404, and so is a thread that was deleted, to those who were its members.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from acs_emulator import signatures
from acs_emulator.calls import Call
from acs_emulator.errors import forbidden, not_found, unauthorized
from acs_emulator.identifiers import is_thread_id
from acs_emulator.service import Service
from acs_emulator.state import Room
from acs_emulator.tokens import Claims


class Right(Enum):
    """What a user token can allow."""

    TALK = "read and write messages, receipts and typing notifications"
    CHANGE_PARTICIPANTS = "add and remove participants"
    CHANGE_THREADS = "create, update and delete threads"


RIGHTS: Mapping[str, frozenset[Right]] = {
    "chat": frozenset(Right),
    "chat.join": frozenset({Right.TALK, Right.CHANGE_PARTICIPANTS}),
    "chat.join.limited": frozenset({Right.TALK}),
}


def check_access_key(
    service: Service, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> None:
    """Raise a 401 unless the request is signed with the access key, or carries some bearer token."""
    if _bearer_token(headers) is None:
        signatures.verify(service.key, method, target, headers, body, service.clock())


def identify_user(service: Service, headers: Mapping[str, str]) -> Claims:
    """Return what the user token says; raises a 401 when it is missing, forged, expired, revoked or of no user."""
    if (token := _bearer_token(headers)) is None:
        raise unauthorized("A user access token is needed: Authorization: Bearer <token>")
    claims = service.tokens.read(token)
    if claims.expires * 1000 <= service.now():
        raise unauthorized("The access token has expired")
    if (user := service.state.users.get(claims.user_id)) is None:
        raise unauthorized("The user of the access token does not exist, or was deleted")
    if claims.revocation != user.revocations:
        raise unauthorized("The access token was revoked")
    return claims


def check_right(claims: Claims, right: Right) -> None:
    """Raise a 403 unless one of the token's scopes allows the operation."""
    if not any(right in RIGHTS.get(scope, ()) for scope in claims.scopes):
        raise forbidden(f"The scopes of the access token do not allow to {right.value}")


def enter(service: Service, call: Call) -> Room:
    """Return the thread the path names, to one of its members; raises a 403 or a 404."""
    room = member_room(service, call)
    if room.thread.is_gone(service.now()):
        raise not_found("The thread was deleted")
    return room


def member_room(service: Service, call: Call) -> Room:
    """As `enter`, deleted threads included."""
    thread_id = call.path["thread_id"]
    if not is_thread_id(thread_id):
        raise not_found("The specified thread id was not found")
    room = service.state.rooms.get(thread_id)
    if room is None or call.caller not in room.participants:
        raise forbidden("The initiator is not a member of this thread")
    return room


def _bearer_token(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
