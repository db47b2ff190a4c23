"""Adding members: one at a time, and each once.

ACS adds an existing member without a word, where Twilio answers 409. So whoever adds reads the members before; and of two
adds at once, which both find the member missing, the row in the store decides: both saw the same state of it, and only
one can replace that state (`Admissions.claim`), and goes on to add the member (`Admissions.add`). Somebody who dies then
leaves a row and no member, so a third may replace that row too. It is one that was updated before it was created, until
the member is added and it is settled: from then on nobody replaces it who saw it before, and whoever was replaced before
that has lost (`table.settle`).

A member sees the history from the moment of being added, where Twilio shows all of it. So members are added with their
history shared from the beginning of time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from azure.communication.chat import ChatError, ChatParticipant, CommunicationUserIdentifier

from acs_backend.clients import AcsClients, AcsUser
from acs_backend.errors import Subject, translated
from acs_backend.identities import Identities
from acs_backend.retries import Retries
from acs_backend.sids import participant_sid
from acs_backend.store import participants as table
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.participants import Participant
from acs_backend.times import to_milliseconds
from twilio_compat.errors import (
    ConflictError,
    LimitError,
    NotFoundError,
    TranslationGapError,
    TwilioCompatError,
    TwilsockUpstreamError,
)
from twilio_compat.records import ParticipantDraft

WHOLE_HISTORY = datetime(1970, 1, 1, tzinfo=UTC)
MEMBER_LIMIT = 250
"""Members that an ACS thread takes, the steward among them."""
MEMBERS_PER_PAGE = 200


@dataclass(frozen=True, slots=True)
class Admissions:
    """Adds members, and says who is one; *clock* tells the time for dates."""

    database: Database
    clients: AcsClients
    identities: Identities
    retries: Retries
    clock: Callable[[], datetime]

    async def members(self, user: AcsUser, thread_id: str) -> Sequence[str]:
        """Return the ACS ids of the members as ACS lists them. Raises the SDK's errors."""
        thread = self.clients.thread(user, thread_id)
        listed = thread.list_participants(results_per_page=MEMBERS_PER_PAGE)
        return [each.identifier.raw_id async for each in listed]

    async def claim(
        self, conversation: Conversation, acs_id: str, draft: ParticipantDraft, *, over: Participant | None
    ) -> Participant:
        """Write the row of a member about to be added, unless another add of the same member has (`ConflictError` 50433).

        The same where another member has the sid that this one is to keep.
        """
        now = to_milliseconds(self.clock())
        if over is not None:
            now = max(now, over.created_at + 1)
        row = Participant(
            thread_id=conversation.thread_id,
            acs_id=acs_id,
            sid=participant_sid(conversation.thread_id, acs_id) if draft.sid is None else draft.sid,
            attributes=draft.attributes,
            created_at=now,
            updated_at=now - 1,
            role_sid=draft.role_sid,
            date_created=None if draft.date_created is None else to_milliseconds(draft.date_created),
            date_updated=None if draft.date_updated is None else to_milliseconds(draft.date_updated),
        )
        async with self.database.write() as connection:
            if draft.sid is not None:
                await table.set_free(connection, draft.sid)
            if not await table.claim(connection, row, over=over):
                raise exists_already()
        return row

    async def add(self, user: AcsUser, thread_id: str, acs_id: str) -> None:
        """Add a member at ACS, whose own clients show the display name: the identity, where there is one.

        `LimitError` 50417, `NotFoundError` 50200, `TranslationGapError` for whom ACS does not take.
        """
        identity = (await self.identities.names([acs_id])).get(acs_id)
        newcomer = ChatParticipant(
            identifier=CommunicationUserIdentifier(acs_id),
            display_name=None if identity == acs_id else identity,
            share_history_time=WHOLE_HISTORY,
        )
        thread = self.clients.thread(user, thread_id)
        try:
            with translated(Subject.PARTICIPANT):
                refused = await self.retries.idempotent(lambda: thread.add_participants([newcomer]))
        except TwilsockUpstreamError as error:
            if error.status == 400 and len(await self.members(user, thread_id)) >= MEMBER_LIMIT:
                raise is_full() from error
            raise
        for _, refusal in refused:
            raise _refused(acs_id, refusal)


def is_full() -> LimitError:
    """Return the error of a thread that takes no more members."""
    return LimitError(f"Participants limit exceeded: an ACS thread takes {MEMBER_LIMIT} members", code=50417)


def exists_already() -> ConflictError:
    """Return the error of somebody who is a member already."""
    return ConflictError("Participant already exists", code=50433)


def _refused(acs_id: str, error: ChatError) -> TwilioCompatError:
    """Return why ACS left somebody out of a request that it otherwise carried out."""
    said = f"{error.message} ({error.code})"
    if error.code == "404":
        return NotFoundError(f"User not found: ACS does not know {acs_id}: {said}", code=50200)
    return TranslationGapError(f"ACS does not take {acs_id} as a member of a chat thread: {said}")
