"""The members of a thread: list, add, remove.

Whom the service refuses does not fail the call: it is listed under ``invalidParticipants``. Only ACS users of this
resource can be members; anyone else is refused with code 403, and a user id unknown here with code 404.

Choices where nothing is documented: adding members only changes nothing and writes no system message; removing
somebody who is no member is no error. A member added with a ``shareHistoryTime`` does not see older messages.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from acs_emulator.authorization import enter
from acs_emulator.calls import Call, Reply
from acs_emulator.errors import bad_request
from acs_emulator.identifiers import Identifier, parse_identifier
from acs_emulator.journal import Json
from acs_emulator.paging import reply_counted
from acs_emulator.service import Service
from acs_emulator.state import Participant, Thread
from acs_emulator.system_messages import participant_json, participant_removed, participants_added
from acs_emulator.validation import Fields, check_metadata_size

MAX_PARTICIPANTS = 250
MAX_PARTICIPANTS_PER_CALL = 200
METADATA_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a list of participants: the thread's counter moved on, who is new, and who was refused."""

    thread: Thread
    added: list[Participant]
    refused: list[Json]


def list_participants(service: Service, call: Call) -> Reply:
    """List members in the order they joined."""
    room = enter(service, call)
    items: list[Json] = [_participant_json(each) for each in room.participants.values()]
    return reply_counted(call, items, "chat", "threads", room.thread.id, "participants")


def add(service: Service, call: Call) -> Reply:
    """Add members; one system message names all of them."""
    room = enter(service, call)
    admission = admit(service, room.thread, call.fields(), room.participants)
    if len(room.participants) + len(admission.added) > MAX_PARTICIPANTS:
        raise bad_request(f"A thread has at most {MAX_PARTICIPANTS} participants", "participants")
    if admission.added:
        is_activity = service.options.system_messages_are_activity
        thread, entry = participants_added(
            admission.thread, admission.added, call.caller, service.now(), is_activity=is_activity
        )
        service.state.commit(thread, entry, *admission.added)
    return Reply(201, {"invalidParticipants": admission.refused} if admission.refused else {})


def remove(service: Service, call: Call) -> Reply:
    """Remove a member, or leave; the body is the identifier itself."""
    room = enter(service, call)
    leaving = room.participants.get(parse_identifier(call.fields()).raw_id)
    if leaving is None:
        return Reply(204)
    is_activity = service.options.system_messages_are_activity
    thread, entry = participant_removed(
        room.thread, leaving, call.caller, service.now(), is_activity=is_activity
    )
    receipt = room.receipts.get(leaving.user_id)
    service.state.commit(thread, entry, removed=(leaving, *([receipt] if receipt else [])))
    return Reply(204)


def admit(service: Service, thread: Thread, body: Fields, members: Container[str]) -> Admission:
    """Sort the ``participants`` of a body into new members and refused ones; raises a 400 when it is malformed."""
    requested = list(body.objects("participants"))
    if len(requested) > MAX_PARTICIPANTS_PER_CALL:
        raise bad_request(f"One call adds at most {MAX_PARTICIPANTS_PER_CALL} participants", "participants")
    added: dict[str, Participant] = {}
    refused: list[Json] = []
    for fields in requested:
        identifier = parse_identifier(fields.required_object("communicationIdentifier"))
        participant = _read_participant(thread.id, identifier.raw_id, thread.joined + len(added), fields)
        if refusal := _refusal(service, identifier):
            refused.append(refusal)
        elif identifier.raw_id not in members:
            added.setdefault(participant.user_id, participant)
    return Admission(replace(thread, joined=thread.joined + len(added)), list(added.values()), refused)


def _refusal(service: Service, identifier: Identifier) -> dict[str, Json] | None:
    if not identifier.is_user:
        message = "The initiator has no permission to add this participant: only ACS users can be members"
        return {"code": "403", "message": message, "target": identifier.raw_id}
    if identifier.raw_id not in service.state.users:
        return {"code": "404", "message": "No such user in this resource", "target": identifier.raw_id}
    return None


def _read_participant(thread_id: str, user_id: str, position: int, fields: Fields) -> Participant:
    metadata = fields.metadata()
    check_metadata_size(metadata or {}, METADATA_LIMIT, fields.target("metadata"))
    return Participant(
        thread_id=thread_id,
        user_id=user_id,
        position=position,
        display_name=fields.text("displayName"),
        share_history_time=fields.time("shareHistoryTime") or 0,
        metadata=metadata,
    )


def _participant_json(participant: Participant) -> dict[str, Json]:
    written = participant_json(participant)
    if participant.metadata is not None:
        written["metadata"] = dict(participant.metadata)
    return written
