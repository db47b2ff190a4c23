"""Read receipts: how native ACS users hear of read horizons, and how the store hears of theirs.

At ACS a member has one receipt, for the last message read; at Twilio a horizon, which may go back and be taken away.
The store has the horizon. It is passed on as a receipt for the newest message that it covers, which nobody waits for
(`acs_backend.errands`); of several that wait for one member, the last counts.

What comes back is wanted of native users only, since everybody else's receipts were written here. A receipt moves
the horizon on, never back, and only if it is younger than the last move.

ACS supports receipts in threads of up to 20 members; beyond, it takes them and lists none (both documented).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from azure.communication.chat import ChatMessageReadReceipt

from acs_backend import records
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.errands import Errands
from acs_backend.errors import Subject, translated
from acs_backend.identities import Identities
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.listings import items
from acs_backend.member_edits import Edit, MemberEdits, reading
from acs_backend.retries import Retries
from acs_backend.store import messages as table
from acs_backend.store import participants
from acs_backend.store.conversations import Conversation
from acs_backend.store.database import Database
from acs_backend.store.participants import Participant
from acs_backend.times import to_milliseconds
from twilio_compat.errors import TwilioCompatError

MOST_MEMBERS = 20
"""Members of a thread in which ACS supports receipts."""
PER_PAGE = 100
GLANCE = 20
"""Entries of a thread that a look at what is new asks for."""
AT_MOST_EVERY = timedelta(seconds=3)
"""Pause between two looks at the receipts of one thread; ACS allows five in ten seconds."""
REMEMBERED_THREADS = 10_000

_log = logging.getLogger(__name__)


class ReadReceipts:
    """Sends and collects receipts for all users of one backend."""

    def __init__(
        self,
        database: Database,
        clients: AcsClients,
        identities: Identities,
        retries: Retries,
        ledger: Ledger,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Send with *clients*, as *retries* says; *clock* tells the time of day."""
        self._database = database
        self._clients = clients
        self._identities = identities
        self._retries = retries
        self._ledger = ledger
        self._clock = clock
        self._edits = MemberEdits(database, clock)
        self._errands = Errands("A read receipt", Subject.MESSAGE)
        self._collected: dict[str, datetime] = {}

    async def pass_on(
        self, user: AcsUser, thread_id: str, before: Participant | None, now: Participant
    ) -> None:
        """Have ACS told of the user's horizon where it moved on; of one that went back it cannot be."""
        old = -1 if before is None or before.last_read_index is None else before.last_read_index
        if now.last_read_index is None or now.last_read_index <= old:
            self.take_back(user, thread_id)
            return
        async with self._database.read() as connection:
            covered = await table.around(
                connection, thread_id, start=now.last_read_index, older=True, limit=1
            )
            members = await participants.of_thread(connection, thread_id)
        if covered and len(members) <= MOST_MEMBERS:
            self.send(user, thread_id, covered[0].message_id)

    def send(self, user: AcsUser, thread_id: str, message_id: int) -> None:
        """Tell ACS that the user has read a thread up to a message; returns at once."""
        thread = self._clients.thread(user, thread_id)
        self._errands.run(
            (user.id, thread_id),
            lambda: self._retries.idempotent(lambda: thread.send_read_receipt(str(message_id))),
        )

    def take_back(self, user: AcsUser, thread_id: str) -> None:
        """Do not send what has not gone out yet."""
        self._errands.call_off((user.id, thread_id))

    async def collect(self, user: AcsUser, conversation: Conversation, members: Sequence[str]) -> bool:
        """Move the horizons of native *members* to where ACS has their receipts; say whether any moved.

        Asks ACS at most once in a while, and only where it has an answer. A failure is logged.
        """
        if len(members) > MOST_MEMBERS or not await self._identities.native(members):
            return False
        now, last = self._clock(), self._collected.get(conversation.thread_id)
        if last is not None and now - last < AT_MOST_EVERY:
            return False
        self._note_collected(conversation.thread_id, now)
        try:
            receipts = await self._list(user, conversation.thread_id)
            return await self._apply(user, conversation, receipts)
        except TwilioCompatError as error:
            _log.warning("Read receipts could not be collected: %s", error)
            return False

    async def close(self) -> None:
        """Finish sending, within a few seconds. Safe to call twice."""
        await self._errands.close()

    async def _list(self, user: AcsUser, thread_id: str) -> Mapping[str, ChatMessageReadReceipt]:
        """Return the receipts of native users by their ACS ids."""
        thread = self._clients.thread(user, thread_id)
        with translated(Subject.CONVERSATION):
            listed = await items(thread.list_read_receipts(results_per_page=PER_PAGE), self._retries)
        return {
            each.sender.raw_id: each
            for each in listed
            if str(each.chat_message_id).isdecimal() and await self._identities.native([each.sender.raw_id])
        }

    async def _apply(
        self, user: AcsUser, conversation: Conversation, receipts: Mapping[str, ChatMessageReadReceipt]
    ) -> bool:
        moved = False
        for acs_id, each in receipts.items():
            index = await self._index(user, conversation.thread_id, int(each.chat_message_id))
            if index is not None:
                edit = reading(index, to_milliseconds(each.read_on))
                moved = await self._move(conversation, acs_id, edit) or moved
        return moved

    async def _index(self, user: AcsUser, thread_id: str, message_id: int) -> int | None:
        """Return the index that a receipt for a message stands for, once the ledger has it."""
        async with self._database.read() as connection:
            index = await table.index_at(connection, thread_id, message_id)
        if index is not None:
            return index
        with translated(Subject.CONVERSATION):
            await self._ledger.catch_up(user, thread_id, size=GLANCE)
        async with self._database.read() as connection:
            return await table.index_at(connection, thread_id, message_id)

    async def _move(self, conversation: Conversation, acs_id: str, edit: Edit) -> bool:
        async with self._database.read() as connection:
            own = await participants.of_user(connection, acs_id, [conversation.thread_id])
        row = own.get(conversation.thread_id) or records.without_row(conversation, acs_id)
        if edit(row, 0) == row:
            return False
        await self._edits.edit(conversation, acs_id, edit)
        return True

    def _note_collected(self, thread_id: str, now: datetime) -> None:
        if len(self._collected) >= REMEMBERED_THREADS:
            self._collected.clear()
        self._collected[thread_id] = now
