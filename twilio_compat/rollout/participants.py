"""The members of conversations, at whichever side has the authority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twilio_compat.records import (
    Actor,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
    Unchanged,
)
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.place import Place


class RolloutParticipants:
    """`Participants` over both sides."""

    def __init__(self, office: Office) -> None:
        """Ask *office* for where a conversation is."""
        self._office = office

    async def create(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> ParticipantRecord:
        """As `Participants.create`."""
        async with self._office.writing(conversation_sid, "participant") as writing:
            place = writing.place
            with self._office.measured(place, "participants.create"):
                there = replace(draft, role_sid=await self._role_there(place, draft.role_sid))
                record = await place.backend.participants.create(actor, place.sid, there)
            made = await self._public(place, record)
            writing.made(made.sid)
            return made

    async def list(self, actor: Actor, conversation_sid: str) -> Sequence[ParticipantRecord]:
        """As `Participants.list`."""

        async def listed(place: Place) -> Sequence[ParticipantRecord]:
            found = await place.backend.participants.list(actor, place.sid)
            return [await self._public(place, each) for each in found]

        return await self._office.read(conversation_sid, "participants.list", listed)

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """As `Participants.count`."""

        async def count(place: Place) -> int:
            return await place.backend.participants.count(actor, place.sid)

        return await self._office.read(conversation_sid, "participants.count", count)

    async def update(
        self, actor: Actor, conversation_sid: str, sid_or_identity: str, changes: ParticipantChanges
    ) -> ParticipantRecord:
        """As `Participants.update`."""
        async with self._office.writing(conversation_sid, "participant", _sid(sid_or_identity)) as writing:
            place = writing.place
            there = place.there.sid(sid_or_identity)
            with self._office.measured(place, "participants.update"):
                record = await place.backend.participants.update(
                    actor, place.sid, there, await self._there(place, changes)
                )
            changed = await self._public(place, record)
            writing.made(changed.sid)
            return changed

    async def delete(self, actor: Actor, conversation_sid: str, sid_or_identity: str) -> None:
        """As `Participants.delete`."""
        async with self._office.writing(conversation_sid, "participant", _sid(sid_or_identity)) as writing:
            place = writing.place
            with self._office.measured(place, "participants.delete"):
                await place.backend.participants.delete(actor, place.sid, place.there.sid(sid_or_identity))

    async def typing(self, actor: Actor, conversation_sid: str) -> float:
        """As `Participants.typing`; the mirror is not told."""
        place = await self._office.reading(conversation_sid)
        return await place.backend.participants.typing(actor, place.sid)

    # Names

    async def _public(self, place: Place, record: ParticipantRecord) -> ParticipantRecord:
        role_sid = await self._office.roles.public(place.side, record.role_sid)
        return replace(place.public.participant(record), role_sid=role_sid)

    async def _there(self, place: Place, changes: ParticipantChanges) -> ParticipantChanges:
        horizon, role_sid = changes.last_read_message_index, changes.role_sid
        if not isinstance(horizon, Unchanged):
            horizon = place.there.horizon(horizon)
        if not isinstance(role_sid, Unchanged):
            role_sid = await self._office.roles.there(place.side, role_sid)
        return replace(changes, last_read_message_index=horizon, role_sid=role_sid)

    async def _role_there(self, place: Place, role_sid: str | None) -> str | None:
        return None if role_sid is None else await self._office.roles.there(place.side, role_sid)


def _sid(sid_or_identity: str) -> str | None:
    """Return what names a member for the mirror, who may have to be looked for among all."""
    return sid_or_identity if sid_or_identity.startswith("MB") and len(sid_or_identity) == 34 else None
