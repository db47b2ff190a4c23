"""Messages between the port and ACS, with what the codec needs from elsewhere: overflows, URLs, names, members.

An edit sends only what it changes: the content only where the body changes, and of the metadata only the keys that
differ, which ACS merges into those it has. So of two processes that edit one message at once, one its body and one
its attributes, neither undoes the other; of two that edit the same, the last one wins, as at Twilio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from acs_backend import delivery, message_codec
from acs_backend.identities import Identities
from acs_backend.ledger.entries import Message
from acs_backend.media import Media
from acs_backend.message_codec import DecodedMessage, EncodedMessage
from acs_backend.participants import Participants
from acs_backend.sids import participant_sid
from acs_backend.store import messages as table
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from acs_backend.times import to_time
from twilio_compat.records import UNCHANGED, JSONValue, MessageChanges, MessageDraft, MessageRecord


@dataclass(frozen=True, slots=True)
class Edit:
    """What to send to ACS to change a message; no content: it stays."""

    content: str | None
    metadata: Mapping[str, str]


class MessageTranslator:
    """Translates messages in both directions."""

    def __init__(
        self,
        database: Database,
        identities: Identities,
        participants: Participants,
        media: Media,
        *,
        metadata_budget: int,
    ) -> None:
        """Allow the metadata of a message *metadata_budget* bytes."""
        self._database = database
        self._identities = identities
        self._participants = participants
        self._media = media
        self._metadata_budget = metadata_budget

    async def encode(
        self,
        thread_id: str,
        draft: MessageDraft,
        urls: Mapping[str, str] | None = None,
        *,
        content: Mapping[str, JSONValue] | None = None,
        reserve: int = 0,
    ) -> EncodedMessage:
        """Return *draft* for ACS, its overflow stored; errors of `message_codec.encode`.

        *urls* gives, by sid, the URLs that the media have already, *content* what its template has, filled in.
        *reserve* bytes of the metadata are left free.
        """
        urls = dict(urls or {})
        kept = [each for each in draft.media if each.sid not in urls]
        if kept:
            urls |= await self._media.attachment_urls(kept)
        budget = self._metadata_budget - reserve
        encoded = message_codec.encode(draft, urls, budget=budget, content=content)
        if encoded.overflow_id is not None and encoded.overflow is not None:
            async with self._database.write() as connection:
                await table.add_overflow(connection, thread_id, encoded.overflow_id, encoded.overflow)
        return encoded

    async def edit(self, thread_id: str, old: Message, changes: MessageChanges, editor: str) -> Edit:
        """Return what turns *old* into what *changes* ask for, by the ACS user *editor*; errors as `encode`."""
        (decoded,) = await self._decode(thread_id, [old])
        draft = MessageDraft(
            mutation_id=decoded.mutation_id or "",
            body=decoded.body if changes.body is UNCHANGED else changes.body,
            attributes=decoded.attributes if changes.attributes is UNCHANGED else changes.attributes,
            subject=decoded.subject,
            media=decoded.media,
            content_sid=decoded.content_sid,
        )
        signature = _signature(thread_id, old, editor)
        reserve = sum(len(key) + len(value) for key, value in signature.items())
        encoded = await self.encode(thread_id, draft, decoded.links, content=decoded.content, reserve=reserve)
        metadata = message_codec.metadata_patch(old.metadata, encoded.metadata | signature)
        return Edit(encoded.content if encoded.content != old.content else None, metadata)

    async def records(
        self, conversation_sid: str, thread_id: str, messages: Sequence[tuple[LedgerRow, Message]]
    ) -> Sequence[MessageRecord]:
        """Return messages as the port tells them, in the order given."""
        if not messages:
            return []
        members = await self._participants.rows(thread_id)
        senders = {message.sender for _, message in messages if message.sender}
        names = await self._identities.names(senders | members.keys())
        identities = {participant_sid(thread_id, each): name for each, name in names.items()}
        decoded = await self._decode(thread_id, [message for _, message in messages])
        records = []
        for (row, message), each in zip(messages, decoded, strict=True):
            sender = message.sender
            author = names.get(sender)
            await self._media.adopt(each.media, each.links, author or "")
            editor = author if each.editor is None else identities.get(each.editor)
            records.append(
                MessageRecord(
                    sid=row.sid,
                    conversation_sid=conversation_sid,
                    index=visible(row),
                    author=author,
                    body=each.body,
                    attributes=each.attributes,
                    date_created=to_time(row.message_id),
                    date_updated=to_time(message.version),
                    subject=each.subject,
                    media=each.media,
                    participant_sid=members[sender].sid if sender in members else None,
                    last_updated_by=editor if message.edited else None,
                    delivery=delivery.of(members, row, sender),
                    content_sid=each.content_sid,
                )
            )
        return records

    async def content(self, thread_id: str, message: Message) -> Mapping[str, JSONValue] | None:
        """Return what the template of *message* had, filled in, by type; None where it was made of none."""
        (decoded,) = await self._decode(thread_id, [message])
        return decoded.content if decoded.content_sid else None

    async def _decode(self, thread_id: str, messages: Sequence[Message]) -> Sequence[DecodedMessage]:
        referenced = {message_codec.overflow_id(each.metadata) for each in messages} - {None}
        overflows: Mapping[str, str] = {}
        if referenced:
            async with self._database.read() as connection:
                overflows = await table.overflow_contents(
                    connection, thread_id, [each for each in referenced if each]
                )
        return [_decoded(each, overflows) for each in messages]


def visible(row: LedgerRow) -> int:
    """Return the index of a message that has one, which every message does that a reader is shown."""
    if row.index is None:
        raise AssertionError(f"{row.sid} is a second copy, which nobody may see")
    return row.index


def _decoded(message: Message, overflows: Mapping[str, str]) -> DecodedMessage:
    overflow = overflows.get(message_codec.overflow_id(message.metadata) or "")
    return message_codec.decode(message.content, message.metadata, overflow)


def _signature(thread_id: str, message: Message, editor: str) -> dict[str, str]:
    """Return what names the editor of a message who is not its author."""
    return {} if message.sender == editor else {message_codec.EDITOR: participant_sid(thread_id, editor)}
