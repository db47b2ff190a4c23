"""The messages a thread writes itself: who was added or removed, and what it is called now.

Each is an entry like any other, with a sequence id of its own, but with no sender: its content names the initiator.
"""

from __future__ import annotations

from collections.abc import Sequence

from acs_emulator.identifiers import user_json
from acs_emulator.journal import Json
from acs_emulator.state import Message, MessageType, Participant, Thread
from acs_emulator.timestamps import chat_time

Entry = tuple[Thread, Message]
"""The thread after the entry, and the entry."""


def topic_updated(thread: Thread, initiator: str, now: int, *, is_activity: bool) -> Entry:
    """Note what the thread is called now."""
    return _entry(thread, "topicUpdated", {"topic": thread.topic}, initiator, now, is_activity)


def participants_added(
    thread: Thread, added: Sequence[Participant], initiator: str, now: int, *, is_activity: bool
) -> Entry:
    """Note who was added, all of one call in one entry."""
    return _entry(thread, "participantAdded", _listed(added), initiator, now, is_activity)


def participant_removed(
    thread: Thread, removed: Participant, initiator: str, now: int, *, is_activity: bool
) -> Entry:
    """Note who was removed, or left."""
    return _entry(thread, "participantRemoved", _listed([removed]), initiator, now, is_activity)


def participant_json(participant: Participant) -> dict[str, Json]:
    """Write a participant as system messages have it."""
    written: dict[str, Json] = {
        "communicationIdentifier": user_json(participant.user_id),
        "shareHistoryTime": chat_time(participant.share_history_time),
    }
    if participant.display_name is not None:
        written["displayName"] = participant.display_name
    return written


def _listed(participants: Sequence[Participant]) -> dict[str, Json]:
    return {"participants": [participant_json(each) for each in participants]}


def _entry(
    thread: Thread, kind: MessageType, content: dict[str, Json], initiator: str, now: int, is_activity: bool
) -> Entry:
    thread = thread.advance(now, is_activity=is_activity)
    content = {**content, "initiatorCommunicationIdentifier": user_json(initiator)}
    return thread, Message(
        thread_id=thread.id,
        id=thread.stamp,
        type=kind,
        sequence=thread.sequence,
        version=thread.stamp,
        content=content,
    )
