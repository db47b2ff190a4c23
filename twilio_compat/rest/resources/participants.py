"""Participants: ``/Conversations/CH.../Participants``, each named by a sid or by an identity.

At Twilio a participant is a user of the chat, who has an identity, or somebody with an address, such as a telephone.
Azure Communication Services Chat has only the first. The second is refused: a participant whom no message ever reaches
would be a loss that nobody notices.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import LimitError, NotFoundError
from twilio_compat.records import JSONObject, ParticipantChanges, ParticipantDraft, ParticipantRecord
from twilio_compat.rest import lookup, paging
from twilio_compat.rest.call import Call, Handler, Json, Page
from twilio_compat.rest.error_codes import text_of
from twilio_compat.rest.horizon import last_read_message_index
from twilio_compat.rest.rendering import attributes_text, iso
from twilio_compat.rest.resources.users import checked_identity

_ADDRESS: Final = "MessagingBinding.Address"
_PROXY: Final = "MessagingBinding.ProxyAddress"
_PROJECTED: Final = "MessagingBinding.ProjectedAddress"
_NO_ADDRESSES: Final = (
    "Azure Communication Services Chat reaches nobody by SMS, WhatsApp or another messaging address, so no message of "
    "the conversation would ever come there; add participants by their Identity"
)


async def list_(call: Call) -> Page:
    """Return them in ascending order of sid, which fits what Twilio was seen to do. `NotFoundError` 50350."""
    found = await call.backend.participants.list(call.actor, await lookup.conversation_sid(call))
    return paging.of_list(call, sorted(found, key=_sid), lambda each: render(call, each), _sid)


async def create(call: Call) -> JSONObject:
    """Add one. `ConflictError` 50433; `NotFoundError` 50350, 50109 (role); `LimitError` 50204 to 50211, 50303, 50420."""
    wanted = draft(call)
    sid = await lookup.conversation_sid(call)
    return render(call, await call.backend.participants.create(call.actor, sid, wanted))


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50350, 50432."""
    return render(call, await _member(call, await lookup.conversation_sid(call)))


async def update(call: Call) -> JSONObject:
    """Change what was given of one. `NotFoundError` 50350, 50432, 50109 (role); `LimitError` 50211, 50303, 50420, 50421."""
    if not call.values:
        return await fetch(call)
    changes = _changes(call)
    sid = await lookup.conversation_sid(call)
    await _check_identity(call, sid)
    return render(call, await call.backend.participants.update(call.actor, sid, call.path["Sid"], changes))


async def delete(call: Call) -> None:
    """Remove one. `NotFoundError` 50350, 50432."""
    sid = await lookup.conversation_sid(call)
    await call.backend.participants.delete(call.actor, sid, call.path["Sid"])


def render(call: Call, participant: ParticipantRecord) -> JSONObject:
    """Return it as Twilio shows it."""
    body: JSONObject = {
        "sid": participant.sid,
        "account_sid": call.account_sid,
        "conversation_sid": participant.conversation_sid,
        "identity": participant.identity,
        "attributes": attributes_text(participant.attributes),
        "messaging_binding": None,
        "role_sid": participant.role_sid,
        "last_read_message_index": participant.last_read_message_index,
        "last_read_timestamp": iso(participant.last_read_timestamp),
        "date_created": iso(participant.date_created),
        "date_updated": iso(participant.date_updated),
        "url": call.url("Conversations", participant.conversation_sid, "Participants", participant.sid),
    }
    return body | ({"chat_service_sid": call.backend.service_sid} if call.service_path else {})


def draft(call: Call) -> ParticipantDraft:
    """Return who is to be added. `LimitError` 50204, 50206, 50211 (identity and address), 50420 (address)."""
    identity = call.get("Identity", str)
    _check_no_address(call, identity)
    attributes = call.get("Attributes", Json)
    return ParticipantDraft(
        identity=checked_identity(identity),
        attributes={} if attributes is None else attributes.value,
        role_sid=call.get("RoleSid", str),
        date_created=call.get("DateCreated", datetime),
        date_updated=call.get("DateUpdated", datetime),
    )


# What cannot be


def _check_no_address(call: Call, identity: str | None) -> None:
    given = [each for each in (_ADDRESS, _PROXY, _PROJECTED) if call.get(each, str)]
    if not given:
        return
    if identity and given != [_PROJECTED]:
        raise LimitError(
            "Participants on SMS, WhatsApp or other non-chat channels cannot have Identities", code=50211
        )
    raise _no_addresses(given[0])


def _changes(call: Call) -> ParticipantChanges:
    for name in (_PROXY, _PROJECTED):
        if call.get(name, str) not in (None, "null"):  # of which there is none, so that it is gone already
            raise _no_addresses(name)
    return ParticipantChanges(
        attributes=call.json("Attributes"),
        role_sid=call.change("RoleSid", str),
        last_read_message_index=last_read_message_index(call),
        last_read_timestamp=call.change("LastReadTimestamp", datetime),
        date_created=call.change("DateCreated", datetime),
        date_updated=call.change("DateUpdated", datetime),
    )


async def _check_identity(call: Call, conversation_sid: str) -> None:
    """Refuse to make a participant somebody else. At Twilio an identity is given to those who have an address alone."""
    given = call.get("Identity", str)
    if given is None:
        return
    theirs = (await _member(call, conversation_sid)).identity
    if given != theirs:
        detail = f"it is {theirs!r} for good; remove this participant, and add {given!r}"
        raise LimitError(text_of(50211, detail), code=50211)


def _no_addresses(name: str) -> LimitError:
    return LimitError(text_of(50420, f"{name}: {_NO_ADDRESSES}"), code=50420)


# Finding


async def _member(call: Call, conversation_sid: str) -> ParticipantRecord:
    """Return the one whom the path names. `NotFoundError` 50350, 50432."""
    wanted = call.path["Sid"]
    for each in await call.backend.participants.list(call.actor, conversation_sid):
        if wanted in (each.sid, each.identity):
            return each
    raise NotFoundError("Participant not found", code=50432)


def _sid(participant: ParticipantRecord) -> str:
    return participant.sid


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "participants.list": list_,
        "participants.create": create,
        "participants.fetch": fetch,
        "participants.update": update,
        "participants.delete": delete,
    }
)
