"""A conversation that is migrated under load, with what must be true of it: for `test_migration`.

Time runs `FASTER` for those parts of a rollout that wait, so that a handover takes an eighth of a second; and it can be put forward
(`World.pass_time`), so that what comes due later is due. Dates are those of the day.

What was acknowledged is kept (`Ledger`), and compared with what both sides have.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.acs_backend.middleman import Middleman
from tests.rollout.deployment import ACCOUNT, listed, on_side
from tests.support.twilio_stand_in import TwilioStandIn, twilio_stand_in
from tests.support.waiting import eventually
from twilio_backend.backend import TwilioBackend
from twilio_compat.account import on_behalf_of
from twilio_compat.errors import BackendError, ConflictError, NotFoundError
from twilio_compat.events import MessageAdded, Synchronized
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    JSONValue,
    MessageChanges,
    MessageDraft,
    MessageRecord,
    ParticipantChanges,
    ParticipantDraft,
)
from twilio_compat.rollout.assembly import Tools
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.comparing.reconcile import reconcile
from twilio_compat.rollout.mirroring.tail import Tails
from twilio_compat.rollout.moving.copying import Mover
from twilio_compat.rollout.moving.copying import Tools as CopyingTools
from twilio_compat.rollout.opening import with_rollout
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.settings import Settings

FASTER = 20.0
"""How many times as fast time runs for those who wait."""
WITHIN = 40.0
"""Real seconds in which all must have come to rest."""

T = TypeVar("T")


class Time:
    """Runs faster for who waits, and can be put forward."""

    def __init__(self) -> None:
        self.forward = timedelta(0)

    def clock(self) -> float:
        return time.monotonic() * FASTER

    def now(self) -> datetime:
        return datetime.now(UTC) + self.forward

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / FASTER)


@dataclass
class Kept:
    """A message that was acknowledged. *bodies* are those it may have."""

    index: int
    bodies: set[str | None]
    may_be_gone: bool = False


@dataclass
class Ledger:
    """What was acknowledged, and what nobody can say of."""

    messages: dict[str, Kept] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)
    """Bodies that were sent, or not: nobody said."""
    gone: set[str] = field(default_factory=set)
    newest: dict[str, int] = field(default_factory=dict)
    """The last index that each writer was told."""

    def sent(self, writer: str, message: MessageRecord, after: int = -1) -> None:
        """Note a message; its index is above all that were told before it was sent."""
        words = f"{message.index} of {writer}, after {after}: {self.newest}"
        assert message.index > max(after, self.newest.get(writer, -1)), f"indexes ascend: {words}"
        assert message.sid not in self.messages, "a sid is one message's"
        self.newest[writer] = message.index
        self.messages[message.sid] = Kept(message.index, {message.body})

    @property
    def highest(self) -> int:
        return max(self.newest.values(), default=-1)

    def check(self, found: list[tuple[int, str, str | None]], where: str) -> None:
        """Assert that a side has everything, once."""
        sids = Counter(sid for _, sid, _ in found)
        assert {1} >= {*sids.values()}, f"a sid is there twice {where}: {sids}"
        indexes = [index for index, _, _ in found]
        assert sorted(set(indexes)) == indexes, f"indexes ascend {where}: {indexes}"
        bodies = Counter(body for _, _, body in found)
        assert {1} >= {*bodies.values()}, f"a body is there twice {where}: {found}"
        there = {sid: (index, body) for index, sid, body in found}
        for sid, kept in self.messages.items():
            if sid not in there:
                assert kept.may_be_gone, f"{sid} {kept} is not there {where}: {found}"
                continue
            index, body = there[sid]
            assert kept.index == index, f"{sid} {kept} has another index {where}: {found}"
            assert body in kept.bodies, f"{sid} {kept} says something else {where}: {found}"
        assert not self.gone & there.keys(), f"what was deleted is not there {where}"
        unknown = {sid: body for sid, (_, body) in there.items() if sid not in self.messages}
        assert self.unclear.issuperset(body for body in unknown.values() if body), f"{where}: {unknown}"


class Listener:
    """What a user of the facade is told of messages, in a process of their own."""

    def __init__(self, backend: RolloutBackend, identity: str) -> None:
        """Listen from now on."""
        self.told: dict[str, int] = {}
        self.before: set[str] = set()
        """What was there before."""
        self.is_up = asyncio.Event()
        self._task = asyncio.create_task(self._listen(backend, on_behalf_of(identity)))

    async def _listen(self, backend: RolloutBackend, actor: Actor) -> None:
        async with backend.subscribe(actor) as events:
            async for event in events:
                if isinstance(event, Synchronized):
                    self.is_up.set()
                if isinstance(event, MessageAdded):
                    self._added(event.message.sid, event.message.index)

    def _added(self, sid: str, index: int) -> None:
        assert sid not in self.told, f"{sid} is told once: {self.told}"
        last = max(self.told.values(), default=-1)
        assert index > last, f"{sid} with {index} is told in order: {self.told}"
        self.told[sid] = index

    async def has_heard(self, ledger: Ledger) -> bool:
        """Say whether everything was told. Raises what was wrong with what was told."""
        if self._task.done():
            self._task.result()
        wanted = {sid: each.index for sid, each in ledger.messages.items() if not each.may_be_gone}
        return all(self.told.get(sid) == index for sid, index in wanted.items() if sid not in self.before)

    async def close(self) -> None:
        """Listen no more. Raises what was wrong with what was told."""
        if not self._task.done():
            self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()


class World:
    """Both sides, two processes of ours, and one conversation."""

    def __init__(self, twilio: TwilioStandIn, acs: Middleman, settings: Settings) -> None:
        self.twilio = twilio
        self.acs = acs
        self.settings = settings
        self.time = Time()
        self.ledger = Ledger()
        self.processes: list[RolloutBackend] = []
        self.members: dict[str, bool | None] = {}
        """Who is a member; None: nobody can say."""
        self.attributes: list[object] = [{}]
        self.sid = ""
        self.listener: Listener | None = None
        self._numbers = itertools.count()

    async def begin(self, rollout: str) -> None:
        """Open two processes, and make the conversation."""
        self.settings = replace_settings(self.settings, rollout=rollout)
        self.processes = [self.open(), self.open()]
        made = await self.processes[0].conversations.create(ACCOUNT, ConversationDraft(unique_name="room"))
        self.sid = made.sid
        for each in ("bob", "ann"):
            await self.add(0, each)
        self.processes.append(self.open())
        self.listener = Listener(self.processes[2], "bob")
        async with asyncio.timeout(WITHIN):
            await self.listener.is_up.wait()

    def open(self) -> RolloutBackend:
        """Open another process."""
        now, sleep = self.time.now, self.time.sleep
        twilio = TwilioBackend(self.settings, sleep=sleep)
        acs = AcsBackend(self.settings)  # whose processes count on it that a second is one
        acs.errands._clock = now
        tools = Tools(clock=self.time.clock, now=now, sleep=sleep)
        opened = with_rollout(twilio, acs, self.settings, tools)
        opened.look_after()
        return opened

    async def close(self) -> None:
        """Close the processes."""
        self.clear()
        try:
            if self.listener is not None:
                await self.listener.close()
        finally:
            await asyncio.gather(*(each.close() for each in self.processes))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.twilio.faults.clear()
        self.acs.fault = lambda _: None

    # Writing

    async def send(self, process: int, author: str = "bob", writer: str = "") -> None:
        """Send a message, and note what was said of it."""
        body = f"message {next(self._numbers)}"
        self.ledger.unclear.add(body)
        before = self.ledger.highest
        draft = MessageDraft(mutation_id=body, body=body, author=author, is_first=True)
        sent = await self._unless_unclear(self.processes[process].messages.create(ACCOUNT, self.sid, draft))
        if sent is not None:
            self.ledger.unclear.discard(body)
            self.ledger.sent(writer or f"{author} by {process}", sent, before)

    async def burst(self, each: int) -> None:
        """Send through both processes at the same time."""

        async def several(process: int) -> None:
            for _ in range(each):
                await self.send(process, author="ann")

        await asyncio.gather(*(several(process) for process in range(2)))

    async def _send_at_once(self, process: int) -> None:
        """Send while others of the same process do, so that nobody says which is first."""
        await self.send(process, author="ann", writer=f"writer {next(self._numbers)}")

    async def edit(self, process: int, which: int) -> None:
        """Change a message."""
        if not (sid := self._one(which)):
            return
        kept, body = self.ledger.messages[sid], f"edited {next(self._numbers)}"
        kept.bodies.add(body)
        writing = self.processes[process].messages.update(ACCOUNT, self.sid, sid, MessageChanges(body=body))
        if await self._unless_unclear(writing, sid) is not None:
            kept.bodies = {body}

    async def delete(self, process: int, which: int) -> None:
        """Delete a message."""
        if not (sid := self._one(which)):
            return
        kept = self.ledger.messages[sid]

        async def deleting() -> bool:
            await self.processes[process].messages.delete(ACCOUNT, self.sid, sid)
            return True

        was_unclear, kept.may_be_gone = kept.may_be_gone, True
        try:
            done = await self._unless_unclear(deleting())
        except NotFoundError:
            assert was_unclear
            done = True
        if done:
            self.ledger.gone.add(sid)
            del self.ledger.messages[sid]

    async def add(self, process: int, identity: str) -> None:
        """Add a member."""
        was, self.members[identity] = self.members.get(identity, False), None
        draft = ParticipantDraft(identity=identity)
        try:
            adding = self.processes[process].participants.create(ACCOUNT, self.sid, draft)
            is_done = await self._unless_unclear(adding) is not None
        except ConflictError:
            assert was is not False
            is_done = True
        if is_done:
            self.members[identity] = True

    async def remove(self, process: int, identity: str) -> None:
        """Remove a member."""
        was, self.members[identity] = self.members.get(identity, False), None

        async def removing() -> bool:
            await self.processes[process].participants.delete(ACCOUNT, self.sid, identity)
            return True

        try:
            done = await self._unless_unclear(removing())
        except NotFoundError:
            assert was is not True
            done = True
        if done:
            self.members[identity] = False

    async def read(self, process: int, which: int) -> None:
        """Move the read horizon of one who stays."""
        if not (sid := self._one(which)):
            return
        changes = ParticipantChanges(last_read_message_index=self.ledger.messages[sid].index)
        await self._unless_unclear(
            self.processes[process].participants.update(ACCOUNT, self.sid, "bob", changes)
        )

    async def describe(self, process: int) -> None:
        """Change the attributes of the conversation."""
        attributes: JSONValue = {"number": next(self._numbers)}
        self.attributes.append(attributes)
        changes = ConversationChanges(attributes=attributes)
        writing = self.processes[process].conversations.update(ACCOUNT, self.sid, changes)
        if await self._unless_unclear(writing) is not None:
            self.attributes = [attributes]

    async def _unless_unclear(self, writing: Awaitable[T], sid: str | None = None) -> T | None:
        try:
            return await writing
        except BackendError:
            return None
        except NotFoundError:
            if sid is None or not self.ledger.messages[sid].may_be_gone:
                raise
            self.ledger.messages[sid].may_be_gone = True
            return None

    def _one(self, which: int) -> str | None:
        sids = sorted(self.ledger.messages, key=lambda each: self.ledger.messages[each].index)
        return sids[which % len(sids)] if sids else None

    # Past the library

    async def send_at_twilio(self) -> None:
        """Send a message as those do who talk to Twilio themselves, as long as that has the authority."""
        pin = await self.pin()
        if pin.decision.authority is not Side.TWILIO or pin.towards is not None:
            return
        if pin.wanted not in (Stage.OFF, Stage.DUALWRITE, Stage.SHADOW):
            return  # it may be handed over at this moment
        body = f"native {next(self._numbers)}"
        place = await self.processes[0].office.place(pin, Side.TWILIO, at_once=True)
        draft = MessageDraft(mutation_id=body, body=body, author="bob", is_first=True)
        made = await self.twilio.backend.messages.create(ACCOUNT, place.sid, draft)
        self.ledger.sent("native", place.public.message(made), self.ledger.highest)

    # Moving

    async def pin(self) -> Pin:
        """Return the pin."""
        office = self.processes[0].office
        return await office.pins.of(await office.target(self.sid))

    async def set(self, stage: Stage) -> None:
        """Have it go to a stage, some time."""
        await self.processes[0].office.pins.set(self.sid, stage)

    async def step(self, by: int) -> None:
        """Have it go a step up or down."""
        order = list(Stage)
        place = order.index((await self.pin()).stage) + by
        await self.set(order[min(max(place, 0), len(order) - 1)])

    async def copy(self) -> None:
        """Begin the mirror again that it has not, and fill it."""
        pin = await self.pin()
        if pin.copied or await self.killed():
            return
        goal = Stage.DUALWRITE if pin.decision.authority is Side.TWILIO else Stage.RAMPDOWN
        await self.moved(goal)

    async def moved(self, stage: Stage) -> None:
        """Move it as the command does."""
        backend = self.processes[0]
        tools = CopyingTools(clock=self.time.clock, sleep=self.time.sleep)
        mover = Mover(backend.office, backend.parts.mirror, deadline=self.settings.deadline, tools=tools)
        await mover.move(self.sid, stage)

    async def killed(self) -> bool:
        """Say whether the rollout is killed."""
        return await self.processes[0].shared.switch.state() is not None

    async def kill(self, *, on: bool) -> None:
        """Throw the kill switch, or put it back."""
        switch = self.processes[0].shared.switch
        await (switch.kill("a test") if on else switch.resume())

    # Dying

    async def die(self, process: int, after: float, sends: int) -> None:
        """Let a process die while it sends, and open another."""
        writing = [asyncio.ensure_future(self._send_at_once(process)) for _ in range(sends)]
        await asyncio.sleep(after)
        for each in writing:
            each.cancel()
        results = await asyncio.gather(*writing, return_exceptions=True)
        dead, self.processes[process] = self.processes[process], self.open()
        await abandon(dead)
        for result in results:
            if isinstance(result, Exception):
                raise result

    # What must be so

    async def pass_time(self, seconds: float = 31.0) -> None:
        """Put time forward: what was put off comes due, and who died holds nothing any more."""
        self.time.forward += timedelta(seconds=seconds)

    async def come_to_rest(self) -> None:
        """Let everything be told that is to be told, and the conversation be where it is to be."""
        self.clear()
        async with asyncio.timeout(WITHIN):
            while not await self._is_at_rest():
                if not any(each.parts.worker._under_way for each in self.processes):
                    await self.pass_time()
                for each in self.processes:
                    each.parts.worker.wake()
                await asyncio.sleep(0.05)

    async def _is_at_rest(self) -> bool:
        office = self.processes[0].office
        pin = await self.pin()
        if pin.towards is not None:
            return False
        for side in Side:
            await office.outbox.revive(side)
            if not await office.outbox.drained(self.sid, side):
                return False
        if (mirror := pin.decision.mirror) is None or not pin.copied:
            return True
        behind = await Tails(office).behind(pin, mirror)
        await office.outbox.add(mirror, *behind)
        return not behind

    async def check(self) -> None:
        """Assert that both sides have everything, once, under the names that were told."""
        await self.come_to_rest()
        backend, pin = self.processes[0], await self.pin()
        authority = pin.decision.authority
        here = await on_side(backend, self.sid, authority)
        self.ledger.check(here, f"at {authority} in {pin.stage}")
        told = [(each.index, each.sid, each.body) for each in await listed(backend, self.sid)]
        assert here == told, "what a caller is told is what is there"
        await self._check_rest()
        if pin.decision.mirror is not None and pin.copied:
            there = await on_side(backend, self.sid, authority.other)
            assert here == there, f"both sides are the same in {pin.stage}"
            report = await reconcile(backend.office, pin)
            assert report.is_equal, report
        await self._check_told()

    async def _check_told(self) -> None:
        assert self.listener is not None
        listener = self.listener
        try:
            await eventually(lambda: listener.has_heard(self.ledger), within=WITHIN)
        except TimeoutError:
            words = f"{self.ledger.messages} in {await self.pin()}, and told was {listener.told}"
            raise AssertionError(f"everything is told: {words}") from None

    async def _check_rest(self) -> None:
        backend = self.processes[1]
        found = {each.identity for each in await backend.participants.list(ACCOUNT, self.sid)}
        assert {who for who, is_there in self.members.items() if is_there} <= found
        assert not {who for who, is_there in self.members.items() if is_there is False} & found
        for who in self.members:
            self.members[who] = who in found
        conversation = await backend.conversations.get(ACCOUNT, self.sid)
        assert conversation.attributes in self.attributes
        self.attributes = [conversation.attributes]

    async def go_back(self) -> None:
        """Go back to off from wherever it is, and assert that Twilio has everything."""
        self.clear()
        await self.kill(on=False)
        await self.come_to_rest()
        if (await self.pin()).stage is Stage.COMPLETE:
            await self.moved(Stage.RAMPDOWN)
        await self.set(Stage.OFF)
        async with asyncio.timeout(WITHIN):
            while (await self.pin()).stage is not Stage.OFF:
                await self.come_to_rest()
        await self.check()


async def abandon(backend: RolloutBackend) -> None:
    """Have a process end without doing anything more."""
    office, worker = backend.office, backend.parts.worker
    worker._is_closing = True
    tasks = [*worker._under_way, *office.outbox._under_way]
    tasks += [each for each in (worker._work, worker._looking_after) if each is not None]
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    office.outbox._under_way.clear()
    worker._work = worker._looking_after = None
    await backend.close()


def replace_settings(settings: Settings, **more: object) -> Settings:
    """Return settings with others in their place."""
    from dataclasses import fields

    given = {each.name: getattr(settings, each.name) for each in fields(Settings)}
    return Settings(**(given | more))


@asynccontextmanager
async def world(store: str) -> AsyncIterator[World]:
    """Serve both sides for as long as the context lasts; what our processes share is at the URL *store*."""
    async with twilio_stand_in() as twilio, AsyncExitStack() as resources:
        emulator = resources.enter_context(Emulator())
        assert emulator.http_endpoint is not None
        acs = await resources.enter_async_context(Middleman(emulator.http_endpoint))
        settings = twilio.settings(
            backend="acs",
            connection_string=acs.connection_string(emulator.connection_string),
            storage_connection_string=emulator.storage_connection_string,
            database_url=store,
            poll_interval=0.05,
            twilio_poll_interval=1.0,
            deadline=5.0,
        )
        made = World(twilio, acs, settings)
        try:
            yield made
        finally:
            await made.close()
