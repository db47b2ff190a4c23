"""What all parts of a rollout backend share: which side serves a conversation, under which names, and what is noted.

A part asks `Office.reading` or opens `Office.writing`, and is given the backend to call and the names to use with it. The
theory of writing is in `twilio_compat.rollout.staging.pins` and `twilio_compat.rollout.outbox`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final, Protocol, TypeAlias, TypeVar

from twilio_compat.account import account_actor
from twilio_compat.errors import (
    AnswerError,
    ArgumentError,
    NotFoundError,
    ServiceUnavailableError,
    TokenError,
    TranslationGapError,
    TwilioCompatError,
    TwilsockUpstreamError,
)
from twilio_compat.records import MediaRecord
from twilio_compat.rollout.comparing.shadow import Shadow
from twilio_compat.rollout.outbox import Entry, Intent, Outbox, What
from twilio_compat.rollout.place import Place, place_of
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.sids import Sids
from twilio_compat.rollout.staging.fresh import Fresh
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.pins import Pins
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.staging.target import Target
from twilio_compat.rollout.telemetry import Telemetry

T = TypeVar("T")

ROUNDS: Final = 20
"""How often a write begins again because its conversation has just moved."""
PATIENCE: Final = 3.0
"""Seconds for which a side is waited for that a call can do without."""
_REFUSALS: Final = (ArgumentError, TokenError, TranslationGapError, TwilsockUpstreamError)
"""What says that nothing was written. After any other error nobody can say, not even after that of a backend that closed."""

_log = logging.getLogger(__name__)

Carry: TypeAlias = Callable[[Sides, Side, MediaRecord], Awaitable[MediaRecord]]
"""Brings a file to a side from the other one, and returns what it is there."""


async def soon(answer: Awaitable[T], within: float = PATIENCE) -> T:
    """Return what a side answers that a caller should not have to wait for. `ServiceUnavailableError` after some seconds."""
    try:
        async with asyncio.timeout(within):
            return await answer
    except TimeoutError as error:
        raise ServiceUnavailableError(f"There was no answer within {within:g} s") from error


class RoleNames(Protocol):
    """What a role is called on a side. In public it is called as at Twilio."""

    async def public(self, side: Side, role_sid: str) -> str:
        """Return the public sid of a role that is called *role_sid* there."""

    async def there(self, side: Side, role_sid: str) -> str:
        """Return what a role is called there that has a public sid."""

    async def close(self) -> None:
        """Ask nobody any more."""


class Noted:
    """A write that is under way. What it makes is named by `made`, so that the mirror knows what to look at."""

    def __init__(self, intent: Intent | None) -> None:
        """*intent* is what the mirror will be told, if there is one."""
        self.intent = intent
        self.sid: str | None = None
        self.index: int | None = None

    def made(self, sid: str, index: int | None = None) -> None:
        """Note what the thing that was written is called, publicly."""
        self.sid, self.index = sid, index


class Writing(Noted):
    """A write to a conversation that is under way."""

    def __init__(self, place: Place, intent: Intent | None) -> None:
        """Write to *place*."""
        super().__init__(intent)
        self.place = place


class Office:
    """What the parts of one service share."""

    def __init__(
        self,
        sides: Sides,
        pins: Pins,
        sids: Sids,
        outbox: Outbox,
        roles: RoleNames,
        carry: Carry,
        shadow: Shadow,
        telemetry: Telemetry,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Share these."""
        self.sides = sides
        self.service_sid = sides.acs.service_sid
        self.pins = pins
        self.sids = sids
        self.outbox = outbox
        self.roles = roles
        self._carry = carry
        self.shadow = shadow
        self.telemetry = telemetry
        self._all_pins: Fresh[Mapping[str, Pin]] = Fresh(self._read_pins, clock=clock, what="All pins")
        self._ever_live: Fresh[bool] = Fresh(pins.ever_live, clock=clock, what="Whether ACS has anything")
        self._ever_pinned: Fresh[bool] = Fresh(self._has_pins, clock=clock, what="Whether there are pins")

    async def ever_live(self) -> bool:
        """Say whether ACS has, or had, the authority over any conversation of the service."""
        return self._ever_live.last is True or self.pins.knows_live or await self._ever_live.get()

    async def ever_pinned(self) -> bool:
        """Say whether any conversation of the service has, or had, a pin; if none has, all are plainly off."""
        return self._ever_pinned.last is True or await self.ever_live() or await self._ever_pinned.get()

    async def all_pins(self) -> Mapping[str, Pin]:
        """Return all pins by sid, as they were at most a second ago; a conversation without one is off."""
        return await self._all_pins.get()

    async def _read_pins(self) -> Mapping[str, Pin]:
        return {each.conversation_sid: each for each in await self.pins.list()}

    async def target(self, sid: str) -> Target:
        """Return the conversation that *sid* names, which may be what Twilio calls it."""
        target = Target(conversation_sid=sid, service=self.service_sid)
        if not await self.ever_live() or (await self.pins.of(target)).since is not None:
            return target
        return replace(target, conversation_sid=await self.sids.conversation(sid))

    async def authority(self, sid: str) -> Side:
        """Return the side that has the authority over a conversation, by its public sid."""
        pin = await self.pins.of(Target(conversation_sid=sid, service=self.service_sid))
        return pin.decision.authority

    async def live_sid_of(self, unique_name: str) -> str | None:
        """Return which conversation that ACS has the authority over has a unique name, if any."""
        account = account_actor(self.service_sid)
        try:
            sid = await self.sides.acs.conversations.sid_of(account, unique_name)
        except NotFoundError:
            return None
        return sid if await self.authority(sid) is Side.ACS else None

    async def reading(self, sid: str) -> Place:
        """Return where to read a conversation."""
        return await self.place(await self.pins.of(await self.target(sid)))

    async def place(self, pin: Pin, side: Side | None = None, *, at_once: bool = False) -> Place:
        """Return where a conversation is on *side* (None: on that which has the authority).

        *at_once*: with all names that were given before this call, by whomever.
        """
        return await place_of(pin, side or pin.decision.authority, self.sides, self.sids, at_once=at_once)

    @asynccontextmanager
    async def writing(self, sid: str, what: What, thing: str | None = None) -> AsyncIterator[Writing]:
        """Write to a conversation in a block; *thing* is the public sid of what is written, if it has one yet.

        What the mirror is to be told is noted before the block. Where it fails for sure it is taken back; where nobody can
        say, it stays, and will be looked at.
        """
        target = await self.target(sid)
        for _ in range(ROUNDS):
            pin = await self.pins.for_writing(target)
            intent = await self._intend(
                pin, Entry(what=what, conversation_sid=pin.conversation_sid, sid=thing)
            )
            if self.pins.is_current(pin):
                break
            if intent is not None:
                await self.outbox.withdraw(intent)
        else:
            raise ServiceUnavailableError(
                f"The conversation {sid} keeps moving between Twilio and ACS; try again"
            )
        writing = Writing(await self.place(pin), intent)
        async with self._settled(writing):
            yield writing

    @asynccontextmanager
    async def noting(self, side: Side, entry: Entry) -> AsyncIterator[None]:
        """Write what belongs to no conversation in a block, and have *side* told."""
        intent = await self.outbox.intend(side, entry)
        async with self._settled(Noted(intent)):
            yield

    async def mirror_all(self, pin: Pin) -> None:
        """Have the mirror of a conversation that has just begun to have one told of everything in it.

        And once more when no process goes by what was before any more.
        """
        if (side := pin.decision.mirror) is not None:
            sid = pin.conversation_sid
            whats: Sequence[What] = ("conversation", "participant", "message")
            entries = [Entry(what=each, conversation_sid=sid) for each in whats]
            await self.outbox.add(side, *entries, *(replace(each, is_late=True) for each in entries))

    async def carried(self, place: Place, media: Sequence[MediaRecord]) -> tuple[MediaRecord, ...]:
        """Return files as they are at a place, after those were carried there that are only on the other side."""
        return tuple([await self._carried(place, each) for each in media])

    async def read(self, sid: str, operation: str, call: Callable[[Place], Awaitable[T]]) -> T:
        """Return what *call* says of a conversation, in public names, at whichever side has the authority."""
        place = await self.reading(sid)
        try:
            with self.measured(place, operation):
                answer = await call(place)
        except AnswerError as error:
            self.shadow.watch(place, operation, error, call)
            raise
        self.shadow.watch(place, operation, answer, call)
        return answer

    def measured(self, place: Place, operation: str) -> AbstractContextManager[object]:
        """Measure the block as a call of *operation* for a caller."""
        return self.telemetry.call(place.side, operation)

    async def close(self) -> None:
        """Look at nothing any more."""
        await self.outbox.close()
        await self.shadow.close()
        await self.roles.close()
        await self._all_pins.close()
        await self._ever_live.close()
        await self._ever_pinned.close()
        await self.pins.close()
        await self.sids.close()
        self.telemetry.close()

    async def _has_pins(self) -> bool:
        return bool(await self.pins.list())

    async def _intend(self, pin: Pin, entry: Entry) -> Intent | None:
        mirror = pin.decision.mirror
        return None if mirror is None else await self.outbox.intend(mirror, entry)

    @asynccontextmanager
    async def _settled(self, noted: Noted) -> AsyncIterator[None]:
        try:
            yield
        except _REFUSALS:
            await self._take_back(noted)
            raise
        if noted.intent is not None:
            self.outbox.settle(noted.intent, sid=noted.sid, index=noted.index)

    async def _take_back(self, noted: Noted) -> None:
        """Take back what was noted of a write that was refused. Where that fails it will be looked at, and found to be nothing."""
        if noted.intent is None:
            return
        try:
            await self.outbox.withdraw(noted.intent)
        except TwilioCompatError as error:
            _log.warning("A write that was refused is looked at once more: %s", error)

    async def _carried(self, place: Place, record: MediaRecord) -> MediaRecord:
        try:
            return (await place.backend.media.get(record.sid)).media
        except NotFoundError:
            return await self._carry(self.sides, place.side, record)
