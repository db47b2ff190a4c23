"""Sending a message as somebody, and what is told of it in this process, without reading it back.

Of several voices the next one sends only where ACS has refused the one before (403), which is certain to have had no
effect; so nothing is sent twice. What an earlier attempt may have left behind is found by its mutation id, whoever sent
it (`acs_backend.sender`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from acs_backend import delivery, imprints
from acs_backend.event_sources.hub import Hub
from acs_backend.imprints import Imprint
from acs_backend.message_translator import MessageTranslator, visible
from acs_backend.participants import Participants
from acs_backend.sender import Outgoing, Sender
from acs_backend.sids import participant_sid
from acs_backend.stand_ins import StandIns
from acs_backend.store.adoptions import Adoption
from acs_backend.store.messages import LedgerRow
from acs_backend.store.participants import Participant
from acs_backend.times import to_milliseconds, to_time
from acs_backend.voices import Voice
from twilio_compat.errors import ForbiddenError
from twilio_compat.records import JSONValue, MessageDraft, MessageRecord


@dataclass(frozen=True, slots=True)
class Speaker:
    """Sends for all users of a backend, and for the account."""

    sender: Sender
    translator: MessageTranslator
    participants: Participants
    stand_ins: StandIns
    hub: Hub

    async def say(
        self,
        voices: Sequence[Voice],
        thread_id: str,
        conversation_sid: str,
        draft: MessageDraft,
        content: Mapping[str, JSONValue] | None,
    ) -> tuple[LedgerRow, MessageRecord]:
        """Send as the first of *voices* whom ACS lets write; return the row of the message, and the message.

        The steward, who comes last where the account acts, is brought in where it is no member. Raises what the last
        voice met with: errors of `MessageTranslator.encode` and `Sender.send`.
        """
        last = voices[-1]
        for voice in voices[:-1]:
            try:
                return await self._send(voice, thread_id, conversation_sid, draft, content)
            except ForbiddenError:
                continue  # they have just left
        try:
            return await self._send(last, thread_id, conversation_sid, draft, content)
        except ForbiddenError:
            if not last.is_stewards:
                raise
        await self.stand_ins.bring_in(thread_id)
        return await self._send(last, thread_id, conversation_sid, draft, content)

    async def _send(
        self,
        voice: Voice,
        thread_id: str,
        conversation_sid: str,
        draft: MessageDraft,
        content: Mapping[str, JSONValue] | None,
    ) -> tuple[LedgerRow, MessageRecord]:
        """Send as somebody, and return the row and the message as they are in the records."""
        imprint = imprints.of_draft(draft, voice.author if voice.is_stewards else None)
        keys = await self.translator.imprinted(
            thread_id, draft.mutation_id, imprint, by_steward=voice.is_stewards
        )
        encoded = await self.translator.encode(thread_id, draft, content=content, imprint=keys)
        members = await self.participants.recent_rows(thread_id)
        with self.hub.sending(thread_id, draft.mutation_id):
            row = await self.sender.send(
                voice.user,
                thread_id,
                Outgoing(draft.mutation_id, voice.shown, encoded, draft.is_first, _adoption(draft)),
            )
            message = replace(
                _sent(voice.author, conversation_sid, draft, row, imprint),
                participant_sid=await self._participant(voice, thread_id, members),
                delivery=delivery.of(members, row, voice.user.id),
            )
            self.hub.sent(thread_id, row.message_id, message)
        return row, message

    async def _participant(
        self, voice: Voice, thread_id: str, members: Mapping[str, Participant]
    ) -> str | None:
        """Return the sid of the member who has sent; of one who has just come, the store is asked."""
        if voice.is_stewards:
            return None
        row = members.get(voice.user.id) or (await self.participants.rows(thread_id)).get(voice.user.id)
        return participant_sid(thread_id, voice.user.id) if row is None else row.sid


def _adoption(draft: MessageDraft) -> Adoption | None:
    if draft.sid is None and draft.index is None:
        return None
    written_at = None if draft.date_created is None else to_milliseconds(draft.date_created)
    return Adoption(draft.mutation_id, draft.sid, draft.index, written_at)


def _sent(
    author: str, conversation_sid: str, draft: MessageDraft, row: LedgerRow, imprint: Imprint
) -> MessageRecord:
    written, changed = imprints.dates(imprint, row.message_id, row.message_id)
    return MessageRecord(
        sid=row.sid,
        conversation_sid=conversation_sid,
        index=visible(row),
        author=author,
        body=draft.body,
        attributes=draft.attributes,
        date_created=to_time(written),
        date_updated=to_time(changed),
        subject=draft.subject,
        media=draft.media,
        content_sid=draft.content_sid,
        is_quiet=draft.is_quiet,
        changed_at=to_time(row.message_id) if changed != row.message_id else None,
    )
