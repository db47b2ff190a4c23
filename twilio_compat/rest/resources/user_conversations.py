"""What a user's conversations are to that user: ``/Users/US.../Conversations``.

A conversation of which the user is no participant is not there. Nor is one of somebody who is no user: applications
take the error for having no conversations yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from twilio_compat.errors import ForbiddenError, NotFoundError
from twilio_compat.records import (
    UNCHANGED,
    ConversationRecord,
    JSONObject,
    NotificationLevel,
    ParticipantChanges,
    Unchanged,
    UserConversationChanges,
    UserConversationRecord,
    UserRecord,
)
from twilio_compat.rest import lookup, paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.horizon import last_read_message_index
from twilio_compat.rest.rendering import attributes_text, iso
from twilio_compat.rest.resources.conversations import timers


@dataclass(frozen=True, slots=True)
class Place:
    """A user in a conversation."""

    user: UserRecord
    conversation: ConversationRecord
    standing: UserConversationRecord


async def list_(call: Call) -> Page:
    """Return all of a user's, in ascending order of sid. `NotFoundError` 50200."""
    user = await lookup.user(call)

    async def show(conversation: ConversationRecord) -> JSONObject | None:
        place = await place_of(call, user, conversation)
        return None if place is None else render(call, place)

    return await paging.of_asking(call, await conversations_of(call, user), show, lambda each: each.sid)


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError` 50200, 50350, `ForbiddenError` 50430."""
    return render(call, await _place(call))


async def update(call: Call) -> JSONObject:
    """Change what was given of one. Errors as `fetch`; `LimitError` 50421."""
    if not call.values:
        return await fetch(call)
    index, read_at = last_read_message_index(call), call.change("LastReadTimestamp", datetime)
    level = _level(call)
    place = await _place(call)
    sid = place.conversation.sid
    if read_at is not UNCHANGED:
        horizon = ParticipantChanges(last_read_message_index=index, last_read_timestamp=read_at)
        await call.backend.participants.update(call.actor, sid, place.user.identity, horizon)
    changes = UserConversationChanges(last_read_message_index=index, notification_level=level)
    actor = lookup.as_user(call, place.user.identity)
    standing = await call.backend.user_conversations.update(actor, sid, changes)
    return render(call, Place(place.user, place.conversation, standing))


async def delete(call: Call) -> None:
    """Have the user leave one. Errors as `fetch`."""
    place = await _place(call)
    await call.backend.participants.delete(call.actor, place.conversation.sid, place.user.identity)


def render(call: Call, place: Place) -> JSONObject:
    """Return it as Twilio shows it."""
    conversation, standing = place.conversation, place.standing
    url = call.url("Conversations", conversation.sid)
    return {
        "account_sid": call.account_sid,
        "chat_service_sid": call.backend.service_sid,
        "conversation_sid": conversation.sid,
        "unread_messages_count": standing.unread_messages_count,
        "last_read_message_index": standing.last_read_message_index,
        "participant_sid": standing.participant_sid,
        "user_sid": place.user.sid,
        "friendly_name": conversation.friendly_name,
        "conversation_state": conversation.state.current,
        "timers": timers(conversation),
        "attributes": attributes_text(conversation.attributes),
        "date_created": iso(conversation.date_created),
        "date_updated": iso(conversation.date_updated),
        "created_by": conversation.created_by,
        "notification_level": standing.notification_level,
        "unique_name": conversation.unique_name,
        "url": call.url("Users", place.user.sid, "Conversations", conversation.sid),
        "links": {"participant": f"{url}/Participants/{standing.participant_sid}", "conversation": url},
    }


# Finding, for `twilio_compat.rest.resources.participant_conversations` too


async def conversations_of(call: Call, user: UserRecord) -> list[ConversationRecord]:
    """Return those the user is a participant of, in ascending order of sid."""
    found = await call.backend.conversations.list(lookup.as_user(call, user.identity))
    return sorted(found, key=lambda each: each.sid)


async def place_of(call: Call, user: UserRecord, conversation: ConversationRecord) -> Place | None:
    """Return what a conversation is to a user, None where they have left it meanwhile."""
    actor = lookup.as_user(call, user.identity)
    try:
        standing = await call.backend.user_conversations.get(actor, conversation.sid)
    except (NotFoundError, ForbiddenError):
        return None
    return Place(user, conversation, standing)


async def _place(call: Call) -> Place:
    user = await lookup.user(call)
    actor = lookup.as_user(call, user.identity)
    conversation = await lookup.conversation(call, actor=actor)
    return Place(user, conversation, await call.backend.user_conversations.get(actor, conversation.sid))


def _level(call: Call) -> NotificationLevel | Unchanged:
    given = call.get("NotificationLevel", str)
    if given is None:
        return UNCHANGED
    return "muted" if given == "muted" else "default"


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "user_conversations.list": list_,
        "user_conversations.fetch": fetch,
        "user_conversations.update": update,
        "user_conversations.delete": delete,
    }
)
