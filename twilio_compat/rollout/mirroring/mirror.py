"""Making one side of a conversation what the other is, in what an entry of the outbox names.

What is done follows from what both sides are *now*, never from what was written once; so it does not matter how often, how
late, or by which process an entry is carried out. One at a time is carried out of each conversation.

Closing is final at Twilio, so a conversation is closed at a mirror only once that has all that was written before; and of one
that is gone at the authority there is nothing left to tell but that.

The account does it, which no role binds, and no webhook is called for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from twilio_compat.errors import BackendError, ConflictError, NotFoundError, TwilioCompatError
from twilio_compat.records import MessageRecord
from twilio_compat.rollout.mirroring.conversations import MirroredConversations, conversation_at
from twilio_compat.rollout.mirroring.messages import MirroredMessages
from twilio_compat.rollout.mirroring.participants import MirroredParticipants
from twilio_compat.rollout.mirroring.tail import Tails
from twilio_compat.rollout.mirroring.users import MirroredUsers
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.telemetry import Role

CLOSED: Final = 50377
"""Twilio's code for what a closed conversation does not take."""
AT_ONCE: Final = 200
"""Messages that are mirrored in one go, so that the line of a conversation is not held for too long."""
PATIENCE: Final = 60.0
"""Seconds for which messages are mirrored in one go: ACS takes not many in a minute."""

_log = logging.getLogger(__name__)


class Mirror:
    """Carries out the entries of one service."""

    def __init__(self, office: Office, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Go between the sides of *office*. *clock* is monotonic, in seconds."""
        self._office = office
        self._tails = Tails(office)
        self._users = MirroredUsers(office)
        self._conversations = MirroredConversations(office)
        self._participants = MirroredParticipants(office, self._users)
        self._messages = MirroredMessages(office, at_once=AT_ONCE, patience=PATIENCE, clock=clock)

    async def apply(self, pin: Pin | None, side: Side, entry: Entry) -> bool:
        """Make *side* what the other is, in what *entry* names; False: there is more, so do it again.

        Raises the port's errors, as either side does.
        """
        with self._office.telemetry.call(side, f"mirror.{entry.what}", Role.MIRROR):
            return await self._apply(pin, side, entry)

    async def send(self, pin: Pin, side: Side, messages: Sequence[MessageRecord]) -> None:
        """Send *side* messages that it does not have, in order and under public names; for whoever copies."""
        here = await self._office.place(pin, side.other, at_once=True)
        there = await self._office.place(pin, side, at_once=True)
        try:
            await self._messages.send(here, there, messages)
            return
        except ConflictError as error:
            if error.code != CLOSED:
                raise
        async with self._conversations.reopened(there):
            await self._messages.send(here, there, messages)

    async def _apply(self, pin: Pin | None, side: Side, entry: Entry) -> bool:
        if pin is None:
            await self._users.apply(side, entry.sid or "")
            return True
        here = await self._office.place(pin, side.other, at_once=True)
        there = await self._office.place(pin, side, at_once=True)
        try:
            return await self._apply_at(here, there, entry)
        except NotFoundError:
            if await conversation_at(here) is not None:
                raise
            return True  # it is gone, which has an entry of its own
        except ConflictError as error:
            if error.code != CLOSED:
                raise
        async with self._conversations.reopened(there):
            return await self._apply_at(here, there, entry)

    async def _apply_at(self, here: Place, there: Place, entry: Entry) -> bool:
        match entry.what:
            case "conversation":
                is_to_close = await self._conversations.is_to_close(here, there)
                if is_to_close and not await self._complete(here, there):
                    return False
                await self._conversations.apply(here, there)
            case "participant":
                await self._participants.apply(here, there, entry.sid)
            case "message":
                return await self._messages.apply(here, there, entry)
        return True

    async def _complete(self, here: Place, there: Place) -> bool:
        """Tell *there* all that was written before the conversation was closed; False: there is more."""
        sid = here.pin.conversation_sid
        everybody = Entry(what="participant", conversation_sid=sid)
        messages = Entry(what="message", conversation_sid=sid)
        if not all([await self._told(here, there, each) for each in (everybody, messages)]):
            return False
        there = await self._office.place(there.pin, there.side, at_once=True)
        behind = await self._tails.behind(there.pin, there.side)
        named = [each for each in behind if each.what != "conversation"]
        return all([await self._told(here, there, each) for each in named])

    async def _told(self, here: Place, there: Place, entry: Entry) -> bool:
        """Carry out an entry; what is refused holds up nothing here, since it has an entry of its own."""
        try:
            return await self._apply_at(here, there, entry)
        except BackendError:
            raise
        except TwilioCompatError as error:
            _log.info("%s is closed without %s: %s", entry.conversation_sid, entry.sid or entry.what, error)
            return True
