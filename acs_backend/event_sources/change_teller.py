"""From changes of the store to the port's events: what ACS has no place for, and therefore does not tell.

A change carries the state that it made, so each is told as it was, however late it is read; what else an event holds
(the newest message, the user's own read horizon) is as of now. A change of a conversation that names a member is for
that member alone.

Typing is the exception to "however late": it is news for as long as it holds, and nothing afterwards. Whether it
still holds is judged by the clock of the process that reads it, against that of the process that wrote it; the clocks
of processes on one store should agree to a second or so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from acs_backend import change_contents, records
from acs_backend.clients import AcsUser
from acs_backend.conversations import Conversations
from acs_backend.identities import Identities
from acs_backend.participants import TYPING_TIMEOUT, Participants
from acs_backend.records import Known
from acs_backend.store.changes import Change, Kind
from acs_backend.store.participants import Participant
from acs_backend.times import to_milliseconds
from twilio_compat.events import ConversationUpdated, Event, ParticipantUpdated, TypingStarted, UserUpdated

_Rows = Mapping[str, Mapping[str, Participant]]
"""Rows of members, by thread and ACS id."""


class ChangeTeller:
    """Looks up what an event carries besides the change."""

    def __init__(
        self,
        conversations: Conversations,
        participants: Participants,
        identities: Identities,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Ask these parts; *clock* tells the time of day, which typing is measured by."""
        self._conversations = conversations
        self._participants = participants
        self._identities = identities
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
        known = await self._conversations.known(user, {each.thread_id for each in news if each.thread_id})
        names = await self._identities.names({each.acs_id for each in news if each.acs_id})
        typists = await self._typists(news)
        events = [self._event(each, known, names, typists) for each in news]
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

    async def _typists(self, news: Sequence[Change]) -> _Rows:
        threads = {each.thread_id for each in news if each.kind is Kind.TYPING and each.thread_id}
        return {each: await self._participants.rows(each) for each in threads}

    def _event(
        self, change: Change, known: Mapping[str, Known], names: Mapping[str, str], typists: _Rows
    ) -> Event | None:
        if change.kind is Kind.USER:
            return UserUpdated(user=change_contents.user(change.content))
        found = known.get(change.thread_id or "")
        if found is None:
            return None
        if change.kind is Kind.CONVERSATION:
            as_changed = change_contents.conversation(change.content, found)
            return ConversationUpdated(conversation=records.conversation(as_changed, joined=True))
        acs_id = change.acs_id or ""
        if acs_id not in names:
            return None
        if change.kind is Kind.PARTICIPANT:
            row = change_contents.participant(change.content)
            return ParticipantUpdated(participant=self._participants.record(found.row, names[acs_id], row))
        row = typists[found.row.thread_id].get(acs_id) or records.without_row(found.row, acs_id)
        typist = self._participants.record(found.row, names[acs_id], row)
        return TypingStarted(participant=typist, timeout=TYPING_TIMEOUT)
