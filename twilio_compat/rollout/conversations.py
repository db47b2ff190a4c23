"""Conversations of both sides, each from the one that has the authority over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from twilio_compat.account import ConversationQuery, StateMove, account_actor
from twilio_compat.errors import BackendError, ConflictError, NotFoundError
from twilio_compat.records import Actor, ConversationChanges, ConversationDraft, ConversationRecord
from twilio_compat.rollout.office import Office, soon
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.staging.stages import DECISIONS, Side, Stage
from twilio_compat.rollout.staging.target import DRAWN, Target

_log = logging.getLogger(__name__)


class RolloutConversations:
    """`AccountConversations` over both sides.

    A conversation that is made gets the stage that the flag names for it; what ACS is to have is pinned before it is made
    there. Unique names are unique over both sides. Lists have Twilio's first, then those of ACS.
    """

    def __init__(self, office: Office) -> None:
        """Ask *office* for where a conversation is."""
        self._office = office
        self._account = account_actor(office.service_sid)

    # Making

    async def create(self, actor: Actor, draft: ConversationDraft) -> ConversationRecord:
        """As `Conversations.create`."""
        name, creator = draft.unique_name, draft.created_by or actor.identity
        service = self._office.service_sid
        target = DRAWN.get() or Target.new(service=service, unique_name=name, creator=creator)
        stage = await self._office.pins.new(target)
        if DECISIONS[stage].authority is Side.TWILIO:
            return await self._create_at_twilio(actor, draft, target, stage)
        return await self._create_on_acs(actor, draft, target, stage)

    async def _create_at_twilio(
        self, actor: Actor, draft: ConversationDraft, target: Target, stage: Stage
    ) -> ConversationRecord:
        if draft.unique_name is not None and await self._office.live_sid_of(draft.unique_name) is not None:
            raise _name_taken()
        with self._office.telemetry.call(Side.TWILIO, "conversations.create"):
            record = await self._office.sides.twilio.conversations.create(actor, draft)
        if stage is not Stage.OFF:
            pin = await self._office.pins.pin(replace(target, conversation_sid=record.sid), stage)
            await self._office.mirror_all(pin)
        return record

    async def _create_on_acs(
        self, actor: Actor, draft: ConversationDraft, target: Target, stage: Stage
    ) -> ConversationRecord:
        if draft.unique_name is not None and await self._is_twilios(draft.unique_name):
            raise _name_taken()
        sid = draft.sid or f"CH{uuid4().hex}"
        pin = await self._office.pins.pin(replace(target, conversation_sid=sid), stage)
        try:
            async with self._office.writing(sid, "conversation") as writing:
                place = writing.place
                with self._office.measured(place, "conversations.create"):
                    return await place.backend.conversations.create(actor, replace(draft, sid=sid))
        except BackendError:
            raise  # nobody can say whether it was made: the pin stays
        except BaseException:
            await self._office.pins.forget(pin.conversation_sid)
            raise

    # Reading

    async def get(self, actor: Actor, sid: str) -> ConversationRecord:
        """As `Conversations.get`."""

        async def get(place: Place) -> ConversationRecord:
            return place.public.conversation(await place.backend.conversations.get(actor, place.sid))

        return await self._office.read(sid, "conversations.get", get)

    async def get_by_unique_name(self, actor: Actor, unique_name: str) -> ConversationRecord:
        """As `Conversations.get_by_unique_name`: the account finds out which it is, and the actor may see it or not."""
        return await self.get(actor, await self.sid_of(actor, unique_name))

    async def sid_of(self, actor: Actor, unique_name: str) -> str:
        """As `AccountConversations.sid_of`."""
        if (sid := await self._office.live_sid_of(unique_name)) is not None:
            return sid
        sid = await self._office.sides.twilio.conversations.sid_of(self._account, unique_name)
        return await self._public(sid)

    async def list(self, actor: Actor) -> Sequence[ConversationRecord]:
        """As `Conversations.list`."""
        if not await self._office.ever_live():
            return await self._office.sides.twilio.conversations.list(actor)
        sides = (Side.TWILIO, Side.ACS)
        listed = await asyncio.gather(
            *(self._office.sides.of(each).conversations.list(actor) for each in sides)
        )
        kept = [await self._kept(side, some) for side, some in zip(sides, listed, strict=True)]
        return sorted((record for some in kept for record in some), key=lambda each: each.sid)

    async def page(
        self, actor: Actor, query: ConversationQuery, *, after: str | None, limit: int
    ) -> Sequence[ConversationRecord]:
        """As `AccountConversations.page`; all of Twilio's come before those of ACS."""
        if not await self._office.ever_live():
            return await self._office.sides.twilio.conversations.page(actor, query, after=after, limit=limit)
        found: list[ConversationRecord] = []
        place = None if after is None else await self._office.reading(after)
        cursor = None if place is None else place.sid
        if place is None or place.side is Side.TWILIO:
            found += await self._page(Side.TWILIO, actor, query, cursor, limit)
            cursor = None
        if len(found) < limit:
            found += await self._page(Side.ACS, actor, query, cursor, limit - len(found))
        return found

    async def move_due(self) -> Sequence[StateMove]:
        """Move on those of ACS; Twilio moves its own."""
        return await self._office.sides.acs.conversations.move_due()

    # Changing

    async def update(self, actor: Actor, sid: str, changes: ConversationChanges) -> ConversationRecord:
        """As `Conversations.update`."""
        async with self._office.writing(sid, "conversation") as writing:
            place = writing.place
            with self._office.measured(place, "conversations.update"):
                record = await place.backend.conversations.update(actor, place.sid, changes)
            return place.public.conversation(record)

    async def delete(self, actor: Actor, sid: str) -> None:
        """As `Conversations.delete`."""
        async with self._office.writing(sid, "conversation") as writing:
            place = writing.place
            with self._office.measured(place, "conversations.delete"):
                await place.backend.conversations.delete(actor, place.sid)
        if writing.intent is None and place.pin.since is not None:
            await self._office.sids.forget(place.pin.conversation_sid)
            await self._office.pins.forget(place.pin.conversation_sid)

    # Which side

    async def _is_twilios(self, unique_name: str) -> bool:
        """Say whether Twilio has the authority over a conversation with a unique name, as far as Twilio answers."""
        try:
            sid = await soon(self._office.sides.twilio.conversations.sid_of(self._account, unique_name))
        except NotFoundError:
            return False
        except BackendError as error:
            _log.warning("Whether Twilio has a conversation named %r is unknown: %s", unique_name, error)
            return False
        return await self._office.authority(await self._public(sid)) is Side.TWILIO

    async def _public(self, twilio_sid: str) -> str:
        return (await self._office.target(twilio_sid)).conversation_sid or twilio_sid

    async def _page(
        self, side: Side, actor: Actor, query: ConversationQuery, after: str | None, limit: int
    ) -> Sequence[ConversationRecord]:
        """Return up to *limit* over which *side* has the authority."""
        found: list[ConversationRecord] = []
        while len(found) < limit:
            backend = self._office.sides.of(side)
            batch = await backend.conversations.page(actor, query, after=after, limit=limit)
            found += await self._kept(side, batch)
            if len(batch) < limit:
                break
            after = batch[-1].sid
        return found[:limit]

    async def _kept(self, side: Side, records: Sequence[ConversationRecord]) -> Sequence[ConversationRecord]:
        """Return those of a side over which it has the authority, in public names."""
        places = await asyncio.gather(*(self._office.reading(each.sid) for each in records))
        return [
            place.public.conversation(each)
            for place, each in zip(places, records, strict=True)
            if place.side is side
        ]


def _name_taken() -> ConflictError:
    return ConflictError("Conversation with provided unique name already exists", code=50353)
