"""Members at the mirror, with their attributes, roles and read horizons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from twilio_compat.errors import ConflictError, NotFoundError, TranslationGapError
from twilio_compat.records import UNCHANGED, ParticipantChanges, ParticipantDraft, ParticipantRecord
from twilio_compat.rollout.mirroring.users import MirroredUsers
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sids import Pair
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.times import is_same_time
from twilio_compat.sameness import same


class MirroredParticipants:
    """Makes the members at the mirror those of the authority."""

    def __init__(self, office: Office, users: MirroredUsers) -> None:
        """Keep what Twilio calls members in *office*'s map; *users* sees to it that they are users."""
        self._office = office
        self._users = users

    async def apply(self, here: Place, there: Place, sid: str | None) -> None:
        """Make one member *there*, or all (None), what they are *here*."""
        wanted, found = await self._members(here), await self._members(there)
        mine = {each.identity: each for each in found.values()}
        for each in found.values():
            if sid in (None, each.sid) and self._is_extra(each, wanted):
                await self._delete(there, each)
                mine.pop(each.identity, None)
        for each in wanted.values():
            if sid in (None, each.sid):
                await self._upsert(there, each, mine.get(each.identity))

    def _is_extra(self, found: ParticipantRecord, wanted: Mapping[str, ParticipantRecord]) -> bool:
        return found.sid not in wanted and found.identity not in {each.identity for each in wanted.values()}

    async def _members(self, place: Place) -> dict[str, ParticipantRecord]:
        try:
            found = await place.backend.participants.list(place.account, place.sid)
        except NotFoundError:  # the conversation is gone, which has an entry of its own
            return {}
        public = [
            replace(
                place.public.participant(each),
                role_sid=await self._office.roles.public(place.side, each.role_sid),
            )
            for each in found
        ]
        return {each.sid: each for each in public}

    async def _upsert(self, there: Place, wanted: ParticipantRecord, found: ParticipantRecord | None) -> None:
        check_chat(wanted)
        if found is not None and there.side is Side.ACS and found.sid != wanted.sid:
            await self._delete(there, found)  # who left, and came back
            found = None
        if found is None:
            found = await self._create(there, wanted)
        elif there.side is Side.TWILIO and found.sid != wanted.sid:
            await self._pair(there, wanted, there.there.sid(found.sid))
        await self._change(there, wanted, found)

    async def _create(self, there: Place, wanted: ParticipantRecord) -> ParticipantRecord:
        await self._users.ensure(there.side, wanted.identity)
        actor = there.account
        draft = ParticipantDraft(
            identity=wanted.identity,
            attributes=wanted.attributes,
            role_sid=await self._office.roles.there(there.side, wanted.role_sid) if wanted.role_sid else None,
            date_created=wanted.date_created,
            date_updated=wanted.date_updated,
            sid=wanted.sid if there.side is Side.ACS else None,
        )
        try:
            made = await there.backend.participants.create(actor, there.sid, draft)
        except ConflictError:  # they were added meanwhile, or before somebody died who could not say so
            every = await there.backend.participants.list(actor, there.sid)
            those = [each for each in every if each.identity == wanted.identity]
            if not those:
                raise
            made = those[0]
        if there.side is Side.TWILIO:
            await self._pair(there, wanted, made.sid)
            await self._users.apply(Side.ACS, wanted.identity)  # whom Twilio has just made a user
        return replace(made, sid=wanted.sid)

    async def _pair(self, there: Place, wanted: ParticipantRecord, twilio_sid: str) -> None:
        if twilio_sid != wanted.sid:
            pair = Pair(what="participant", public=wanted.sid, twilio=twilio_sid)
            await self._office.sids.record(there.pin.conversation_sid, pair)

    async def _change(self, there: Place, wanted: ParticipantRecord, found: ParticipantRecord) -> None:
        changes = await self._changes(there, wanted, found)
        if changes != ParticipantChanges():
            # by identity, which is the same on both sides, and the same for one who was just made
            await there.backend.participants.update(there.account, there.sid, found.identity, changes)

    async def _changes(
        self, there: Place, wanted: ParticipantRecord, found: ParticipantRecord
    ) -> ParticipantChanges:
        horizon = there.there.horizon(wanted.last_read_message_index)
        at = there.there.horizon(found.last_read_message_index)
        role_sid = await self._office.roles.there(there.side, wanted.role_sid) if wanted.role_sid else ""
        known = await self._office.roles.there(there.side, found.role_sid) if found.role_sid else ""
        has_come_back = not is_same_time(found.date_created, wanted.date_created)
        return ParticipantChanges(
            attributes=UNCHANGED if same(found.attributes, wanted.attributes) else wanted.attributes,
            role_sid=role_sid if role_sid and role_sid != known else UNCHANGED,
            last_read_message_index=UNCHANGED if horizon == at else horizon,
            last_read_timestamp=(
                UNCHANGED
                if horizon == at or wanted.last_read_timestamp is None
                else wanted.last_read_timestamp
            ),
            date_created=wanted.date_created if has_come_back else UNCHANGED,
            date_updated=wanted.date_updated if has_come_back else UNCHANGED,
        )

    async def _delete(self, there: Place, found: ParticipantRecord) -> None:
        try:
            await there.backend.participants.delete(there.account, there.sid, there.there.sid(found.sid))
        except NotFoundError:
            return


def check_chat(participant: ParticipantRecord) -> None:
    """Refuse somebody whom ACS cannot reach. `TranslationGapError`."""
    if participant.type != "chat":
        raise TranslationGapError(
            f"The participant {participant.sid} is reached by {participant.type}, which ACS cannot do; a conversation with "
            "such a participant stays at Twilio"
        )
