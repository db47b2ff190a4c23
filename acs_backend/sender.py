"""Sending each message exactly once.

ACS has no way to say "this is the message I sent before". So each message carries its mutation id in its metadata.
When a post ends without a clear answer, the sender lists the newest messages and looks for that id before it posts
again. A copy that turns up even later is hidden by the ledger.

When the deadline passes with the outcome still unknown, the error says so. A caller may then repeat the draft, here or
in another process: unless it is said to be the first of its mutation id, a send looks before it posts. What this
process sent itself it remembers for a while, whatever is said; and of two sends at once the second waits for the first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from azure.communication.chat import SendChatMessageResult
from azure.core.exceptions import AzureError, DeserializationError

from acs_backend.clients import AcsClients, AcsUser
from acs_backend.errors import Subject, translated
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.recorder import Recorder, Sending
from acs_backend.message_codec import EncodedMessage
from acs_backend.retries import OutcomeUnknown, Retries
from acs_backend.store.adoptions import Adoption
from acs_backend.store.messages import LedgerRow
from twilio_compat.errors import (
    InvalidResponseError,
    RateLimitedError,
    ServiceTimeoutError,
    TwilsockUpstreamError,
)

FIRST_LOOK = 10
"""Entries that a search for a message asks for first."""
REMEMBERED_SENDS = 10_000

_Key: TypeAlias = tuple[str, str]
"""Thread and mutation id."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way. ``author`` is the name that native clients show; None where there is none.

    ``is_first``: it cannot have been sent before, by any process. ``adoption`` is what it keeps, if it comes from elsewhere.
    """

    mutation_id: str
    author: str | None
    message: EncodedMessage
    is_first: bool
    adoption: Adoption | None = None


class Sender:
    """Posts messages, as the users who write them."""

    def __init__(
        self, clients: AcsClients, retries: Retries, ledger: Ledger, recorder: Recorder, *, deadline: float
    ) -> None:
        """Give each send, with all it takes, *deadline* seconds."""
        self._clients = clients
        self._retries = retries
        self._ledger = ledger
        self._recorder = recorder
        self._deadline = deadline
        self._known: OrderedDict[_Key, LedgerRow | None] = OrderedDict()
        """The rows of what was sent lately; None for a send that may have had its effect without this process knowing."""
        self._under_way: dict[_Key, asyncio.Event] = {}

    async def send(self, user: AcsUser, thread_id: str, outgoing: Outgoing) -> LedgerRow:
        """Post the message and return its row. `ForbiddenError` 50430, `NotFoundError` 50350, `BackendError`.

        `ConflictError` where another message has what this one is to keep.
        """
        key = (thread_id, outgoing.mutation_id)
        try:
            async with asyncio.timeout(self._deadline), self._alone(key):
                row = self._remembered(key, outgoing) or await self._send(user, thread_id, outgoing)
        except (TwilsockUpstreamError, RateLimitedError):
            raise
        except TimeoutError as error:
            self._note(key, None)
            raise ServiceTimeoutError(
                "No answer within the deadline; whether the message was sent is unknown"
            ) from error
        except BaseException:
            self._note(key, None)
            raise
        self._note(key, row)
        return row

    @asynccontextmanager
    async def _alone(self, key: _Key) -> AsyncIterator[None]:
        """Wait for others who send the same message."""
        while (other := self._under_way.get(key)) is not None:
            await other.wait()
        ended = self._under_way[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._under_way[key]
            ended.set()

    async def _send(self, user: AcsUser, thread_id: str, outgoing: Outgoing) -> LedgerRow:
        adopting = self._recorder.adopting(user, thread_id, outgoing.adoption)
        with translated(Subject.CONVERSATION):
            async with adopting:
                return await self._indexed(await self._post(user, thread_id, outgoing))

    async def _post(self, user: AcsUser, thread_id: str, outgoing: Outgoing) -> Sending:
        until, key = self._retries.until(), (thread_id, outgoing.mutation_id)
        async with self._recorder.sending(user, thread_id, outgoing.mutation_id) as sending:
            sending.repeated = not outgoing.is_first
            if key in self._known:
                self._recorder.cast_doubt(sending)
            if key in self._known or not outgoing.is_first:
                sending.message_id = await self._look_for(sending)
            attempt = 0
            while sending.message_id is None:
                try:
                    sending.message_id = await self._post_once(sending, outgoing, until)
                except OutcomeUnknown:
                    self._recorder.cast_doubt(sending)
                    self._note(key, None)
                    if not await self._retries.pause(attempt, until):
                        raise
                    sending.message_id = await self._look_for(sending)
                    attempt += 1
                except (AzureError, RateLimitedError) as error:
                    if key not in self._known:
                        raise
                    raise OutcomeUnknown(error) from error  # that of an earlier attempt
        return sending

    async def _post_once(self, sending: Sending, outgoing: Outgoing, until: float) -> int:
        thread, message = self._clients.thread(sending.user, sending.thread_id), outgoing.message

        async def post() -> SendChatMessageResult:
            return await thread.send_message(
                message.content, metadata=message.metadata, sender_display_name=outgoing.author
            )

        sent = await self._retries.once(post, until=until, aside=lambda: self._recorder.set_aside(sending))
        if not str(sent.id).isdecimal():
            raise OutcomeUnknown(
                InvalidResponseError(f"ACS gave a message the id {sent.id!r}, which is no number")
            )
        return int(sent.id)

    async def _look_for(self, sending: Sending) -> int | None:
        """Return the id of the message that carries the mutation id, if there is one among the newest."""
        try:
            listing = await self._ledger.catch_up(sending.user, sending.thread_id, size=FIRST_LOOK)
        except (AzureError, DeserializationError, RateLimitedError, TimeoutError) as error:
            raise OutcomeUnknown(error) from error
        if any(each.mutation_id == sending.mutation_id for each in listing):
            await self._ledger.absorb(sending.thread_id, listing)
        row = await self._ledger.sent(sending.thread_id, sending.mutation_id)
        return None if row is None else row.message_id

    async def _indexed(self, sending: Sending) -> LedgerRow:
        """Return the row of a message that was sent; what goes wrong now must not look as if it had not been."""
        try:
            return await self._recorder.index(sending)
        except (AzureError, DeserializationError, RateLimitedError) as error:
            raise OutcomeUnknown(error) from error

    def _remembered(self, key: _Key, outgoing: Outgoing) -> LedgerRow | None:
        """Return the row of a message that was sent already, if it has what it is to keep."""
        row, kept = self._known.get(key), outgoing.adoption
        return row if row is None or kept is None or kept.fits(row.sid, row.index) else None

    def _note(self, key: _Key, row: LedgerRow | None) -> None:
        self._known[key] = row
        if len(self._known) > REMEMBERED_SENDS:
            self._known.popitem(last=False)
