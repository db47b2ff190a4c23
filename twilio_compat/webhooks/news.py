"""What is told, and under which key: from records to news. Pure.

News has a key that no other has, so that what two of them tell is told once: the process that did it, and the one that
watches (`twilio_compat.webhooks.watcher`). What may change more than once has its new state in the key, since two
changes can have one date; what the watcher cannot recognise, a random one.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from twilio_compat.account import Errand, StateMove
from twilio_compat.recency import moment
from twilio_compat.records import (
    ConversationRecord,
    DeliveryReceiptRecord,
    JSONObject,
    MessageRecord,
    ParticipantRecord,
    UserRecord,
)
from twilio_compat.webhooks import events, parameters
from twilio_compat.webhooks.events import Happening
from twilio_compat.webhooks.parameters import Parameters, Reason, time_text
from twilio_compat.webhooks.targets import Target

QUEUE: Final = "webhooks"
_REASONS: Final[Mapping[str, Reason]] = {"timer": "TIMER", "event": "EVENT"}
SILENT: Final = "silent"
"""Key in the content of an errand that is there for its key alone: the account did not want this told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened. ``subject`` is the conversation or the user; news of one is told in order.

    ``body`` is what a message says. ``happened`` is when, where only webhooks are to be told that were configured before
    then; None: those that are configured now. ``also_known_as``: keys under which the watcher may come upon it, too.
    """

    happening: Happening
    key: str
    subject: str
    parameters: Mapping[str, str]
    body: str | None = None
    happened: datetime | None = None
    also_known_as: tuple[str, ...] = ()

    @property
    def conversation_sid(self) -> str | None:
        """The conversation that it happened in, if it did in one."""
        return self.parameters.get("ConversationSid")


# Messages


def message_added(record: MessageRecord) -> News:
    """Tell of a message that was sent."""
    return News(
        happening=events.MESSAGE_ADDED,
        key=record.sid,
        subject=record.conversation_sid,
        parameters=parameters.of_message(record),
        body=record.body,
    )


def earlier_message_added(record: MessageRecord) -> News:
    """Tell of a message that was sent a while ago, perhaps."""
    return replace(message_added(record), happened=record.date_created)


def message_updated(record: MessageRecord) -> News:
    """Tell of a message that was changed."""
    told = parameters.of_message(record, with_update=True)
    return News(
        happening=events.MESSAGE_UPDATED,
        key=f"{record.sid}:{time_text(moment(record))}:{_digest(told)}",
        subject=record.conversation_sid,
        parameters=told,
    )


def message_removed(record: MessageRecord, now: datetime) -> News:
    """Tell of a message that was deleted."""
    return News(
        happening=events.MESSAGE_REMOVED,
        key=record.sid,
        subject=record.conversation_sid,
        parameters=parameters.of_message(record, with_update=True, removed=now),
    )


def unknown_message_removed(conversation_sid: str, sid: str, index: int, now: datetime) -> News:
    """Tell of a message that was deleted, and of which nobody knows any more what it said."""
    return News(
        happening=events.MESSAGE_REMOVED,
        key=sid,
        subject=conversation_sid,
        parameters=parameters.of_removed_message(conversation_sid, sid, index, now),
    )


def delivery_updated(record: DeliveryReceiptRecord) -> News:
    """Tell that a message has come to be read, or the like."""
    return News(
        happening=events.DELIVERY_UPDATED,
        key=f"{record.sid}:{record.status}:{uuid.uuid4().hex}",
        subject=record.conversation_sid,
        parameters=parameters.of_receipt(record),
    )


# Conversations


def conversation_added(record: ConversationRecord) -> News:
    """Tell of a conversation that was made."""
    return News(
        happening=events.CONVERSATION_ADDED,
        key=record.sid,
        subject=record.sid,
        parameters=parameters.of_conversation(record),
    )


def conversation_updated(record: ConversationRecord) -> News:
    """Tell of a conversation that was changed."""
    told = parameters.of_conversation(record)
    return News(
        happening=events.CONVERSATION_UPDATED,
        key=f"{record.sid}:{time_text(moment(record))}:{_digest(told)}",
        subject=record.sid,
        parameters=told,
    )


def conversation_removed(record: ConversationRecord, now: datetime) -> News:
    """Tell of a conversation that was deleted."""
    return News(
        happening=events.CONVERSATION_REMOVED,
        key=record.sid,
        subject=record.sid,
        parameters=parameters.of_conversation(record, removed=now),
    )


def unknown_conversation_removed(sid: str) -> News:
    """Tell of a conversation that was deleted, and of which nothing is known; which is enough to be silent about it."""
    return News(
        happening=events.CONVERSATION_REMOVED, key=sid, subject=sid, parameters={"ConversationSid": sid}
    )


def state_updated(move: StateMove, reason: Reason | None = None) -> News:
    """Tell of a conversation that has come to be in another state; without a *reason*, by itself."""
    state = move.conversation.state
    return News(
        happening=events.CONVERSATION_STATE_UPDATED,
        key=f"{move.conversation.sid}:{state.current}:{time_text(state.date_updated)}",
        subject=move.conversation.sid,
        parameters=parameters.of_state(move, reason or _REASONS[move.reason]),
    )


# Participants


def participant_added(record: ParticipantRecord, now: datetime) -> News:
    """Tell of somebody who came, as the process that added them knows."""
    return _of_membership(events.PARTICIPANT_ADDED, record, parameters.of_participant(record), now)


def participant_removed(record: ParticipantRecord, now: datetime) -> News:
    """Tell of somebody who left, as the process that removed them knows."""
    told = parameters.of_participant(record, with_update=True, removed=now)
    return _of_membership(events.PARTICIPANT_REMOVED, record, told, now)


def participant_seen_to_come(record: ParticipantRecord, now: datetime) -> News:
    """Tell of somebody who came, as the watcher sees it."""
    return _of_seen(events.PARTICIPANT_ADDED, record, parameters.of_participant(record), now)


def participant_seen_to_leave(record: ParticipantRecord, now: datetime) -> News:
    """Tell of somebody who left, as the watcher sees it."""
    told = parameters.of_participant(record, with_update=True, removed=now)
    return _of_seen(events.PARTICIPANT_REMOVED, record, told, now)


def participant_updated(record: ParticipantRecord) -> News:
    """Tell of a member who was changed, or has read on."""
    return News(
        happening=events.PARTICIPANT_UPDATED,
        key=f"{record.sid}:{uuid.uuid4().hex}",
        subject=record.conversation_sid,
        parameters=parameters.of_participant(record, with_update=True, with_horizon=True),
    )


def _of_membership(happening: Happening, record: ParticipantRecord, told: Parameters, now: datetime) -> News:
    """Tell it under a key of its own, and have the watcher, who hears of it within two minutes, be silent.

    The same person can come and go often, and nothing that the watcher sees tells one time from the other.
    """
    minute = int(now.timestamp()) // 60
    return News(
        happening=happening,
        key=f"{record.sid}:{uuid.uuid4().hex}",
        subject=record.conversation_sid,
        parameters=told,
        also_known_as=(f"{record.sid}:{minute}", f"{record.sid}:{minute + 1}"),
    )


def _of_seen(happening: Happening, record: ParticipantRecord, told: Parameters, now: datetime) -> News:
    return News(
        happening=happening,
        key=f"{record.sid}:{int(now.timestamp()) // 60}",
        subject=record.conversation_sid,
        parameters=told,
    )


# Users


def user_added(record: UserRecord) -> News:
    """Tell of a new user."""
    return News(
        happening=events.USER_ADDED,
        key=record.sid,
        subject=record.sid,
        parameters=parameters.of_user(record, with_creation=True, with_update=False),
    )


def user_updated(record: UserRecord) -> News:
    """Tell of a user who was changed."""
    told = parameters.of_user(record, with_creation=True, with_update=True)
    return News(
        happening=events.USER_UPDATED,
        key=f"{record.sid}:{uuid.uuid4().hex}",
        subject=record.sid,
        parameters=told | parameters.of_presence(record),
    )


# Errands


def errands_of(
    news: News, targets: Sequence[Target], *, origin: Mapping[str, str], service_sid: str, now: datetime
) -> Sequence[Errand]:
    """Return what is to be done to tell *news* to *targets*."""
    told = [_errand(news, each, origin, service_sid, now) for each in targets]
    return [*told, *_silences(news, targets, news.also_known_as, now)]


def silence_of(news: News, targets: Sequence[Target], *, now: datetime) -> Sequence[Errand]:
    """Return what keeps others from telling *news*."""
    return _silences(news, targets, (news.key, *news.also_known_as), now)


def _errand(news: News, target: Target, origin: Mapping[str, str], service_sid: str, now: datetime) -> Errand:
    content: JSONObject = {
        "url": target.url,
        "method": target.method,
        "parameters": {**origin, **news.parameters, **target.parameters},
        "target": target.name,
        "service": service_sid,
        "conversation": news.conversation_sid,
        "since": time_text(now),
    }
    key = _key(news.happening, news.key, target)
    return Errand(queue=QUEUE, line=f"{news.subject}:{target.name}", key=key, content=content, due=now)


def _silences(news: News, targets: Sequence[Target], keys: Sequence[str], now: datetime) -> Sequence[Errand]:
    names = [_key(news.happening, key, target) for key in keys for target in targets]
    return [
        Errand(queue=QUEUE, line=f"{SILENT}:{name}", key=name, content={SILENT: True}, due=now)
        for name in names
    ]


def _key(happening: Happening, key: str, target: Target) -> str:
    return f"{happening.after}:{key}:{target.name}"


def _digest(told: Mapping[str, str]) -> str:
    text = "\n".join(f"{name}={told[name]}" for name in sorted(told))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
