"""One ordered event stream of both sides', for one user. What is told, says `twilio_compat.rollout.event_merge`.

Each side's subscription is read by a task of its own into one queue of `MOST` places; who reads slowly slows both down. ACS
is asked for nothing before it has, or had, the authority over any conversation of the service, or Twilio refuses the user.
Once a second pins are looked at. While a conversation is handed over, nothing is told of it. It is gone on with once the
side that has it then has a subscription that is up, and was looked at; where that fails, a second later.

* `Synchronized` comes when all sides are up that were asked, or after `PATIENCE` seconds with what is up, at least one. The
  conversations of a side that comes later are told as joined.
* The side that is asked for sign-in first is Twilio; a token of an ACS user is refused there at once, and the user has ACS
  alone. Where both refuse, `SourceRefused` is told, with the error of the last; and where one does so that had taken the
  token before, since the token has ended.
* A side that cannot be opened is tried again after `RETRY` seconds. That a side is interrupted is told only if it has a
  conversation of the user; otherwise it is logged.
* An error of the store while something is translated holds up the stream, and loses nothing: it is tried again after a
  while, and the reader is told `SourceInterrupted` and `SourceRestored`. `ClosedError` ends it.
* The account, for webhooks, hears of ACS alone, and of conversations over which that has the authority.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from twilio_compat.errors import ClosedError, TokenError, TwilioCompatError
from twilio_compat.events import (
    ConversationJoined,
    Event,
    SourceInterrupted,
    SourceRefused,
    SourceRestored,
    Synchronized,
    UserUpdated,
)
from twilio_compat.records import Actor, ActorKind, ConversationRecord
from twilio_compat.rollout.event_looks import in_public, seen
from twilio_compat.rollout.event_merge import Merge, conversation_of
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.staging.target import Target

MOST: Final = 1000
"""Events that wait for the reader, and before `Synchronized` those that wait for the other side."""
PERIOD: Final = 1.0
"""Seconds between two looks at the pins."""
PATIENCE: Final = 5.0
"""Seconds for which a side that does not answer is waited for."""
RETRY: Final = 5.0
"""Seconds after which a side that could not be opened is tried again."""

log = logging.getLogger(__name__)

_Item: TypeAlias = tuple[Side, Event] | None


@asynccontextmanager
async def subscribe(
    office: Office, actor: Actor, *, period: float = PERIOD, patience: float = PATIENCE, retry: float = RETRY
) -> AsyncIterator[AsyncIterator[Event]]:
    """Open the actor's event stream."""
    if actor.kind is ActorKind.ACCOUNT:
        async with office.sides.acs.subscribe(actor) as source, aclosing(_of_acs(office, source)) as events:
            yield events
        return
    stream = _Stream(office, actor, period, patience, retry)
    try:
        async with aclosing(stream.events()) as events:
            yield events
    finally:
        await stream.close()


async def _of_acs(office: Office, source: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    """Yield what the account hears."""
    async for event in source:
        if isinstance(event, Synchronized):
            kept = [each for each in event.conversations if await office.authority(each.sid) is Side.ACS]
            sids = {each.sid for each in kept}
            written = {sid: at for sid, at in event.written_at.items() if sid in sids}
            yield Synchronized(conversations=tuple(kept), written_at=written)
        elif isinstance(event, UserUpdated):
            continue
        elif (sid := conversation_of(event)) is None or await office.authority(sid) is Side.ACS:
            yield event


@dataclass(slots=True)
class _Source:
    """How far a side has come."""

    task: asyncio.Task[None]
    up: Synchronized | None = None
    is_refused: bool = False
    is_interrupted: bool = False


class _Stream:
    """The stream of one user."""

    def __init__(self, office: Office, actor: Actor, period: float, patience: float, retry: float) -> None:
        self._office, self._actor = office, actor
        self._period, self._patience, self._retry = period, patience, retry
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(MOST)
        self._sources: dict[Side, _Source] = {}
        self._merge = Merge()
        self._name = f"{actor.identity} {id(self)}"
        self._is_synchronized = False
        self._early: list[tuple[Side, Event]] = []
        self._ticker = asyncio.create_task(self._tick())
        self._since = time.monotonic()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield what is told, until both sides refuse the user."""
        self._open(Side.TWILIO)
        if await self._ever_live():
            self._open(Side.ACS)
        while True:
            item = await self._queue.get()
            was = self._is_synchronized
            items = [item]
            while items:
                async for event in self._told(items.pop(0)):
                    yield event
                    if isinstance(event, SourceRefused):
                        return
                if self._is_synchronized and not was:
                    items, self._early, was = [*self._early], [], True

    async def _told(self, item: _Item) -> AsyncGenerator[Event, None]:
        """Yield what to tell of an item. While the store does not say where a conversation is, nothing goes on, or is lost."""
        is_interrupted = False
        while True:
            try:
                told = await self._looked() if item is None else await self._heard(*item)
                break
            except ClosedError:
                raise
            except TwilioCompatError as error:
                log.warning("News wait, since it is not known where a conversation is: %s", error)
                if not is_interrupted:
                    yield SourceInterrupted(error=error)
                is_interrupted = True
                await asyncio.sleep(self._period)
        if is_interrupted:
            yield SourceRestored()
        for event in told:
            yield event

    async def close(self) -> None:
        """Leave no task behind."""
        tasks = [self._ticker, *(each.task for each in self._sources.values())]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Tasks

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._period)
            await self._queue.put(None)

    def _open(self, side: Side) -> None:
        if side not in self._sources:
            self._sources[side] = _Source(asyncio.create_task(self._read(side)))

    async def _read(self, side: Side) -> None:
        while True:
            try:
                async with self._office.sides.of(side).subscribe(self._actor) as events:
                    async for event in events:
                        await self._queue.put((side, event))
                return
            except TokenError as error:
                await self._queue.put((side, SourceRefused(error=error)))
                return
            except ClosedError:
                raise
            except TwilioCompatError as error:
                await self._queue.put((side, SourceInterrupted(error=error)))
                await asyncio.sleep(self._retry)

    # What is told

    async def _heard(self, side: Side, event: Event) -> Sequence[Event]:
        match event:
            case Synchronized():
                return await self._came_up(side, event)
            case SourceInterrupted() | SourceRestored():
                return self._interrupted(side, event)
            case SourceRefused():
                return await self._refused(side, event)
            case UserUpdated():
                return [event] if side is Side.TWILIO and self._is_synchronized else []
            case _:
                return await self._of_conversation(side, event)

    async def _of_conversation(self, side: Side, event: Event) -> Sequence[Event]:
        sid = conversation_of(event)
        if sid is None:
            return []
        if not self._is_synchronized:
            self._early.append((side, event))
            return self._synchronized(len(self._early) >= MOST)
        pin = await self._pin(sid)
        place = await self._office.place(pin, side)
        await self._meet(pin)
        event = in_public(event, place.public)
        if pin.decision.compared:
            self._office.shadow.told(side, event, self._name)
        return self._merge.tell(side, pin.conversation_sid, event)

    async def _came_up(self, side: Side, event: Synchronized) -> Sequence[Event]:
        source, again = self._sources[side], self._sources[side].up is not None
        records = tuple([await self._met(side, each) for each in event.conversations])
        written = {(await self._pin(sid)).conversation_sid: at for sid, at in event.written_at.items()}
        source.up = Synchronized(conversations=records, written_at=written)
        if not self._is_synchronized:
            return self._synchronized(self._is_complete)
        if again:
            for each in records:
                self._merge.hold(each.sid)
        joined = [each for each in records if self._merge.stand(side, each)]
        return [ConversationJoined(conversation=each) for each in joined]

    @property
    def _is_complete(self) -> bool:
        return all(each.up is not None or each.is_refused for each in self._sources.values())

    def _synchronized(self, is_time: bool) -> Sequence[Event]:
        ups = {side: each.up for side, each in self._sources.items() if each.up is not None}
        if not ups or not is_time:
            return []
        self._is_synchronized = True
        kept: dict[str, ConversationRecord] = {}
        written: dict[str, datetime] = {}
        for side, up in ups.items():
            own = [each for each in up.conversations if self._merge.stand(side, each)]
            kept |= {each.sid: each for each in own}
            written |= {each.sid: up.written_at[each.sid] for each in own if each.sid in up.written_at}
        return [Synchronized(conversations=tuple(kept[sid] for sid in sorted(kept)), written_at=written)]

    def _interrupted(self, side: Side, event: SourceInterrupted | SourceRestored) -> Sequence[Event]:
        source = self._sources[side]
        if isinstance(event, SourceRestored):
            was, source.is_interrupted = source.is_interrupted, False
            return [event] if was else []
        if not self._is_synchronized or not self._merge.has_any(side):
            log.warning("The events of %s are interrupted: %s", side, event.error)
            return []
        source.is_interrupted = True
        return [event]

    async def _refused(self, side: Side, event: SourceRefused) -> Sequence[Event]:
        source = self._sources[side]
        source.is_refused = True
        if source.up is not None or all(
            side in self._sources and self._sources[side].is_refused for side in Side
        ):
            return [event]
        log.info("%s refuses %s; the other side goes on", side, self._actor.identity)
        self._open(side.other)
        return [] if self._is_synchronized else self._synchronized(self._is_complete)

    # Once a second

    async def _looked(self) -> Sequence[Event]:
        for each in self._sources.values():
            if each.task.done():
                each.task.result()
        if Side.ACS not in self._sources and await self._ever_live():
            self._open(Side.ACS)
        if not self._is_synchronized:
            return self._synchronized(time.monotonic() - self._since >= self._patience)
        told: list[Event] = []
        pins = await self._office.all_pins()
        for sid in self._merge.known:
            if self._rests(sid, pins.get(sid)):
                continue
            try:
                told += await self._settle(sid)
            except ClosedError:
                raise
            except TwilioCompatError as error:
                log.warning("Conversation %s is looked at later: %s", sid, error)
        self._merge.looked()
        return told

    def _rests(self, sid: str, pin: Pin | None) -> bool:
        """Say whether the side that is told has the authority over a conversation, and keeps it."""
        authority = Side.TWILIO if pin is None else pin.decision.authority
        return (pin is None or pin.towards is None) and self._merge.is_settled(sid, authority)

    async def _settle(self, sid: str) -> Sequence[Event]:
        pin = await self._pin(sid)
        authority = pin.decision.authority
        if pin.towards is not None:
            self._merge.hold(sid)
            return []
        if self._merge.is_settled(sid, authority):
            return []
        self._merge.hold(sid)
        source = self._sources.get(authority)
        if source is None or source.up is None or source.is_refused:
            return []
        place = await self._office.place(pin, authority, at_once=True)
        return self._merge.resume(sid, authority, await seen(place, self._actor, self._merge.wanted(sid)))

    # Names and pins

    async def _ever_live(self) -> bool:
        try:
            return await self._office.ever_live()
        except TwilioCompatError as error:
            log.warning("Whether ACS has anything is asked again: %s", error)
            return False

    async def _pin(self, sid: str) -> Pin:
        office = self._office
        public = await office.sids.conversation(sid) if await office.ever_live() else sid
        return await office.pins.of(Target(conversation_sid=public, service=office.service_sid))

    async def _meet(self, pin: Pin) -> None:
        sid, authority = pin.conversation_sid, pin.decision.authority
        self._merge.meet(sid, authority)
        if pin.towards is not None or not self._merge.is_settled(sid, authority):
            self._merge.hold(sid)

    async def _met(self, side: Side, record: ConversationRecord) -> ConversationRecord:
        pin = await self._pin(record.sid)
        await self._meet(pin)
        return (await self._office.place(pin, side)).public.conversation(record)
