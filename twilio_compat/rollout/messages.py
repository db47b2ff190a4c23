"""The messages of conversations, at whichever side has the authority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from twilio_compat.errors import LimitError
from twilio_compat.records import (
    Actor,
    DeliveryReceiptRecord,
    Direction,
    JSONValue,
    MessageChanges,
    MessageDraft,
    MessagePage,
    MessageRecord,
)
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.staging.stages import Side


class RolloutMessages:
    """`Messages` over both sides."""

    def __init__(self, office: Office) -> None:
        """Ask *office* for where a conversation is."""
        self._office = office

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        """As `Messages.create`. `LimitError` for several files, as long as Twilio is told of the conversation."""
        async with self._office.writing(conversation_sid, "message") as writing:
            place = writing.place
            _check_media(place, draft)
            draft = replace(draft, media=await self._office.carried(place, draft.media))
            with self._office.measured(place, "messages.create"):
                record = await place.backend.messages.create(actor, place.sid, draft)
            sent = place.public.message(record)
            writing.made(sent.sid, sent.index)
            return sent

    async def page(
        self, actor: Actor, conversation_sid: str, *, size: int, anchor: int | None, direction: Direction
    ) -> MessagePage:
        """As `Messages.page`."""

        async def page(place: Place) -> MessagePage:
            there = None if anchor is None else place.there.anchor(anchor, direction)
            return place.public.page(
                await place.backend.messages.page(
                    actor, place.sid, size=size, anchor=there, direction=direction
                )
            )

        return await self._office.read(conversation_sid, "messages.page", page)

    async def get(self, actor: Actor, conversation_sid: str, message_sid: str) -> MessageRecord:
        """As `Messages.get`."""

        async def get(place: Place) -> MessageRecord:
            sid = place.there.sid(message_sid)
            return place.public.message(await place.backend.messages.get(actor, place.sid, sid))

        return await self._office.read(conversation_sid, "messages.get", get)

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """As `Messages.count`."""

        async def count(place: Place) -> int:
            return await place.backend.messages.count(actor, place.sid)

        return await self._office.read(conversation_sid, "messages.count", count)

    async def receipts(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Sequence[DeliveryReceiptRecord]:
        """As `Messages.receipts`; not compared, since each side has its own."""
        place = await self._office.reading(conversation_sid)
        with self._office.measured(place, "messages.receipts"):
            found = await place.backend.messages.receipts(actor, place.sid, place.there.sid(message_sid))
        return [place.public.receipt(each) for each in found]

    async def content(
        self, actor: Actor, conversation_sid: str, message_sid: str
    ) -> Mapping[str, JSONValue] | None:
        """As `Messages.content`; not compared, since what was made of a template is text on the mirror."""
        place = await self._office.reading(conversation_sid)
        with self._office.measured(place, "messages.content"):
            return await place.backend.messages.content(actor, place.sid, place.there.sid(message_sid))

    async def update(
        self, actor: Actor, conversation_sid: str, message_sid: str, changes: MessageChanges
    ) -> MessageRecord:
        """As `Messages.update`."""
        async with self._office.writing(conversation_sid, "message", message_sid) as writing:
            place = writing.place
            with self._office.measured(place, "messages.update"):
                record = await place.backend.messages.update(
                    actor, place.sid, place.there.sid(message_sid), changes
                )
            changed = place.public.message(record)
            writing.made(changed.sid, changed.index)
            return changed

    async def delete(self, actor: Actor, conversation_sid: str, message_sid: str) -> None:
        """As `Messages.delete`."""
        async with self._office.writing(conversation_sid, "message", message_sid) as writing:
            place = writing.place
            with self._office.measured(place, "messages.delete"):
                if writing.intent is not None:  # the mirror may have to know which index is not given again
                    writing.made(message_sid, await self._index(actor, place, message_sid))
                await place.backend.messages.delete(actor, place.sid, place.there.sid(message_sid))

    async def _index(self, actor: Actor, place: Place, message_sid: str) -> int:
        found = await place.backend.messages.get(actor, place.sid, place.there.sid(message_sid))
        return place.public.message(found).index


def _check_media(place: Place, draft: MessageDraft) -> None:
    decision = place.pin.decision
    if len(draft.media) > 1 and Side.TWILIO in (decision.authority, decision.mirror):
        raise LimitError(
            "A message may have one file as long as Twilio has its conversation, too, since its REST API takes no more; "
            "send the files one by one",
        )
