"""The members of one conversation, as one client knows them.

Who joined and who left is announced once, whether this client did it or the event source reports it: what counts
is what was announced last about a member. Reading the list of members announces nobody's coming or going, as at
Twilio; what changed in a member the client knows is announced by whatever brings it first.

Twilio's client loads every member of every conversation when it starts. This one does not, so it can hear of a change
in a member it has not met. What changed is then told by which of the member's two times is the later one: that of the
member, or that of the read horizon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twilio_compat.errors import ClientNotFoundError
from twilio_compat.participant import Participant, ParticipantUpdateReason, is_older
from twilio_compat.recency import moment
from twilio_compat.records import ParticipantChanges, ParticipantDraft, ParticipantRecord

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation
    from twilio_compat.session import Session

__all__ = ["Participants"]


class Participants:
    """The members of one conversation: one object each, and the news about them."""

    def __init__(self, session: Session, conversation: Conversation) -> None:
        """Know nobody yet."""
        self._session = session
        self._conversation = conversation
        self._known: dict[str, Participant] = {}
        self._announced: dict[str, bool] = {}
        self._listed = False

    @property
    def are_known(self) -> bool:
        """Whether the client knows any of them."""
        return bool(self._known)

    # Calls

    async def list(self) -> list[Participant]:
        """Fetch the members, in the order in which they were added; who came or went meanwhile, news tells better."""
        session, before = self._session, {**self._announced}
        records = await session.backend.participants.list(session.actor, self._conversation.sid)
        moved = {sid: came for sid, came in self._announced.items() if before.get(sid) is not came}
        listed = {record.sid: self._meet(record) for record in records if moved.get(record.sid, True)}
        self._known = listed | {sid: member for sid, member in self._known.items() if moved.get(sid)}
        self._listed = True
        return [*self._known.values()]

    async def catch_up(self) -> None:
        """Fetch the members anew, and announce who came and who went while nothing was heard."""
        before, were_all = self._known, self._listed
        now = {member.sid: member for member in await self.list()}
        for sid, member in before.items():
            if sid not in now:
                self._go(member._record)
        for sid, member in now.items() if were_all else ():
            if sid not in before:
                self._come(member._record)

    async def find(self, what: str, matches: Callable[[Participant], bool]) -> Participant:
        """Return the member that *matches*. `NotFoundError` 50432 names *what*.

        Who is no member hears nothing of the members, so only a member is answered from memory.
        """
        is_kept = self._conversation.status == "joined"
        known = next(filter(matches, self._known.values()), None) if is_kept else None
        found = known or next(filter(matches, await self.list()), None)
        if found is None:
            raise ClientNotFoundError(f"Participant with {what} was not found", code=50432)
        return found

    async def add(self, draft: ParticipantDraft) -> ParticipantRecord:
        """Add a member, who may be the user."""
        session = self._session
        record = await session.backend.participants.create(session.actor, self._conversation.sid, draft)
        if record.identity == session.actor.identity:
            self._known[record.sid] = self._meet(record)
            self._conversation._standing.join()
        elif self._come(record):
            session.echoes.expect(record.sid, "joined")
        return record

    async def remove(self, sid_or_identity: str) -> None:
        """Remove a member, who may be the user."""
        session = self._session
        own = session.actor.identity
        if sid_or_identity == own:
            await self.find(f"identity {own}", lambda each: each.identity == own)
        await session.backend.participants.delete(session.actor, self._conversation.sid, sid_or_identity)
        if (member := self._named(sid_or_identity)) is None:
            return
        if member.identity == own:
            self._conversation._standing.leave("left", member._record)
        elif self._go(member._record):
            session.echoes.expect(member.sid, "left")

    async def count(self) -> int:
        """Return how many members there are."""
        session = self._session
        return await session.backend.participants.count(session.actor, self._conversation.sid)

    async def update(self, sid: str, changes: ParticipantChanges) -> None:
        """Change a member, and announce it."""
        session = self._session
        where = self._conversation.sid
        self.updated(await session.backend.participants.update(session.actor, where, sid, changes))

    async def typing(self) -> None:
        """Tell the others that the user types, unless they were told just now."""
        session, where = self._session, self._conversation.sid
        if session.typing.admits(where):
            session.typing.answered(await session.backend.participants.typing(session.actor, where))

    # News

    def is_news(self, record: ParticipantRecord) -> bool:
        """Tell whether *record* is no older than what is known of the member."""
        known = self._known.get(record.sid)
        return known is None or not is_older(record, known._record)

    def updated(self, record: ParticipantRecord) -> None:
        """Announce what changed in a member."""
        if record.sid in self._known:
            self._meet(record)
        else:
            member = self._known[record.sid] = self._meet(record)
            member._announce_update(_likely_reasons(record))

    def typed(self, record: ParticipantRecord, seconds: float) -> None:
        """Announce that a member types, which holds for *seconds*."""
        member = self._known[record.sid] = self._meet(record)
        member._start_typing(self._session.typing.shown_for(seconds))

    def wrote(self, identity: str | None) -> None:
        """Announce that somebody types no longer, since what they typed is there."""
        for member in self._known.values():
            if member.identity == identity:
                member._end_typing()

    def joined(self, record: ParticipantRecord) -> None:
        """Announce that somebody else became a member, unless that was done."""
        if not self._session.echoes.take(record.sid, "joined"):
            self._come(record)

    def left(self, record: ParticipantRecord) -> None:
        """Announce that somebody else ceased to be a member, unless that was done."""
        if not self._session.echoes.take(record.sid, "left"):
            self._go(record)

    def left_by_user(self, record: ParticipantRecord | None) -> None:
        """Announce that the user left, where it is known which member that was; forget the others."""
        member = self._meet(record) if record else self._named(self._session.actor.identity)
        self._known.clear()
        self._announced.clear()
        self._listed = False
        if member is not None:
            self._conversation._standing.announce("participantLeft", member)

    def _come(self, record: ParticipantRecord) -> bool:
        """Announce a new member; return False where the last that was announced is that they came."""
        member = self._known[record.sid] = self._meet(record)
        if self._announced.get(record.sid) is True:
            return False
        self._announced[record.sid] = True
        self._conversation._standing.announce("participantJoined", member)
        return True

    def _go(self, record: ParticipantRecord) -> bool:
        """Announce a former member; return False where the last that was announced is that they left."""
        member = self._meet(record)
        self._known.pop(record.sid, None)
        if self._announced.get(record.sid) is False:
            return False
        self._announced[record.sid] = False
        self._conversation._standing.announce("participantLeft", member)
        return True

    def _named(self, sid_or_identity: str) -> Participant | None:
        return next(
            (each for each in self._known.values() if sid_or_identity in (each.sid, each.identity)), None
        )

    def _meet(self, record: ParticipantRecord) -> Participant:
        member = self._known.get(record.sid)
        if member is None:
            return Participant(self._session, self._conversation, record)
        member._take(record)
        return member


def _likely_reasons(record: ParticipantRecord) -> list[ParticipantUpdateReason]:
    """Tell what probably changed in a member of whom nothing was known."""
    read = record.last_read_timestamp
    if read is not None and read >= moment(record):
        return ["lastReadMessageIndex", "lastReadTimestamp"]
    return ["attributes", "dateUpdated"]
