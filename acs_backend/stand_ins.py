"""As whom the account acts in a thread.

It acts as the steward, who is a member of every thread that was made through this library. It is none of a thread that
a client of ACS made, and which became a conversation when one of its members looked; nor of one that such a client
removed it from. There ACS refuses the steward (403), and the account acts as a **stand-in**: a member of the thread
whom the store knows, or whoever made it, with a token issued for that. To read as a member leaves no trace; to have the
steward added would be seen by everybody in the thread. Only where the account is to write in its own name does a
stand-in bring the steward in (`StandIns.bring_in`), because then there is no other way; it stays.

Who could act last is tried first the next time. At most `MOST` are tried; where none can, because they all have left,
ACS lets nobody read the thread whom this deployment could act as, and a `TranslationGapError` says so.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from azure.communication.chat import ChatParticipant, CommunicationUserIdentifier
from azure.core.exceptions import HttpResponseError

from acs_backend.admissions import WHOLE_HISTORY
from acs_backend.clients import AcsClients, AcsUser
from acs_backend.errors import Subject, translated
from acs_backend.identities import Identities
from acs_backend.retries import Retries
from acs_backend.store import conversations, participants
from acs_backend.store.database import Database
from twilio_compat.errors import ForbiddenError, NotFoundError, TranslationGapError

T = TypeVar("T")

MOST = 5
"""Members who are tried, before it is given up."""
REMEMBERED = 10_000


class StandIns:
    """Acts for the account in the threads of one backend."""

    def __init__(
        self, database: Database, clients: AcsClients, identities: Identities, retries: Retries
    ) -> None:
        """Find members in *database*."""
        self._database = database
        self._clients = clients
        self._identities = identities
        self._retries = retries
        self._last: OrderedDict[str, str] = OrderedDict()

    async def act(self, thread_id: str, call: Callable[[AcsUser], Awaitable[T]]) -> T:
        """Run *call* as the steward or a stand-in, whom ACS does not refuse. Raises what *call* does.

        A call that ACS refused had no effect, so it may be run again. `TranslationGapError` where all are refused.
        """
        refusal: Exception | None = None
        for find in (self._first, self._others):
            for user in await find(thread_id):
                try:
                    result = await call(user)
                except (ForbiddenError, NotFoundError, HttpResponseError) as error:
                    if not _is_refusal(error):
                        raise
                    refusal = error
                else:
                    await self._remember(thread_id, user)
                    return result
        raise TranslationGapError(
            "ACS lets only members into a conversation, and nobody who is known to be one can be acted as; "
            "a member has to add somebody through this library, or look at it"
        ) from refusal

    async def bring_in(self, thread_id: str) -> None:
        """Have a member add the steward. Errors as `act`."""
        steward = await self._identities.steward()
        newcomer = ChatParticipant(
            identifier=CommunicationUserIdentifier(steward.id), share_history_time=WHOLE_HISTORY
        )

        async def add(user: AcsUser) -> None:
            thread = self._clients.thread(user, thread_id)
            with translated(Subject.CONVERSATION):
                await self._retries.idempotent(lambda: thread.add_participants([newcomer]))

        await self.act(thread_id, add)
        self._last.pop(thread_id, None)

    async def _first(self, thread_id: str) -> list[AcsUser]:
        """Return the stand-in who could act last, if there is one, and the steward."""
        last, steward = self._last.get(thread_id), await self._identities.steward()
        return [steward] if last is None else [self._identities.by_acs_id(last), steward]

    async def _others(self, thread_id: str) -> list[AcsUser]:
        """Return the members who may be able to act."""
        tried = {each.id for each in await self._first(thread_id)}
        left = [each for each in await self._members(thread_id) if each not in tried]
        return [self._identities.by_acs_id(each) for each in left[:MOST]]

    async def _members(self, thread_id: str) -> list[str]:
        """Return who is in the store as a member, and who made the thread, by ACS id."""
        async with self._database.read() as connection:
            rows = await participants.of_thread(connection, thread_id)
            conversation = await conversations.by_thread(connection, thread_id)
        maker = None if conversation is None else conversation.created_by
        known = None if not maker else await self._identities.known_acs_id(maker)
        members = sorted(rows.values(), key=lambda each: (each.created_at, each.acs_id))
        return list(dict.fromkeys([*(each.acs_id for each in members), *([known] if known else [])]))

    async def _remember(self, thread_id: str, user: AcsUser) -> None:
        self._last.pop(thread_id, None)
        if user is not await self._identities.steward():
            self._last[thread_id] = user.id
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)


_NO_USER = 50200
"""The code of the error for a user whom ACS does not know, of whom there is no token therefore."""


def _is_refusal(error: ForbiddenError | NotFoundError | HttpResponseError) -> bool:
    if isinstance(error, NotFoundError):
        return error.code == _NO_USER
    return isinstance(error, ForbiddenError) or error.status_code == 403
