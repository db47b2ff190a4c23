"""Participants. REST names them by sid or by identity; typing it does not know."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from twilio_backend import authority, records
from twilio_backend.authority import Authority
from twilio_backend.clients import segment
from twilio_backend.errors import TwilioGapError, UnclearError, translated
from twilio_backend.listing import every
from twilio_backend.tenancy import Tenancy
from twilio_compat.errors import ArgumentError, ConflictError, ServiceUnavailableError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ParticipantChanges,
    ParticipantDraft,
    ParticipantRecord,
)
from twilio_compat.sameness import same

_DEPARTURES: Final = 10_000


class Participants:
    """The port's participants."""

    def __init__(self, tenancy: Tenancy, guard: Authority) -> None:
        """Of the service of *tenancy*, where *guard* says who may do what."""
        self._tenancy = tenancy
        self._guard = guard
        self._departures: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def create(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> ParticipantRecord:
        """Add a member. `ConflictError` 50433; `NotFoundError` 50350, 50109; `ArgumentError` for one with a sid.

        Where the answer is lost, it is tried again; then "exists already" means that it is the one who was added, if they
        are as they were to be.
        """
        if draft.sid is not None:
            raise ArgumentError(
                "Twilio gives participants their sids; one that is added there cannot keep another"
            )
        authority.check_participant_draft(actor, draft)
        await self._check_adding(actor, conversation_sid, draft)
        try:
            return await self._add(actor, conversation_sid, draft)
        except UnclearError as error:
            return await self._after_unclear(actor, conversation_sid, draft, error)

    async def list(self, actor: Actor, conversation_sid: str) -> Sequence[ParticipantRecord]:
        """Return the members in the order in which they were added, within one second by their sids."""
        await self._guard.enter(actor, conversation_sid)
        return await self.all(conversation_sid)

    async def count(self, actor: Actor, conversation_sid: str) -> int:
        """Return how many members there are, which takes reading them."""
        return len(await self.list(actor, conversation_sid))

    async def update(
        self, actor: Actor, conversation_sid: str, sid_or_identity: str, changes: ParticipantChanges
    ) -> ParticipantRecord:
        """Change a member. `NotFoundError` 50432, 50109; `ForbiddenError` 50107."""
        authority.check_participant_changes(actor, changes)
        own = await self._guard.enter(actor, conversation_sid)
        is_own = own is not None and sid_or_identity in (own.sid, own.identity)
        await self._guard.check(actor, own, *_needed(changes, is_own=is_own))
        given, place = _changed(changes), self._place(conversation_sid, sid_or_identity)
        with translated():
            if not given:
                return records.participant(await place.fetch_async())
            return records.participant(
                await place.update_async(x_twilio_webhook_enabled=authority.webhooks(actor), **given)
            )

    async def delete(self, actor: Actor, conversation_sid: str, sid_or_identity: str) -> None:
        """Remove a member, who may be the actor. `NotFoundError` 50432."""
        own = await self._guard.enter(actor, conversation_sid)
        is_own = own is not None and sid_or_identity in (own.sid, own.identity)
        await self._guard.check(actor, own, "leaveConversation" if is_own else "removeParticipant")
        with translated():
            await self._place(conversation_sid, sid_or_identity).delete_async(
                x_twilio_webhook_enabled=authority.webhooks(actor)
            )
        self._note_departure(conversation_sid, own.identity if own and is_own else sid_or_identity)

    async def typing(self, actor: Actor, conversation_sid: str) -> float:
        """Refuse (`TwilioGapError`): at Twilio only its own client libraries tell that somebody types."""
        await self._guard.enter(actor, conversation_sid)
        raise TwilioGapError(
            "Twilio's REST API cannot tell others that somebody types; its client libraries can"
        )

    # For the event source

    def departures(self, conversation_sid: str, identity: str) -> int:
        """Say how often somebody was taken out of a conversation here: they may be in it again before the next look."""
        return self._departures.get((conversation_sid, identity), 0)

    async def all(self, conversation_sid: str) -> Sequence[ParticipantRecord]:
        """Return the members, in order."""
        place = self._tenancy.root.conversations(segment(conversation_sid)).participants
        return records.in_order(await every(place, records.participant))

    # Parts

    def _note_departure(self, conversation_sid: str, identity: str) -> None:
        key = (conversation_sid, identity)
        self._departures[key] = self._departures.pop(key, 0) + 1
        while len(self._departures) > _DEPARTURES:
            self._departures.popitem(last=False)

    def _place(self, conversation_sid: str, sid_or_identity: str) -> Any:
        return self._tenancy.root.conversations(segment(conversation_sid)).participants(
            segment(sid_or_identity)
        )

    async def _check_adding(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> None:
        """Let who is in it, or made it, add; to add oneself one needs the right to join."""
        if draft.identity == actor.identity and not authority.is_account(actor):
            await self._guard.enter(actor, conversation_sid)
            await self._guard.check_user(actor, "joinConversation")
        else:
            await self._guard.enter(actor, conversation_sid, "addParticipant")

    async def _add(self, actor: Actor, conversation_sid: str, draft: ParticipantDraft) -> ParticipantRecord:
        given: dict[str, object] = {"identity": draft.identity, **await self._role(conversation_sid, draft)}
        given["attributes"] = records.attributes_text(draft.attributes)
        given |= records.dates(draft)
        place = self._tenancy.root.conversations(segment(conversation_sid)).participants
        with translated(is_unclear_kept=True):
            made = await place.create_async(x_twilio_webhook_enabled=authority.webhooks(actor), **given)
            return records.participant(made)

    async def _role(self, conversation_sid: str, draft: ParticipantDraft) -> dict[str, object]:
        """Return the role to be given; who made a conversation gets that of creators, which Twilio cannot know."""
        if draft.role_sid is not None:
            return {"role_sid": draft.role_sid}
        if self._guard.creator(conversation_sid) != draft.identity:
            return {}
        return {"role_sid": await self._guard.creator_role()}

    async def _after_unclear(
        self, actor: Actor, conversation_sid: str, draft: ParticipantDraft, first: UnclearError
    ) -> ParticipantRecord:
        http = self._tenancy.clients.http
        try:
            await http.sleep(http.backoff.pause(0, http.chance()))
            return await self._add(actor, conversation_sid, draft)
        except UnclearError as error:
            raise ServiceUnavailableError(
                f"It is unknown whether the participant was added: {error.error.detail}"
            ) from error
        except ConflictError:
            found = await self._guard.member(conversation_sid, draft.identity)
            if found is not None and same(found.attributes, draft.attributes):
                return found
            raise


def _needed(changes: ParticipantChanges, *, is_own: bool) -> tuple[str, ...]:
    is_role = changes.role_sid is not UNCHANGED
    own = ("editOwnParticipantAttributes",) if is_own and not is_role else ()
    return (*own, "editAnyParticipantAttributes")


def _changed(changes: ParticipantChanges) -> dict[str, object]:
    given: dict[str, object] = {
        "role_sid": changes.role_sid,
    }
    if changes.attributes is not UNCHANGED:
        given["attributes"] = records.attributes_text(changes.attributes)
    index, read_at = changes.last_read_message_index, changes.last_read_timestamp
    if index is not UNCHANGED:
        given["last_read_message_index"] = "null" if index is None else index
    if read_at is not UNCHANGED:
        given["last_read_timestamp"] = records.iso(read_at)
    return {name: value for name, value in given.items() if value is not UNCHANGED} | records.dates(changes)
