"""Messages between the port and ACS, with what the codec needs from elsewhere: overflows, URLs, names, members.

An edit sends only what it changes: the content only where the body changes, and of the metadata only the keys that
differ, which ACS merges into those it has. So of two processes that edit one message at once, one its body and one
its attributes, neither undoes the other; of two that edit the same, the last one wins, as at Twilio.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from acs_backend import delivery, imprints, message_codec
from acs_backend.identities import Identities
from acs_backend.imprints import Imprint
from acs_backend.ledger.entries import Message
from acs_backend.media import Media
from acs_backend.message_codec import DecodedMessage, EncodedMessage
from acs_backend.participants import Participants
from acs_backend.sids import participant_sid
from acs_backend.store import messages as table
from acs_backend.store.database import Database
from acs_backend.store.messages import LedgerRow
from acs_backend.store.participants import Participant
from acs_backend.times import to_time
from twilio_compat.account import SYSTEM
from twilio_compat.records import UNCHANGED, JSONValue, MessageChanges, MessageDraft, MessageRecord


@dataclass(frozen=True, slots=True)
class Edit:
    """What to send to ACS to change a message; no content: it stays."""

    content: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a message says, what the account says of it, and whose it is, by ACS id, as far as anybody is shown."""

    decoded: DecodedMessage
    imprint: Imprint
    author: str | None
    sender: str


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
        imprint: Mapping[str, str] | None = None,
        reserve: int = 0,
    ) -> EncodedMessage:
        """Return *draft* for ACS, its overflow stored; errors of `message_codec.encode`.

        *urls* gives, by sid, the URLs that the media have already, *content* what its template has, filled in, and
        *imprint* what the account says of it. *reserve* bytes of the metadata are left free.
        """
        urls = dict(urls or {})
        kept = [each for each in draft.media if each.sid not in urls]
        if kept:
            urls |= await self._media.attachment_urls(kept)
        budget = self._metadata_budget - reserve
        encoded = message_codec.encode(draft, urls, budget=budget, content=content, imprint=imprint)
        if encoded.overflow_id is not None and encoded.overflow is not None:
            async with self._database.write() as connection:
                await table.add_overflow(connection, thread_id, encoded.overflow_id, encoded.overflow)
        return encoded

    async def imprinted(
        self, thread_id: str, message: str, imprint: Imprint, *, by_steward: bool
    ) -> Mapping[str, str]:
        """Return *imprint* as metadata of a *message*, named as in `imprints`, with a seal unless it is the steward's."""
        keys = imprints.written(imprint)
        if by_steward or not keys:
            return keys
        return imprints.sealed(keys, await self._identities.secret(), thread_id, message)

    async def edit(self, thread_id: str, old: Message, changes: MessageChanges, editor: str | None) -> Edit:
        """Return what turns *old* into what *changes* ask for, by an ACS user (None: the account); errors as `encode`."""
        (said,) = await self._said(thread_id, [old])
        decoded = said.decoded
        draft = MessageDraft(
            mutation_id=decoded.mutation_id or "",
            body=decoded.body if changes.body is UNCHANGED else changes.body,
            attributes=decoded.attributes if changes.attributes is UNCHANGED else changes.attributes,
            subject=decoded.subject if changes.subject is UNCHANGED else changes.subject,
            media=decoded.media,
            content_sid=decoded.content_sid,
        )
        sender = (await self._identities.names([old.sender])).get(old.sender)
        imprint = await self.imprinted(
            thread_id,
            decoded.mutation_id or old.id,
            imprints.changed(said.imprint, changes, sender),
            by_steward=sender is None,
        )
        signature = _signature(thread_id, old, editor)
        reserve = sum(len(key) + len(value) for key, value in signature.items())
        encoded = await self.encode(
            thread_id, draft, decoded.links, content=decoded.content, imprint=imprint, reserve=reserve
        )
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
        identities = {participant_sid(thread_id, each): name for each, name in names.items()} | _ACCOUNT
        said = await self._said(thread_id, [message for _, message in messages], names, members)
        records = []
        for (row, message), each in zip(messages, said, strict=True):
            decoded, imprint = each.decoded, each.imprint
            await self._media.adopt(decoded.media, decoded.links, each.author or "")
            editor = each.author if decoded.editor is None else identities.get(decoded.editor)
            written, changed = imprints.dates(imprint, row.message_id, message.version)
            records.append(
                MessageRecord(
                    sid=row.sid,
                    conversation_sid=conversation_sid,
                    index=visible(row),
                    author=each.author,
                    body=decoded.body,
                    attributes=decoded.attributes,
                    date_created=to_time(written),
                    date_updated=to_time(changed),
                    subject=decoded.subject,
                    media=decoded.media,
                    participant_sid=members[each.sender].sid if each.sender in members else None,
                    last_updated_by=editor if message.edited else None,
                    delivery=delivery.of(members, row, each.sender),
                    content_sid=decoded.content_sid,
                    is_native=decoded.mutation_id is None,
                    is_quiet=imprint.is_quiet,
                    changed_at=to_time(message.version) if changed != message.version else None,
                )
            )
        return records

    async def author(self, thread_id: str, message: Message) -> str | None:
        """Return whose a message is."""
        (said,) = await self._said(thread_id, [message])
        return said.author

    async def sender(self, thread_id: str, message: Message, members: Mapping[str, Participant]) -> str:
        """Return the ACS id of the member whose a message is, or of who sent it where that is nobody's here."""
        names = await self._identities.names({message.sender, *members})
        (said,) = await self._said(thread_id, [message], names, members)
        return said.sender

    async def content(self, thread_id: str, message: Message) -> Mapping[str, JSONValue] | None:
        """Return what the template of *message* had, filled in, by type; None where it was made of none."""
        (decoded,) = await self._decode(thread_id, [message])
        return decoded.content if decoded.content_sid else None

    async def _said(
        self,
        thread_id: str,
        messages: Sequence[Message],
        names: Mapping[str, str] | None = None,
        members: Collection[str] = (),
    ) -> Sequence[_Said]:
        """Return what messages say; *names* are the identities of senders and of *members*, by ACS id."""
        if names is None:
            names = await self._identities.names({each.sender for each in messages})
        by_name = {names[each]: each for each in members if each in names}
        said = []
        for message, decoded in zip(messages, await self._decode(thread_id, messages), strict=True):
            is_stewards = bool(message.sender) and message.sender not in names
            imprint = await self._counting(thread_id, message, decoded, is_stewards=is_stewards)
            author = imprint.author or names.get(message.sender)
            sender = by_name.get(author or "", message.sender) if is_stewards else message.sender
            said.append(_Said(decoded, imprint, author, sender))
        return said

    async def _counting(
        self, thread_id: str, message: Message, decoded: DecodedMessage, *, is_stewards: bool
    ) -> Imprint:
        """Return what the account says of a message: nothing, unless it certainly is the account that says so."""
        keys = decoded.imprint
        if not keys:
            return imprints.NOTHING
        if not is_stewards:
            if imprints.SEAL not in keys or self._identities.direct:
                return imprints.NOTHING
            secret = await self._identities.secret()
            if not imprints.is_sealed(keys, secret, thread_id, decoded.mutation_id or message.id):
                return imprints.NOTHING
        return imprints.read(keys)

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


def _signature(thread_id: str, message: Message, editor: str | None) -> dict[str, str]:
    """Return what names the editor of a message who is not its author; None is the account."""
    if message.sender == editor:
        return {}
    return {message_codec.EDITOR: SYSTEM if editor is None else participant_sid(thread_id, editor)}


_ACCOUNT = {SYSTEM: SYSTEM}
"""By what name the account edits, and is told."""
