"""Who and what is meant: communication identifiers, and the ids the emulator makes.

An identifier names an ACS user, a phone number, a Teams user or app, or something unknown. Requests carry one sub-object, a
``rawId``, or both, with ``kind`` or without; the sub-object counts, then ``rawId``. Only ACS users can be members of
a thread, so only their raw ids are ever stored.

Ids look like those of the service. A user's starts with the resource's id; a thread's is 43 characters of base64url
between fixed parts.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from acs_emulator.errors import bad_request
from acs_emulator.journal import Json
from acs_emulator.validation import Fields

Random = Callable[[int], bytes]
"""Makes that many random bytes."""

USER_PREFIXES = ("8:acs:", "8:dod-acs:", "8:gcch-acs:", "8:spool:")

_ID_FIELDS = {
    "communicationUser": "id",
    "phoneNumber": "value",
    "microsoftTeamsUser": "userId",
    "microsoftTeamsApp": "appId",
}
_TEAMS_USER_PREFIXES = {"public": "8:orgid:", "dod": "8:dod:", "gcch": "8:gcch:"}
_TEAMS_APP_PREFIXES = {"public": "28:orgid:", "dod": "28:dod:", "gcch": "28:gcch:"}
_THREAD_ID = re.compile(r"19:[\w:-]+@thread\.v2", re.ASCII)
_ZERO_THREAD_ID = re.compile(r"19:(?:\w+_)?[0-]+@thread\.v2", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identifier:
    """Someone or something a request names."""

    raw_id: str
    is_user: bool


def parse_identifier(fields: Fields) -> Identifier:
    """Read an identifier; raises a 400 when it names nobody, or several."""
    named = [kind for kind in _ID_FIELDS if kind in fields]
    if len(named) > 1:
        raise bad_request(f"Only one of {', '.join(named)} may be given", fields.path or "body")
    if named and (details := fields.object(named[0])):
        return _read_kind(named[0], details, fields.text("rawId"))
    raw_id = fields.required_text("rawId")
    return Identifier(raw_id, raw_id.startswith(USER_PREFIXES))


def _read_kind(kind: str, details: Fields, raw_id: str | None) -> Identifier:
    value = details.required_text(_ID_FIELDS[kind])
    if kind == "communicationUser":
        return Identifier(value, is_user=True)
    return Identifier(raw_id or _raw_id(kind, value, details), is_user=False)


def _raw_id(kind: str, value: str, details: Fields) -> str:
    cloud = (details.text("cloud") or "public").lower()
    if kind == "phoneNumber":
        return f"4:{value}"
    if kind == "microsoftTeamsApp":
        return f"{_TEAMS_APP_PREFIXES.get(cloud, '28:orgid:')}{value}"
    if details.flag("isAnonymous"):
        return f"8:teamsvisitor:{value}"
    return f"{_TEAMS_USER_PREFIXES.get(cloud, '8:orgid:')}{value}"


def user_json(user_id: str) -> dict[str, Json]:
    """Write the identifier of an ACS user."""
    return {"rawId": user_id, "kind": "communicationUser", "communicationUser": {"id": user_id}}


def new_resource_id(random: Random) -> str:
    """Make the id of a resource: a GUID."""
    return str(UUID(bytes=random(16), version=4))


def new_user_id(resource_id: str, number: int, random: Random) -> str:
    """Make the id of a resource's next user: zeros and a small counter, then chance, as the service does."""
    chance = random(12).hex()
    user = f"{number:08x}-{chance[:4]}-{chance[4:8]}-{chance[8:12]}-{chance[12:]}"
    return f"8:acs:{resource_id}_{user}"


def new_thread_id(random: Random) -> str:
    """Make a thread id."""
    chance = base64.urlsafe_b64encode(random(32)).decode().rstrip("=")
    return f"19:acsV2_{chance}1@thread.v2"


def is_thread_id(text: str) -> bool:
    """Whether a text could be the id of some thread; the all-zero one never is (observed on the live service)."""
    return bool(_THREAD_ID.fullmatch(text)) and not _ZERO_THREAD_ID.fullmatch(text)
