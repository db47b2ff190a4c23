"""Conversations at the mirror.

Timers are not set there: the authority's move the conversation, and the mirror is told of its state. They are set when a
conversation is handed over (`twilio_compat.rollout.mirroring.tail`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from twilio_compat.errors import ConflictError, NotFoundError
from twilio_compat.records import (
    UNCHANGED,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    Timers,
)
from twilio_compat.rollout.mirroring.timers import has_timers
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sids import Pair
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.sameness import same


class MirroredConversations:
    """Makes a conversation at the mirror what it is at the authority."""

    def __init__(self, office: Office) -> None:
        """Keep what Twilio calls conversations in *office*'s map."""
        self._office = office

    async def is_to_close(self, here: Place, there: Place) -> bool:
        """Say whether it is closed *here*, but still open *there*."""
        wanted, found = await conversation_at(here), await conversation_at(there)
        if wanted is None or found is None:
            return False
        return wanted.state.current == "closed" != found.state.current

    async def apply(self, here: Place, there: Place) -> None:
        """Make it *there* what it is *here*."""
        wanted, found = await conversation_at(here), await conversation_at(there)
        if wanted is None:
            if found is not None:
                await there.backend.conversations.delete(there.account, there.sid)
            return
        if found is None:
            await self._create(there, wanted)
        elif (changes := changes_between(found, wanted)) != ConversationChanges():
            actor = there.account
            await there.backend.conversations.update(actor, there.sid, changes)

    @asynccontextmanager
    async def reopened(self, there: Place) -> AsyncIterator[None]:
        """Have a closed conversation take what was written before it was closed at the authority."""
        actor, conversations = there.account, there.backend.conversations
        await conversations.update(actor, there.sid, ConversationChanges(state="active"))
        try:
            yield
        finally:
            await conversations.update(actor, there.sid, ConversationChanges(state="closed"))

    async def _create(self, there: Place, wanted: ConversationRecord) -> None:
        actor = there.account
        draft = _draft(wanted)
        if there.side is Side.ACS:
            draft = replace(draft, sid=wanted.sid, created_by=wanted.created_by, extras=wanted.extras)
            await there.backend.conversations.create(actor, draft)
            return
        made = await self._at_twilio(there, draft)
        counts = await self._office.sids.record(
            wanted.sid, Pair(what="conversation", public=wanted.sid, twilio=made.sid)
        )
        if counts.twilio != made.sid:
            await there.backend.conversations.delete(actor, made.sid)

    async def _at_twilio(self, there: Place, draft: ConversationDraft) -> ConversationRecord:
        """Make one, or return the one that was made with the same unique name by who could not say so any more."""
        actor = there.account
        try:
            return await there.backend.conversations.create(actor, draft)
        except ConflictError:
            if draft.unique_name is None:
                raise
            found = await there.backend.conversations.get_by_unique_name(actor, draft.unique_name)
            if (await self._office.sids.conversation(found.sid)) != found.sid:
                raise  # it is another conversation's
            if not same(found.attributes, draft.attributes) or found.friendly_name != draft.friendly_name:
                raise
            return found


async def conversation_at(place: Place) -> ConversationRecord | None:
    """Return a conversation at a place, in public names, if it is there."""
    try:
        found = await place.backend.conversations.get(place.account, place.sid)
    except NotFoundError:
        return None
    return place.public.conversation(found)


def changes_between(found: ConversationRecord, wanted: ConversationRecord) -> ConversationChanges:
    """Return what makes the one what the other is."""
    return ConversationChanges(
        friendly_name=UNCHANGED if found.friendly_name == wanted.friendly_name else wanted.friendly_name,
        unique_name=UNCHANGED if found.unique_name == wanted.unique_name else wanted.unique_name,
        attributes=UNCHANGED if same(found.attributes, wanted.attributes) else wanted.attributes,
        state=UNCHANGED if found.state.current == wanted.state.current else wanted.state.current,
        timers=Timers() if has_timers(found) else UNCHANGED,
    )


def _draft(wanted: ConversationRecord) -> ConversationDraft:
    """Return what makes it. It is closed last, since a closed one takes no members."""
    return ConversationDraft(
        friendly_name=wanted.friendly_name,
        unique_name=wanted.unique_name,
        attributes=wanted.attributes,
        state="active" if wanted.state.current == "closed" else wanted.state.current,
        date_created=wanted.date_created,
        date_updated=wanted.date_updated,
    )
