"""What a webhook is told of a thing, as Twilio's parameters: names to texts. Pure.

A parameter that has no value is left out: a message that is a file has no ``Body`` at all. Times are in UTC with
milliseconds, attributes are the text of a JSON value, and the files of a message are the text of a JSON array.
``Source``, ``ClientIdentity`` and ``ChatServiceSid`` come from `origin`, ``AccountSid`` and ``RetryCount`` with the
request itself (`twilio_compat.webhooks.requests`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from twilio_compat.account import StateMove
from twilio_compat.records import (
    ConversationDraft,
    ConversationRecord,
    DeliveryReceiptRecord,
    JSONValue,
    MediaRecord,
    MessageDraft,
    MessageRecord,
    ParticipantDraft,
    ParticipantRecord,
    UserRecord,
)

Parameters: TypeAlias = dict[str, str]
Source: TypeAlias = Literal["SDK", "API"]
Reason: TypeAlias = Literal["API", "TIMER", "EVENT"]

_CHAT = {"MessagingBinding.Type": "chat"}


def origin(
    event: str, *, service_sid: str, source: Source | None = None, client_identity: str | None = None
) -> Parameters:
    """Return what every request tells: which event of which service it is, and who brought it about."""
    return _given(EventType=event, ChatServiceSid=service_sid, Source=source, ClientIdentity=client_identity)


# Conversations


def of_new_conversation(draft: ConversationDraft) -> Parameters:
    """Return what is told of a conversation that is about to be made."""
    return _given(
        FriendlyName=draft.friendly_name,
        UniqueName=draft.unique_name,
        Attributes=_json(draft.attributes),
        State=draft.state,
        MessagingServiceSid=messaging_service_sid(draft.extras),
    )


def of_conversation(record: ConversationRecord, *, removed: datetime | None = None) -> Parameters:
    """Return what is told of a conversation; *removed*: when it was."""
    return _given(
        ConversationSid=record.sid,
        DateCreated=time_text(record.date_created),
        DateUpdated=time_text(record.date_updated),
        DateRemoved=_time(removed),
        FriendlyName=record.friendly_name,
        UniqueName=record.unique_name,
        Attributes=_json(record.attributes),
        State=record.state.current,
        MessagingServiceSid=messaging_service_sid(record.extras),
    )


def of_state(move: StateMove, reason: Reason) -> Parameters:
    """Return what is told of a conversation whose state has changed."""
    record = move.conversation
    return _given(
        ConversationSid=record.sid,
        StateUpdated=time_text(record.state.date_updated),
        StateFrom=move.before,
        StateTo=record.state.current,
        Reason=reason,
        MessagingServiceSid=messaging_service_sid(record.extras),
    )


def messaging_service_sid(extras: Mapping[str, JSONValue]) -> str | None:
    """Return the messaging service that a conversation was given, if it was given one."""
    sid = extras.get("messaging_service_sid")
    return sid if isinstance(sid, str) else None


# Messages


def of_new_message(
    conversation_sid: str, draft: MessageDraft, *, author: str, participant_sid: str | None
) -> Parameters:
    """Return what is told of a message that is about to be sent."""
    return _given(
        ConversationSid=conversation_sid,
        Body=draft.body,
        Author=author,
        ParticipantSid=participant_sid,
        Attributes=_json(draft.attributes),
        Media=_media(draft.media),
    )


def of_message(
    record: MessageRecord, *, with_update: bool = False, removed: datetime | None = None
) -> Parameters:
    """Return what is told of a message; *with_update*: also when it was changed; *removed*: when it was."""
    return _given(
        ConversationSid=record.conversation_sid,
        MessageSid=record.sid,
        Index=str(record.index),
        DateCreated=time_text(record.date_created),
        DateUpdated=time_text(record.date_updated) if with_update else None,
        DateRemoved=_time(removed),
        Body=record.body,
        Author=record.author,
        ParticipantSid=record.participant_sid,
        Attributes=_json(record.attributes),
        Media=_media(record.media),
    )


def of_removed_message(conversation_sid: str, sid: str, index: int, removed: datetime) -> Parameters:
    """Return what is told of a message that nobody knows any more."""
    return _given(
        ConversationSid=conversation_sid, MessageSid=sid, Index=str(index), DateRemoved=time_text(removed)
    )


def of_receipt(record: DeliveryReceiptRecord) -> Parameters:
    """Return what is told of what became of a message at one participant."""
    return _given(
        ConversationSid=record.conversation_sid,
        MessageSid=record.message_sid,
        DeliveryReceiptSid=record.sid,
        ChannelMessageSid=record.channel_message_sid or None,
        ParticipantSid=record.participant_sid,
        Status=record.status,
        ErrorCode=str(record.error_code),
        DateCreated=time_text(record.date_created),
        DateUpdated=time_text(record.date_updated),
    )


# Participants


def of_new_participant(conversation_sid: str, draft: ParticipantDraft, *, role_sid: str) -> Parameters:
    """Return what is told of somebody who is about to be added."""
    return _CHAT | _given(
        ConversationSid=conversation_sid,
        Identity=draft.identity,
        RoleSid=role_sid,
        Attributes=_json(draft.attributes),
    )


def of_participant(
    record: ParticipantRecord,
    *,
    with_update: bool = False,
    with_horizon: bool = False,
    removed: datetime | None = None,
) -> Parameters:
    """Return what is told of a member; *with_horizon*: also up to where they have read."""
    index = record.last_read_message_index if with_horizon else None
    return _CHAT | _given(
        ConversationSid=record.conversation_sid,
        ParticipantSid=record.sid,
        DateCreated=time_text(record.date_created),
        DateUpdated=time_text(record.date_updated) if with_update else None,
        DateRemoved=_time(removed),
        Identity=record.identity,
        RoleSid=record.role_sid or None,
        Attributes=_json(record.attributes),
        LastReadMessageIndex=None if index is None else str(index),
    )


# Users


def of_user(record: UserRecord, *, with_creation: bool, with_update: bool) -> Parameters:
    """Return what is told of a user."""
    return _given(
        UserSid=record.sid,
        DateCreated=_time(record.date_created) if with_creation else None,
        DateUpdated=_time(record.date_updated) if with_update else None,
        Identity=record.identity,
        RoleSid=record.role_sid or None,
        Attributes=_json(record.attributes),
        FriendlyName=record.friendly_name,
    )


def of_presence(record: UserRecord) -> Parameters:
    """Return what is told of where a user is, where the deployment keeps track of that."""
    return _given(isOnline=_truth(record.is_online), isNotifiable=_truth(record.is_notifiable))


# Values


def time_text(moment: datetime) -> str:
    """Write a time as ``2021-08-10T18:00:58.111Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)


def _json(value: JSONValue) -> str:
    return json.dumps(value)


def _media(media: Sequence[MediaRecord]) -> str | None:
    files = [
        {
            "Sid": each.sid,
            "Filename": each.filename,
            "ContentType": each.content_type,
            "Size": each.size,
        }
        for each in media
    ]
    return json.dumps(files, separators=(",", ":"), ensure_ascii=False) if files else None


def _truth(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _given(**parameters: str | None) -> Parameters:
    return {name: value for name, value in parameters.items() if value is not None}
