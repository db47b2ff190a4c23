"""Chat threads: create, list, get, update, delete.

Creating is idempotent by caller and ``repeatability-request-id``: the same pair gives the same thread again, 201,
whatever the body says, even after that thread was deleted (observed on the live service).

Choices where nothing is documented: deleted threads are not listed, and neither are threads the caller has left;
getting a deleted thread is a 404 for its former members; a deletion drops its messages for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from acs_emulator.authorization import enter, member_room
from acs_emulator.calls import Call, Reply
from acs_emulator.errors import bad_request
from acs_emulator.identifiers import new_thread_id, user_json
from acs_emulator.journal import Json
from acs_emulator.paging import page_size, read_state, reply_page, take_page, write_state
from acs_emulator.participants import METADATA_LIMIT, admit
from acs_emulator.service import Service
from acs_emulator.state import Creation, Entity, Participant, Thread
from acs_emulator.system_messages import participants_added, topic_updated
from acs_emulator.timestamps import chat_time, link_time
from acs_emulator.validation import Fields, check_metadata_size, merge_metadata, read_time

REQUEST_ID = "repeatability-request-id"
RETENTION_DAYS = range(30, 91)


def create(service: Service, call: Call) -> Reply:
    """Make a thread whose first participant is the caller."""
    request_id = call.headers.get(REQUEST_ID)
    if request_id and (made := service.state.creations.get(Creation.key_of(call.caller, request_id))):
        return _created(call, service.state.rooms[made.thread_id].thread, made.invalid_participants)
    body, now = call.fields(), service.now()
    admission = admit(service, _read_thread(service, call.caller, body, now), body, members=())
    members = _with_creator(admission.thread.id, call.caller, admission.added)
    thread = replace(admission.thread, joined=len(members))
    thread, added = participants_added(thread, members, call.caller, now, is_activity=False)
    thread, named = topic_updated(thread, call.caller, now, is_activity=False)
    creations = [Creation(call.caller, request_id, thread.id, admission.refused)] if request_id else []
    service.state.commit(thread, *members, added, named, *creations)
    return _created(call, thread, admission.refused)


def list_threads(service: Service, call: Call) -> Reply:
    """List the caller's threads, the most recently active first; ``startTime`` asks for those active since."""
    size = page_size(call.query)
    place, since = _read_place(call.query)
    page = take_page(_threads_of(service, call.caller, place, since), size)
    link = None
    if page.has_more:
        state = write_state(*_place(page.items[-1]), since)
        link = {"syncState": state, "startTime": link_time(since), "maxPageSize": str(size)}
    return reply_page(call, [_item_json(each) for each in page.items], link, "chat", "threads")


def get(service: Service, call: Call) -> Reply:
    """Return a thread's properties."""
    return Reply(200, _properties_json(enter(service, call).thread))


def update(service: Service, call: Call) -> Reply:
    """Change topic, metadata (merged) or retention policy; what is not named stays."""
    thread, body, now = enter(service, call).thread, call.fields(), service.now()
    metadata = merge_metadata(thread.metadata, body.metadata(patch=True) or {})
    check_metadata_size(metadata, METADATA_LIMIT)
    policy = _read_retention_policy(body) or thread.retention_policy
    thread = replace(thread, metadata=metadata, retention_policy=policy)
    if "topic" not in body:
        service.state.commit(thread)
        return Reply(204)
    thread = replace(thread, topic=body.required_text("topic"))
    is_activity = service.options.system_messages_are_activity
    service.state.commit(*topic_updated(thread, call.caller, now, is_activity=is_activity))
    return Reply(204)


def delete(service: Service, call: Call) -> Reply:
    """Delete a thread and its messages; again, for its former members, without effect."""
    room = member_room(service, call)
    if room.thread.deleted_on is None:
        removed: tuple[Entity, ...] = (*room.messages.values(), *room.receipts.values())
        service.state.commit(replace(room.thread, deleted_on=service.now()), removed=removed)
    return Reply(204)


def _read_thread(service: Service, caller: str, body: Fields, now: int) -> Thread:
    metadata = body.metadata() or {}
    check_metadata_size(metadata, METADATA_LIMIT)
    return Thread(
        id=new_thread_id(service.random),
        number=len(service.state.rooms) + 1,
        topic=body.required_text("topic"),
        created_on=now,
        created_by=caller,
        metadata=metadata,
        retention_policy=_read_retention_policy(body),
    )


def _read_retention_policy(body: Fields) -> dict[str, Json] | None:
    if (policy := body.object("retentionPolicy")) is None:
        return None
    kind = policy.required_text("kind")
    if kind == "none":
        return {"kind": kind}
    if kind != "threadCreationDate":
        raise bad_request("One of none, threadCreationDate is expected", policy.target("kind"))
    days = policy.integer("deleteThreadAfterDays")
    if days not in RETENTION_DAYS:
        text = f"A number of days from {RETENTION_DAYS[0]} to {RETENTION_DAYS[-1]} is expected"
        raise bad_request(text, policy.target("deleteThreadAfterDays"))
    return {"kind": kind, "deleteThreadAfterDays": days}


def _with_creator(thread_id: str, creator: str, admitted: list[Participant]) -> list[Participant]:
    """Put the creator first, with the details the request gives, if any."""
    named = [each for each in admitted if each.user_id == creator]
    others = [each for each in admitted if each.user_id != creator]
    members = [*(named or [Participant(thread_id, creator, 0)]), *others]
    return [replace(each, position=position) for position, each in enumerate(members)]


def _place(thread: Thread) -> tuple[int, int]:
    """Where a thread stands in the list."""
    return (thread.activity, thread.number)


def _read_place(query: Mapping[str, str]) -> tuple[tuple[int, int] | None, int]:
    """Read where the list continues from, None at its start, and since when threads count."""
    if state := read_state(query, 3):
        return (state[0], state[1]), state[2]
    start = query.get("startTime")
    return None, 0 if start is None else read_time(start, "startTime")


def _threads_of(
    service: Service, user_id: str, place: tuple[int, int] | None, since: int
) -> Iterator[Thread]:
    now = service.now()
    threads = (service.state.rooms[each].thread for each in service.state.memberships.get(user_id, ()))
    listed = [each for each in threads if each.activity >= since and not each.is_gone(now)]
    if place is not None:
        listed = [each for each in listed if _place(each) < place]
    return iter(sorted(listed, key=_place, reverse=True))


def _created(call: Call, thread: Thread, refused: list[Json]) -> Reply:
    body: dict[str, Json] = {"chatThread": _properties_json(thread)}
    if refused:
        body["invalidParticipants"] = refused
    return Reply(201, body, location=call.url("chat", "threads", thread.id))


def _properties_json(thread: Thread) -> dict[str, Json]:
    written: dict[str, Json] = {
        "id": thread.id,
        "topic": thread.topic,
        "createdOn": chat_time(thread.created_on),
        "createdByCommunicationIdentifier": user_json(thread.created_by),
    }
    if thread.deleted_on is not None:
        written["deletedOn"] = chat_time(thread.deleted_on)
    if thread.metadata:
        written["metadata"] = dict(thread.metadata)
    if thread.retention_policy is not None:
        written["retentionPolicy"] = thread.retention_policy
    return written


def _item_json(thread: Thread) -> dict[str, Json]:
    written: dict[str, Json] = {"id": thread.id, "topic": thread.topic}
    if thread.last_message_received_on is not None:
        written["lastMessageReceivedOn"] = chat_time(thread.last_message_received_on)
    return written
