"""From changes of the store to the port's events: what ACS has no place for, and therefore does not tell.

A change carries the state that it made, so each is told as it was, however late it is read; what else an event holds
(the newest message, the user's own read horizon) is as of now. A change of a conversation that names a member is for
that member alone.

Typing is the exception to "however late": it is news for as long as it holds, and nothing afterwards. Whether it
still holds is judged by the clock of the process that reads it, against that of the process that wrote it; the clocks
of processes on one store should agree to a second or so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from acs_backend import change_contents, records
from acs_backend.clients import AcsUser
from acs_backend.event_sources.lookups import Facts, Lookups
from acs_backend.participants import TYPING_TIMEOUT, Participants
from acs_backend.records import Known
from acs_backend.store.changes import Change, Kind
from acs_backend.times import to_milliseconds
from twilio_compat.events import ConversationUpdated, Event, ParticipantUpdated, TypingStarted, UserUpdated


class ChangeTeller:
    """Tells changes to one subscription at a time; what it looks up, all share."""

    def __init__(
        self, lookups: Lookups, participants: Participants, *, clock: Callable[[], datetime]
    ) -> None:
        """Ask these parts; *clock* tells the time of day, which typing is measured by."""
        self._lookups = lookups
        self._participants = participants
        self._clock = clock

    async def tell(
        self, user: AcsUser, changes: Sequence[Change], threads: Collection[str]
    ) -> Sequence[Event]:
        """Return what *changes* are to a user who follows *threads*, in the order to tell it.

        Membership is told by ACS, so its changes give no events.
        """
        news = [each for each in changes if self._is_news(each, user, threads)]
        if not news:
            return []
        facts = await self._lookups.facts(user.id, news)
        await self._participants.look_up_roles(change_contents.role_given(each.content) for each in news)
        events = [self._event(each, user, facts) for each in news]
        return [each for each in events if each is not None]

    def _is_news(self, change: Change, user: AcsUser, threads: Collection[str]) -> bool:
        if change.kind is Kind.USER:
            return True
        if change.thread_id not in threads:
            return False
        if change.kind is Kind.CONVERSATION:
            return change.acs_id in (None, user.id)
        if change.kind is Kind.TYPING:
            age = to_milliseconds(self._clock()) - change.changed_at
            return change.acs_id != user.id and age < TYPING_TIMEOUT * 1000
        return change.kind is Kind.PARTICIPANT

    def _event(self, change: Change, user: AcsUser, facts: Facts) -> Event | None:
        if change.kind is Kind.USER:
            return UserUpdated(user=change_contents.user(change.content))
        conversation = facts.conversations.get(change.thread_id or "")
        if conversation is None:
            return None
        thread_id, acs_id = conversation.thread_id, change.acs_id or ""
        if change.kind is Kind.CONVERSATION:
            known = Known(conversation, facts.members.get((thread_id, user.id)), facts.newest.get(thread_id))
            as_changed = change_contents.conversation(change.content, known)
            return ConversationUpdated(conversation=records.conversation(as_changed, joined=True))
        if acs_id not in facts.names:
            return None
        if change.kind is Kind.PARTICIPANT:
            row = change_contents.participant(change.content)
            return ParticipantUpdated(
                participant=self._participants.record(conversation, facts.names[acs_id], row)
            )
        row = facts.members.get((thread_id, acs_id)) or records.without_row(conversation, acs_id)
        typist = self._participants.record(conversation, facts.names[acs_id], row)
        return TypingStarted(participant=typist, timeout=TYPING_TIMEOUT)
