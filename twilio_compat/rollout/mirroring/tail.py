"""Whether a mirror has what was done last, by whomever: also past this library, where no outbox knows of it.

Clients that talk to Twilio themselves go on doing so while Twilio has the authority, and native clients of ACS once that
has it. So the end of a conversation is looked at now and then (`twilio_compat.rollout.mirroring.watcher`), and always before the
authority changes: the newest `TAIL` messages, who is a member, and the conversation itself. What the mirror has otherwise
is named, as in the outbox. What was edited further back shows when both sides are compared completely
(`twilio_compat.rollout.comparing.reconcile`).

What a mirror has *more* is taken away only where it came from the authority: a message that somebody wrote at the mirror,
past the library, is nobody's to delete.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from twilio_compat.errors import NotFoundError, TwilioCompatError
from twilio_compat.records import (
    ConversationChanges,
    ConversationRecord,
    Direction,
    MessageRecord,
    ParticipantRecord,
)
from twilio_compat.rollout.comparing.comparison import compare
from twilio_compat.rollout.mirroring.timers import has_timers, timers_of
from twilio_compat.rollout.office import Office, soon
from twilio_compat.rollout.outbox import Entry, What
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side

TAIL: Final = 100
"""How many of the newest messages are looked at."""
PATIENCE: Final = 5.0
"""Seconds for which a side is waited for while a conversation is handed over: those who write wait as well."""
_PASSED_OVER: Final = ("last_message", "joined", "date_created", "date_updated", "last_read_timestamp")
"""Fields that say something of other things, or that not each side lets be given."""

_ALL: Final[Sequence[What]] = ("conversation", "participant", "message")

_log = logging.getLogger(__name__)


class Tails:
    """Compares the ends of conversations."""

    def __init__(self, office: Office) -> None:
        """Ask *office* for where a conversation is."""
        self._office = office

    async def drained(self, pin: Pin, side: Side) -> bool:
        """Say whether *side* was told of everything in a conversation; have it told otherwise. False where it cannot tell."""
        try:
            if not await self._office.outbox.drained(pin.conversation_sid, side):
                return False
            behind = await soon(self.behind(pin, side), PATIENCE)
            await self._office.outbox.add(side, *behind)
            if not behind:
                await soon(self._hand_over_timers(pin, side), PATIENCE)
        except TwilioCompatError as error:
            _log.warning("Whether %s has all of %s is unknown: %s", side, pin.conversation_sid, error)
            return False
        return not behind

    async def behind(self, pin: Pin, side: Side) -> Sequence[Entry]:
        """Return what *side* is to be told, the conversation's own fields first."""
        here = await self._office.place(pin, side.other, at_once=True)
        there = await self._office.place(pin, side, at_once=True)
        conversation = await self._conversation(here), await self._conversation(there)
        if None in conversation:
            return [] if conversation == (None, None) else [_entry(pin, each) for each in _ALL]
        return [
            *([_entry(pin, "conversation")] if _differ(*conversation) else []),
            *await self._participants(pin, here, there),
            *await self._messages(pin, here, there),
        ]

    async def _hand_over_timers(self, pin: Pin, side: Side) -> None:
        """Give *side* the timers, which a mirror does not have, and have the other one told to forget them."""
        here, there = await self._office.place(pin, side.other), await self._office.place(pin, side)
        wanted, found = await self._conversation(here), await self._conversation(there)
        if wanted is None or found is None or not has_timers(wanted) or has_timers(found):
            return
        newest = (await self._newest(here)).values()
        since = max((each.date_created for each in newest), default=wanted.state.date_updated)
        changes = ConversationChanges(timers=timers_of(wanted, since))
        await there.backend.conversations.update(there.account, there.sid, changes)
        late = Entry(what="conversation", conversation_sid=pin.conversation_sid, is_late=True)
        await self._office.outbox.add(side.other, late)

    async def _conversation(self, place: Place) -> ConversationRecord | None:
        try:
            found = await place.backend.conversations.get(place.account, place.sid)
        except NotFoundError:
            return None
        return place.public.conversation(found)

    async def _participants(self, pin: Pin, here: Place, there: Place) -> Sequence[Entry]:
        found = await self._members(there)
        wanted = {sid: there.as_read(each) for sid, each in (await self._members(here)).items()}
        sids = [sid for sid, each in wanted.items() if sid not in found or _differ(each, found[sid])]
        sids += [sid for sid in found if sid not in wanted]
        return [Entry(what="participant", conversation_sid=pin.conversation_sid, sid=sid) for sid in sids]

    async def _members(self, place: Place) -> dict[str, ParticipantRecord]:
        found = await place.backend.participants.list(place.account, place.sid)
        return {each.sid: each for each in map(place.public.participant, found)}

    async def _messages(self, pin: Pin, here: Place, there: Place) -> Sequence[Entry]:
        wanted, found = await self._newest(here), await self._newest(there)
        lowest = max(_lowest(wanted), _lowest(found))
        named = [each for sid, each in wanted.items() if sid not in found or _differ(each, found[sid])]
        if there.side is Side.ACS:
            named += [each for sid, each in found.items() if sid not in wanted and not each.is_native]
        entries = (
            Entry(what="message", conversation_sid=pin.conversation_sid, sid=each.sid, index=each.index)
            for each in named
            if each.index >= lowest
        )
        return sorted(entries, key=lambda each: each.index or 0)

    async def _newest(self, place: Place) -> dict[str, MessageRecord]:
        page = await place.backend.messages.page(
            place.account, place.sid, size=TAIL, anchor=None, direction=Direction.BACKWARDS
        )
        return {each.sid: each for each in place.public.page(page).items}


def _differ(one: object, other: object) -> bool:
    return bool(compare(one, other, ignore=_PASSED_OVER))


def _lowest(messages: Mapping[str, MessageRecord]) -> int:
    """Return from which index on messages are complete."""
    return min(each.index for each in messages.values()) if len(messages) == TAIL else 0


def _entry(pin: Pin, what: What) -> Entry:
    return Entry(what=what, conversation_sid=pin.conversation_sid)
