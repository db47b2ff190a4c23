"""What the change feed carries of each kind, as JSON: written by whoever changes a row, read by the change teller.

============  =====================================================================================================
CONVERSATION  what may change of a conversation's row; with an ``acs_id``, for that member alone, and with what the
              conversation is to that member (``notification_level``)
PARTICIPANT   the member's row, but for the notification level, which is nobody else's business
TYPING        nothing; the time of the change says for how long it is news
MEMBERSHIP    nothing; who reads it looks at ACS
EDIT          nothing; who reads it reads the thread
USER          the user as the port tells it
============  =====================================================================================================

Times are in epoch milliseconds. A field that a reader does not know is passed over, and one that is missing keeps the
value of the reader's row, so that processes of two versions can share a store for the time of an upgrade.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from acs_backend.records import Known
from acs_backend.store.conversations import Conversation
from acs_backend.store.participants import Participant
from acs_backend.times import to_milliseconds, to_time
from twilio_compat.records import JSONValue, UserRecord

_CONVERSATION = frozenset(
    {
        "unique_name",
        "friendly_name",
        "attributes",
        "created_at",
        "updated_at",
        "date_updated",
        "state",
        "state_updated_at",
        "inactive_after",
        "closed_after",
        "active_at",
        "extras",
    }
)
_STANDING = frozenset({"notification_level"})
_PARTICIPANT = frozenset(each.name for each in fields(Participant)) - _STANDING
_USER = frozenset(each.name for each in fields(UserRecord))
_DATES = ("date_created", "date_updated")


def of_conversation(row: Conversation) -> dict[str, JSONValue]:
    """Return what the feed carries of a conversation."""
    return _picked(row, _CONVERSATION)


def of_standing(row: Conversation, own: Participant) -> dict[str, JSONValue]:
    """Return what the feed carries for a member alone."""
    return of_conversation(row) | {"notification_level": own.notification_level}


def of_participant(row: Participant) -> dict[str, JSONValue]:
    """Return what the feed carries of a member."""
    return _picked(row, _PARTICIPANT)


def of_user(user: UserRecord) -> dict[str, JSONValue]:
    """Return what the feed carries of a user."""
    dates = {name: getattr(user, name) for name in _DATES}
    return asdict(user) | {name: None if at is None else to_milliseconds(at) for name, at in dates.items()}


def conversation(content: JSONValue, known: Known) -> Known:
    """Return *known* as it was when the change was made."""
    row = replace(known.row, **_picked_of(content, _CONVERSATION))
    level = _picked_of(content, _STANDING)
    own = replace(known.own, **level) if known.own is not None else None
    return replace(known, row=row, own=own)


def participant(content: JSONValue) -> Participant:
    """Return the member's row as the change left it."""
    return Participant(**_picked_of(content, _PARTICIPANT))


def role_given(content: JSONValue) -> str | None:
    """Return the role that a change carries, of whatever kind it is."""
    sid = content.get("role_sid") if isinstance(content, dict) else None
    return sid if isinstance(sid, str) else None


def user(content: JSONValue) -> UserRecord:
    """Return the user as the change left it."""
    picked = _picked_of(content, _USER)
    dates = {name: None if picked.get(name) is None else to_time(picked[name]) for name in _DATES}
    return UserRecord(**{**picked, **dates})


def _picked(row: object, names: Collection[str]) -> dict[str, JSONValue]:
    return {name: getattr(row, name) for name in sorted(names)}


def _picked_of(content: JSONValue, names: Collection[str]) -> Mapping[str, Any]:
    fields_of = content if isinstance(content, dict) else {}
    return {name: value for name, value in fields_of.items() if name in names}
