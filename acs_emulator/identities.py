"""Identities: create, delete, issue and revoke tokens, exchange a Teams user's token.

Choices where nothing is documented: an unknown user is a 404; a revocation acts at once (the service allows itself
up to 15 minutes). Deleting a user ends its tokens, memberships and read receipts, without system messages; what it
wrote stays readable, where the service documents that messages go too.

The token of a Teams user cannot be verified here. It must look like a JSON Web Token and not have expired; the
token given for it names that Teams user, who is no ACS user, so the chat operations refuse it.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import jwt

from acs_emulator.calls import Call, Reply
from acs_emulator.errors import bad_request, not_found, unauthorized
from acs_emulator.identifiers import new_user_id
from acs_emulator.journal import Json
from acs_emulator.service import Service
from acs_emulator.state import Entity, User
from acs_emulator.timestamps import identity_time
from acs_emulator.tokens import SCOPES
from acs_emulator.validation import Fields

EXPIRES_IN_MINUTES = range(60, 1441)
TEAMS_SCOPES = ("chat", "voip")

_TEAMS_TOKEN_MINUTES = 60


def create(service: Service, call: Call) -> Reply:
    """Make a user, with a token when the body names scopes."""
    body = call.fields(optional=True)
    scopes, minutes = _read_scopes(body, "createTokenWithScopes"), _read_minutes(body)
    user = User(new_user_id(service.resource.id, len(service.state.users) + 1, service.random))
    service.state.commit(user)
    written: dict[str, Json] = {"identity": {"id": user.id}}
    if scopes:
        written["accessToken"] = _token_json(service, user, scopes, minutes)
    return Reply(201, written, location=call.url("identities", user.id))


def issue_token(service: Service, call: Call) -> Reply:
    """Make a token for a user; at least one scope is needed."""
    user, body = _find(service, call), call.fields()
    scopes, minutes = _read_scopes(body, "scopes"), _read_minutes(body)
    if not scopes:
        raise bad_request(f"At least one of {', '.join(SCOPES)} is needed", "scopes")
    return Reply(200, _token_json(service, user, scopes, minutes))


def revoke_tokens(service: Service, call: Call) -> Reply:
    """End every token the user has."""
    user = _find(service, call)
    service.state.commit(replace(user, revocations=user.revocations + 1))
    return Reply(204)


def delete(service: Service, call: Call) -> Reply:
    """End a user, its tokens, its memberships and its read receipts."""
    user, state = _find(service, call), service.state
    removed: list[Entity] = [user]
    for room in (state.rooms[each] for each in state.memberships.get(user.id, ())):
        removed.append(room.participants[user.id])
        removed.extend(each for each in [room.receipts.get(user.id)] if each)
    state.commit(removed=tuple(removed))
    return Reply(204)


def exchange_teams_token(service: Service, call: Call) -> Reply:
    """Give a token for a Teams user's; raises a 400 for ids that are no GUIDs and a 401 for a token that is none."""
    body = call.fields()
    _check_teams_token(body.text("token") or "", service.now())
    user_id = f"8:orgid:{_read_guid(body, 'userId')}"
    _read_guid(body, "appId")
    return Reply(200, _token_json(service, User(user_id), TEAMS_SCOPES, _TEAMS_TOKEN_MINUTES))


def _find(service: Service, call: Call) -> User:
    if (user := service.state.users.get(call.path["user_id"])) is None:
        raise not_found("No such identity in this resource")
    return user


def _token_json(service: Service, user: User, scopes: tuple[str, ...], minutes: int) -> dict[str, Json]:
    issued = service.now() // 1000
    expires = issued + minutes * 60
    token = service.tokens.issue(user.id, scopes, issued=issued, expires=expires, revocation=user.revocations)
    return {"token": token, "expiresOn": identity_time(expires * 1000)}


def _read_scopes(body: Fields, name: str) -> tuple[str, ...]:
    scopes: dict[str, None] = {}
    for scope in body.items(name) or []:
        if scope not in SCOPES:
            raise bad_request(f"Each scope must be one of {', '.join(SCOPES)}", body.target(name))
        scopes[str(scope)] = None
    return tuple(scopes)


def _read_minutes(body: Fields) -> int:
    minutes = body.integer("expiresInMinutes")
    if minutes is None:
        return EXPIRES_IN_MINUTES[-1]
    if minutes not in EXPIRES_IN_MINUTES:
        text = f"Between {EXPIRES_IN_MINUTES[0]} and {EXPIRES_IN_MINUTES[-1]} minutes are allowed"
        raise bad_request(text, "expiresInMinutes")
    return minutes


def _read_guid(body: Fields, name: str) -> str:
    try:
        return str(UUID(body.required_text(name)))
    except ValueError as error:
        raise bad_request("A GUID is expected", body.target(name)) from error


def _check_teams_token(token: str, now: int) -> None:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise unauthorized(f"The token of the Teams user is not valid: {error}") from error
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires * 1000 <= now:
        raise unauthorized("The token of the Teams user has expired")
