"""What changes in a message when a newer state of it is told, and what that is called: pure functions.

Twilio's client lets an update that leaves out the body, the subject, the author, who updated it or the receipts take
nothing away; so here. A member's read horizon is an update too: it moves the receipts of the messages it covers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Final, Literal, TypeAlias

from twilio_compat.receipts import AggregatedDeliveryReceipt
from twilio_compat.records import MessageRecord
from twilio_compat.sameness import same

__all__ = ["MessageUpdateReason", "merged", "read_by_now", "read_up_to", "reasons"]

MessageUpdateReason: TypeAlias = Literal[
    "body",
    "lastUpdatedBy",
    "dateCreated",
    "dateUpdated",
    "attributes",
    "author",
    "deliveryReceipt",
    "subject",
    "media",
]


def merged(old: MessageRecord, new: MessageRecord) -> MessageRecord:
    """Return *new*, with what it leaves out taken from *old*."""
    return replace(
        new,
        body=old.body if new.body is None else new.body,
        subject=new.subject or old.subject,
        last_updated_by=new.last_updated_by or old.last_updated_by,
        author=new.author or old.author,
        delivery=new.delivery or old.delivery,
    )


def read_up_to(record: MessageRecord, participant_sid: str, index: int | None) -> MessageRecord:
    """Return *record* where a member has read up to *index*, and no further; None: nothing."""
    delivery = record.delivery
    if delivery is None or participant_sid not in delivery.recipients:
        return record
    read_by = delivery.read_by - {participant_sid}
    if index is not None and record.index <= index:
        read_by |= {participant_sid}
    return replace(record, delivery=replace(delivery, read_by=read_by))


def read_by_now(record: MessageRecord, horizons: Mapping[str, int]) -> MessageRecord:
    """Return *record* with those members added who have read it by *horizons*, which has indexes by sid."""
    if (delivery := record.delivery) is None:
        return record
    read = {sid for sid in delivery.recipients if horizons.get(sid, -1) >= record.index}
    if read <= delivery.read_by:
        return record
    return replace(record, delivery=replace(delivery, read_by=delivery.read_by | read))


def reasons(old: MessageRecord, new: MessageRecord) -> list[MessageUpdateReason]:
    """Return what changed, in Twilio's words and in the order in which its client tells them."""
    return [name for name, aspect in _ASPECTS.items() if not same(aspect(old), aspect(new))]


_ASPECTS: Final[Mapping[MessageUpdateReason, Callable[[MessageRecord], object]]] = {
    "body": attrgetter("body"),
    "subject": attrgetter("subject"),
    "lastUpdatedBy": attrgetter("last_updated_by"),
    "author": attrgetter("author"),
    "dateUpdated": attrgetter("date_updated"),
    "dateCreated": attrgetter("date_created"),
    "attributes": attrgetter("attributes"),
    "deliveryReceipt": lambda record: AggregatedDeliveryReceipt._of(record.delivery),
    "media": attrgetter("media"),
}
"""Twilio's update reasons, in order, and what of a message each is about."""
