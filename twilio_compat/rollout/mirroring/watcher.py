"""Seeing what was done past this library, so that mirrors are told of that, too.

Of each service one process, which the worker chooses, watches:

* It listens to ACS as the account. What happens in a conversation over which ACS has the authority, and Twilio is told of, is
  put into the outbox, whoever did it: native clients, timers, a process that died. What this library did is there already;
  once more costs a look.
* Twilio has nobody to listen to. So the ends of the conversations which clients may write to at Twilio, and ACS is told of,
  are compared one after the other, `AT_ONCE` at a time, each once in `EVERY` seconds, or as often as Twilio's answers allow.

What happened while nobody watched shows when a conversation's end is looked at next: at the latest before it is handed over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from twilio_compat.account import account_actor
from twilio_compat.errors import TwilioCompatError
from twilio_compat.events import (
    ConversationLeft,
    ConversationUpdated,
    Event,
    MessageAdded,
    MessageRemoved,
    MessageUpdated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
)
from twilio_compat.rollout.mirroring.tail import Tails
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.staging.target import Target

EVERY: Final = 30.0
"""Seconds between two looks at the end of a conversation."""
AT_ONCE: Final = 4
"""Conversations that are looked at at a time."""

_log = logging.getLogger(__name__)


class Watcher:
    """Watches one service while `run` runs."""

    def __init__(
        self,
        office: Office,
        tails: Tails,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[None, None, None]] = asyncio.sleep,
    ) -> None:
        """Put what is seen into the outbox of *office*. *clock* is in seconds."""
        self._office = office
        self._tails = tails
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._look_around())

    # ACS

    async def _listen(self) -> None:
        actor = account_actor(self._office.service_sid)
        while not await self._is_wanted():
            await self._sleep(1.0)
        async with self._office.sides.acs.subscribe(actor) as events:
            async for event in events:
                for entry in entries_of(event):
                    await self._note(entry)

    async def _is_wanted(self) -> bool:
        try:
            return await self._office.ever_live()
        except TwilioCompatError as error:
            _log.warning("Whether ACS has any conversation is unknown: %s", error)
            return False

    async def _note(self, entry: Entry) -> None:
        try:
            pin = await self._office.pins.of(self._target(entry.conversation_sid))
            if pin.decision.mirror is Side.TWILIO:
                await self._office.outbox.add(Side.TWILIO, entry)
        except TwilioCompatError as error:
            _log.warning("What happened in %s on ACS is mirrored late: %s", entry.conversation_sid, error)

    # Twilio

    async def _look_around(self) -> None:
        while True:
            began = self._clock()
            await self._look_at_all()
            await self._sleep(max(1.0, EVERY - (self._clock() - began)))

    async def _look_at_all(self) -> None:
        try:
            pins = [each for each in await self._office.pins.list() if _is_told_by_twilio(each)]
        except TwilioCompatError as error:
            _log.warning("The conversations that are mirrored cannot be listed: %s", error)
            return
        for place in range(0, len(pins), AT_ONCE):
            await asyncio.gather(*map(self._look_at, pins[place : place + AT_ONCE]))

    async def _look_at(self, pin: Pin) -> None:
        sid = pin.conversation_sid
        try:
            if not await self._office.outbox.drained(sid, Side.ACS):
                return
            behind = await self._tails.behind(pin, Side.ACS)
            if behind and (await self._office.pins.of(pin.about)).decision == pin.decision:
                await self._office.outbox.add(Side.ACS, *behind)
        except TwilioCompatError as error:
            _log.warning("The end of %s cannot be looked at: %s", sid, error)

    def _target(self, conversation_sid: str) -> Target:
        return Target(conversation_sid=conversation_sid, service=self._office.service_sid)


def entries_of(event: Event) -> Sequence[Entry]:
    """Return what an event of the account says was done."""
    match event:
        case MessageAdded(message=message) | MessageUpdated(message=message):
            sid = message.conversation_sid
            return [Entry(what="message", conversation_sid=sid, sid=message.sid, index=message.index)]
        case MessageRemoved(conversation_sid=sid, message_sid=message_sid, index=index):
            return [Entry(what="message", conversation_sid=sid, sid=message_sid, index=index)]
        case ParticipantJoined(participant=who) | ParticipantUpdated(participant=who):
            return [Entry(what="participant", conversation_sid=who.conversation_sid, sid=who.sid)]
        case ParticipantLeft(participant=who):
            return [Entry(what="participant", conversation_sid=who.conversation_sid, sid=who.sid)]
        case ConversationUpdated(conversation=conversation):
            return [Entry(what="conversation", conversation_sid=conversation.sid)]
        case ConversationLeft(conversation_sid=sid, reason="deleted"):
            return [Entry(what="conversation", conversation_sid=sid)]
        case _:
            return []


def _is_told_by_twilio(pin: Pin) -> bool:
    return pin.decision.mirror is Side.ACS and pin.copied and pin.towards is None
