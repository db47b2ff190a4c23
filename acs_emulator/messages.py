"""Chat messages: send, list, get, update, delete.

Each change takes the next sequence id of its thread, an edit and a deletion as well as a message, and lists are in
the order of these ids, newest change first: an edited message moves to the top. A deletion leaves the message in
place with empty content and a ``deletedOn``. All this was observed on the live service.

Choices where nothing is documented: ``startTime`` is compared, inclusively, with the time of a message's latest
change, which is what the list is ordered by; an update that names nothing changes nothing; updating a deleted
message is a 404; deleting one again is no error; a deletion drops the metadata. HTML is kept as it was sent, where
the service sanitises it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice, takewhile
from typing import Literal

from acs_emulator.authorization import enter
from acs_emulator.calls import Call, Reply
from acs_emulator.errors import bad_request, forbidden, not_found
from acs_emulator.identifiers import user_json
from acs_emulator.journal import Json
from acs_emulator.paging import DEFAULT_MESSAGES, page_size, read_state, reply_page, write_state
from acs_emulator.service import Service
from acs_emulator.state import Message, Participant, Room, Thread
from acs_emulator.timestamps import chat_time, link_time
from acs_emulator.validation import Fields, check_metadata_size, merge_metadata, read_time

MAX_CONTENT = 28 * 1024
"""Largest content of one message, in UTF-8 bytes."""

SENDABLE: Mapping[str, Literal["text", "html"]] = {"text": "text", "html": "html"}


def send(service: Service, call: Call) -> Reply:
    """Add a message."""
    room, body = enter(service, call), call.fields()
    metadata = body.metadata()
    check_metadata_size(metadata or {}, service.options.message_metadata_limit)
    content, kind = _read_content(body), _read_type(body)
    thread = room.thread.advance(service.now(), is_activity=True)
    message = Message(
        thread_id=thread.id,
        id=thread.stamp,
        type=kind,
        sequence=thread.sequence,
        version=thread.stamp,
        content={"message": content},
        sender=call.caller,
        sender_display_name=body.text("senderDisplayName"),
        metadata=metadata,
    )
    service.state.commit(thread, message)
    message_id = str(message.id)
    location = call.url("chat", "threads", thread.id, "messages", message_id)
    return Reply(201, {"id": message_id}, location)


def list_messages(service: Service, call: Call) -> Reply:
    """List messages, newest change first; the page links to the next whenever it is full."""
    room, size = enter(service, call), page_size(call.query, DEFAULT_MESSAGES)
    before, since = _read_place(call.query)
    page = list(islice(_visible(room, room.participants[call.caller], before, since), size))
    link = None
    if len(page) == size:
        state = write_state(page[-1].sequence, since)
        link = {"syncState": state, "startTime": link_time(since), "maxPageSize": str(size)}
    items: list[Json] = [_message_json(each) for each in page]
    return reply_page(call, items, link, "chat", "threads", room.thread.id, "messages")


def get(service: Service, call: Call) -> Reply:
    """Return one message, of the system or deleted as well."""
    return Reply(200, _message_json(find(enter(service, call), call)))


def update(service: Service, call: Call) -> Reply:
    """Change content or metadata (merged) of a message the caller sent."""
    room = enter(service, call)
    message, body = _own(room, call), call.fields()
    if message.deleted_on is not None:
        raise not_found("The message was deleted")
    metadata = merge_metadata(message.metadata or {}, body.metadata(patch=True) or {})
    check_metadata_size(metadata, service.options.message_metadata_limit)
    if "content" not in body and "metadata" not in body:
        return Reply(204)
    content: dict[str, Json] = {"message": _read_content(body)} if "content" in body else message.content
    thread = _advance(service, room)
    changed = _at_top(replace(message, content=content, metadata=metadata), thread)
    service.state.commit(thread, replace(changed, edited_on=thread.stamp))
    return Reply(204)


def delete(service: Service, call: Call) -> Reply:
    """Empty a message the caller sent."""
    room = enter(service, call)
    message = _own(room, call)
    if message.deleted_on is None:
        thread = _advance(service, room)
        emptied = replace(message, content={"message": ""}, metadata=None, edited_on=None)
        service.state.commit(thread, replace(_at_top(emptied, thread), deleted_on=thread.stamp))
    return Reply(204)


def find(room: Room, call: Call, message_id: str | None = None) -> Message:
    """Return the message that is named, by the path unless given; raises a 404, also for one the caller cannot see."""
    wanted = call.path["message_id"] if message_id is None else message_id
    message = room.messages.get(int(wanted)) if wanted.isdecimal() and len(wanted) < 20 else None
    if message is None or message.id < room.participants[call.caller].share_history_time:
        raise not_found("The specified message id was not found")
    return message


def _own(room: Room, call: Call) -> Message:
    message = find(room, call)
    if message.sender != call.caller:
        raise forbidden("Only its sender may update or delete a message")
    return message


def _advance(service: Service, room: Room) -> Thread:
    return room.thread.advance(service.now(), is_activity=service.options.edits_are_activity)


def _at_top(message: Message, thread: Thread) -> Message:
    return replace(message, sequence=thread.sequence, version=thread.stamp)


def _visible(room: Room, reader: Participant, before: int | None, since: int) -> Iterator[Message]:
    recent = takewhile(lambda each: each.version >= since, room.newest_first(before))
    return (each for each in recent if each.id >= reader.share_history_time)


def _read_place(query: Mapping[str, str]) -> tuple[int | None, int]:
    """Read the sequence id the list continues below, None at its start, and since when messages count."""
    if state := read_state(query, 2):
        return state[0], state[1]
    start = query.get("startTime")
    return None, 0 if start is None else read_time(start, "startTime")


def _read_content(body: Fields) -> str:
    content = body.required_text("content")
    if len(content.encode()) > MAX_CONTENT:
        text = f"A message may hold {MAX_CONTENT} bytes of UTF-8"
        raise bad_request(text, body.target("content"), code="RequestBodyTooLarge")
    return content


def _read_type(body: Fields) -> Literal["text", "html"]:
    if (kind := SENDABLE.get((body.text("type") or "text").lower())) is None:
        raise bad_request("One of text, html is expected", body.target("type"))
    return kind


def _message_json(message: Message) -> dict[str, Json]:
    written: dict[str, Json] = {
        "id": str(message.id),
        "type": message.type,
        "sequenceId": str(message.sequence),
        "version": str(message.version),
        "content": message.content,
        "createdOn": chat_time(message.id),
    }
    if message.sender is not None:
        written["senderCommunicationIdentifier"] = user_json(message.sender)
    if message.sender_display_name is not None:
        written["senderDisplayName"] = message.sender_display_name
    if message.edited_on is not None:
        written["editedOn"] = chat_time(message.edited_on)
    if message.deleted_on is not None:
        written["deletedOn"] = chat_time(message.deleted_on)
    if message.metadata:
        written["metadata"] = dict(message.metadata)
    return written
