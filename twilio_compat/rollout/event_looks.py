"""What one event stream of two reads of a conversation when it changes sides, and how events get public names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from twilio_compat.errors import ForbiddenError, NotFoundError
from twilio_compat.events import (
    ConversationJoined,
    ConversationLeft,
    ConversationUpdated,
    Event,
    MessageAdded,
    MessageRemoved,
    MessageUpdated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    TypingStarted,
)
from twilio_compat.records import Actor, Direction, MessageRecord
from twilio_compat.rollout.event_memory import Seen, Wanted
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sids import Names

PAGE: Final = 100
"""Messages that are looked at in one call."""


async def seen(place: Place, actor: Actor, wanted: Wanted) -> Seen:
    """Look at a conversation where it is."""
    backend, sid, names = place.backend, place.sid, place.public
    try:
        record = await backend.conversations.get(actor, sid)
    except NotFoundError:
        return Seen(None, is_gone=True)
    except ForbiddenError:
        return Seen(None)
    if not record.joined:
        return Seen(None)
    messages, first = await _newest(place, actor, wanted.back_to)
    there = {each.sid for each in messages}
    others = {
        each: await _message(place, actor, each)
        for each in map(names.sid, wanted.messages)
        if each not in there
    }
    members = await backend.participants.list(actor, sid)
    return Seen(
        names.conversation(record),
        first=first,
        messages=messages,
        others=others,
        participants=[names.participant(each) for each in members],
        names={
            each: names.sid(each) for each in (*wanted.messages, *wanted.members) if names.sid(each) != each
        },
    )


async def _newest(place: Place, actor: Actor, back_to: int) -> tuple[Sequence[MessageRecord], int]:
    """Return the newest messages, and the index from which on they are all there is.

    As far back as one that was told, however many were not: they all are to be told.
    """
    found: list[MessageRecord] = []
    anchor: int | None = None
    while True:
        page = await place.backend.messages.page(
            actor, place.sid, size=PAGE, anchor=anchor, direction=Direction.BACKWARDS
        )
        public = place.public.page(page)
        found[:0] = public.items
        if not page.has_older or not page.items:
            return found, 0
        if public.items[0].index <= back_to:
            return found, public.items[0].index
        anchor = page.items[0].index - 1


async def _message(place: Place, actor: Actor, sid: str) -> MessageRecord | None:
    try:
        found = await place.backend.messages.get(actor, place.sid, place.there.sid(sid))
    except NotFoundError:
        return None
    return place.public.message(found)


def in_public(event: Event, names: Names) -> Event:
    """Return an event of a conversation in public names."""
    match event:
        case ConversationJoined(conversation=record) | ConversationUpdated(conversation=record):
            return replace(event, conversation=names.conversation(record))
        case MessageAdded(message=message) | MessageUpdated(message=message):
            return replace(event, message=names.message(message))
        case MessageRemoved():
            return MessageRemoved(
                conversation_sid=names.sid(event.conversation_sid),
                message_sid=names.sid(event.message_sid),
                index=names.index(event.index),
            )
        case ConversationLeft():
            member = None if event.participant is None else names.participant(event.participant)
            sid = names.sid(event.conversation_sid)
            return replace(event, conversation_sid=sid, participant=member)
        case ParticipantJoined(participant=of) | ParticipantLeft(participant=of):
            return replace(event, participant=names.participant(of))
        case ParticipantUpdated(participant=of) | TypingStarted(participant=of):
            return replace(event, participant=names.participant(of))
        case _:
            return event
