"""A rollout from end to end under load: from 0 to 100 percent, and back, while messages are sent all along.

Conversations are made at Twilio, with members and messages. Then the percentage of the flag is raised; those that it takes
are copied and moved, many at once, and some new ones are made, which begin in the stage that the flag gives them. Senders
go on meanwhile, each with its next message as soon as the last was acknowledged and after a pause. At last everything goes
back to off. What was acknowledged is then looked for at Twilio: each message under the sid and index that were told.

Twilio and the emulator are processes of their own; all that is ours is one process with one event loop.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import TypeVar

from acs_backend import AcsBackend
from benchmarks.deployment import running_emulator
from benchmarks.twilio_server import running_twilio, settings_of
from twilio_backend.backend import TwilioBackend
from twilio_compat.account import account_actor
from twilio_compat.errors import BackendError, TwilioCompatError
from twilio_compat.records import (
    ConversationDraft,
    Direction,
    MessageDraft,
    MessageRecord,
    ParticipantDraft,
)
from twilio_compat.rollout.assembly import Tools, shared
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.moving.copying import Mover
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.staging.rules import parse_rules
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target
from twilio_compat.settings import Settings

ACCOUNT = account_actor()
ATTEMPTS = 5

T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """How much is done."""

    percentages: tuple[int, ...] = (1, 5, 25, 50, 100)
    conversations: int = 1000
    new: int = 4
    """Conversations that are made anew at each percentage."""
    messages: int = 2
    """Messages in each that are there before."""
    senders: int = 4
    pause: float = 0.2
    """Seconds between an acknowledgement and the sender's next message."""
    at_once: int = 48
    """Conversations that are copied at a time."""
    deadline: float = 10.0
    """Seconds that a request may take; a copy waits as long for writes that began before it."""
    late: float = 0.05
    """Seconds that Twilio takes to answer where it is as far away as it would be."""
    pairs: int = 50
    """Messages in each of `rounds` rounds of either, when `dualwrite` is compared with `off`."""
    rounds: int = 5


@dataclass(frozen=True)
class Step:
    """What came of one percentage. Times are in seconds."""

    percent: int
    moved: int
    seconds: float
    drained: float
    deepest: int

    @property
    def rate(self) -> float:
        """Conversations per second."""
        return self.moved / self.seconds if self.seconds else 0.0


@dataclass
class Figures:
    """What a run came to."""

    conversations: int = 0
    steps: list[Step] = field(default_factory=list)
    back: Step | None = None
    sent: int = 0
    failed: int = 0
    again: int = 0
    """Moves that were begun once more, since something did not answer."""
    lost: int = 0
    doubled: int = 0
    misnamed: int = 0
    """Messages with another index than was told."""
    latency: dict[str, tuple[int, float, float]] = field(default_factory=dict)
    """How many were sent, p50 and p95 by stage, in seconds."""
    overhead: dict[str, float] = field(default_factory=dict)
    """How many times as long a caller waits in dualwrite as in off, by where Twilio is."""


class Dial:
    """A flag that is turned."""

    def __init__(self) -> None:
        """Begin at 0 percent."""
        self.percent = 0
        self._rules = parse_rules("off")

    def turn(self, percent: int) -> None:
        """Have so many be live."""
        self.percent = percent
        self._rules = parse_rules(f"live:{percent}%" if percent else "off")

    async def stage(self, target: Target) -> Stage | None:
        """Return the stage of a conversation."""
        return await self._rules.stage(target)

    async def close(self) -> None:
        """Hold nothing."""


@asynccontextmanager
async def opened(settings: Settings, dial: Dial) -> AsyncIterator[RolloutBackend]:
    """Open a backend over both sides, whose flag is *dial*."""
    sides = Sides(twilio=TwilioBackend(settings), acs=AcsBackend(settings))
    backend = RolloutBackend(sides, shared(sides, settings, dial, Tools()))
    backend.look_after()
    try:
        yield backend
    finally:
        await backend.close()


class Run:
    """One run."""

    def __init__(self, backend: RolloutBackend, dial: Dial, load: Load) -> None:
        """Send through *backend*."""
        self._backend = backend
        self._dial = dial
        self._load = load
        self._numbers = itertools.count()
        self._chance = random.Random(7)
        self._sids: list[str] = []
        self._told: dict[str, list[MessageRecord]] = defaultdict(list)
        self._latency: dict[str, list[float]] = defaultdict(list)
        self._deepest = 0
        self.figures = Figures()

    async def go(self) -> Figures:
        """Migrate everything, and back."""
        await _gathered((self._old() for _ in range(self._load.conversations)), 16)
        async with self._loaded():
            for percent in self._load.percentages:
                self.figures.steps.append(await self._raise(percent))
            self.figures.back = await self._back()
        while await self._depth():
            await self._drained()
        await self._look()
        self.figures.conversations = len(self._sids)
        for stage, all_of_it in self._latency.items():
            p95 = quantiles(all_of_it, n=20)[-1] if len(all_of_it) > 1 else all_of_it[0]
            self.figures.latency[stage] = len(all_of_it), median(all_of_it), p95
        return self.figures

    # Conversations

    async def _old(self) -> None:
        sid = await self._room()
        for _ in range(self._load.messages):
            await self._send(sid)
        self._sids.append(sid)

    async def _room(self) -> str:
        made = await self._backend.conversations.create(ACCOUNT, ConversationDraft())
        for each in ("ann", "bob"):
            await self._backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity=each))
        return made.sid

    async def _raise(self, percent: int) -> Step:
        self._dial.turn(percent)
        self._deepest = 0
        taken = [sid for sid in self._sids if await self._is_taken(sid)]
        began = time.perf_counter()
        await _gathered((self._move(each) for each in taken), self._load.at_once)
        seconds = time.perf_counter() - began
        for _ in range(self._load.new):
            self._sids.append(await self._room())
        return Step(percent, len(taken), seconds, await self._drained(), self._deepest)

    async def _is_taken(self, sid: str) -> bool:
        """Say whether the flag takes a conversation that is not live yet."""
        target = Target(conversation_sid=sid, service=self._backend.service_sid)
        pin = await self._backend.office.pins.of(target)
        return pin.stage is Stage.OFF and await self._dial.stage(pin.about) is Stage.LIVE

    async def _move(self, sid: str) -> None:
        """Move one, and again where something did not answer, as whoever runs the command would."""
        mover = Mover(self._backend.office, self._backend.parts.mirror, deadline=self._load.deadline)
        for left in reversed(range(ATTEMPTS)):
            try:
                await mover.move(sid, Stage.LIVE, release=True)
                return
            except BackendError:
                if not left:
                    raise
                self.figures.again += 1

    async def _back(self) -> Step:
        self._dial.turn(0)
        self._deepest = 0
        began = time.perf_counter()
        live = sum([each.stage is not Stage.OFF for each in await self._backend.office.pins.list()])
        while any(  # noqa: ASYNC110  # there is nothing to be told by
            each.stage is not Stage.OFF for each in await self._backend.office.pins.list()
        ):
            await asyncio.sleep(0.5)
        seconds = time.perf_counter() - began
        return Step(0, live, seconds, await self._drained(), self._deepest)

    async def _drained(self) -> float:
        """Wait until all is mirrored that waits at this moment; return how long that took."""
        began, now = time.perf_counter(), datetime.now(UTC)
        while True:
            backlogs = [await self._backend.office.outbox.backlog(side) for side in Side]
            if all(each.oldest is None or each.oldest > now for each in backlogs):
                return time.perf_counter() - began
            await asyncio.sleep(0.1)

    async def _depth(self) -> int:
        backlogs = [await self._backend.office.outbox.backlog(side) for side in Side]
        return sum(each.waiting for each in backlogs)

    # Messages

    @asynccontextmanager
    async def _loaded(self) -> AsyncIterator[None]:
        """Have messages sent all the while."""
        tasks = [asyncio.create_task(self._send_on()) for _ in range(self._load.senders)]
        tasks.append(asyncio.create_task(self._sound()))
        try:
            yield
        finally:
            for each in tasks:
                each.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _send_on(self) -> None:
        while True:
            sid = self._chance.choice(self._sids)
            await asyncio.shield(asyncio.ensure_future(self._send(sid, is_measured=True)))
            await asyncio.sleep(self._load.pause)

    async def _send(self, sid: str, *, is_measured: bool = False) -> None:
        target = Target(conversation_sid=sid, service=self._backend.service_sid)
        stage = (await self._backend.office.pins.of(target)).stage
        began = time.perf_counter()
        try:
            sent = await self._backend.messages.create(ACCOUNT, sid, self._draft())
        except TwilioCompatError:
            self.figures.failed += 1
            return
        if is_measured:
            self._latency[stage.value].append(time.perf_counter() - began)
        self.figures.sent += 1
        self._told[sid].append(sent)

    def _draft(self) -> MessageDraft:
        body = f"Message {next(self._numbers)}"
        return MessageDraft(mutation_id=body, body=body, author="bob", is_first=True)

    async def _sound(self) -> None:
        while True:
            self._deepest = max(self._deepest, await self._depth())
            await asyncio.sleep(0.2)

    # Looking

    async def _look(self) -> None:
        """Look for what was told at Twilio."""
        await _gathered((self._look_at(sid) for sid in self._sids), 8)

    async def _look_at(self, sid: str) -> None:
        target = Target(conversation_sid=sid, service=self._backend.service_sid)
        pin = await self._backend.office.pins.of(target)
        place = await self._backend.office.place(pin, Side.TWILIO, at_once=True)
        found: list[MessageRecord] = []
        anchor: int | None = None
        while True:
            page = await place.backend.messages.page(
                ACCOUNT, place.sid, size=100, anchor=anchor, direction=Direction.FORWARD
            )
            found += map(place.public.message, page.items)
            if not page.has_newer or not page.items:
                break
            anchor = page.items[-1].index + 1
        self._compare(self._told[sid], found)

    def _compare(self, told: Sequence[MessageRecord], found: Sequence[MessageRecord]) -> None:
        indexes = {each.sid: each.index for each in found}
        bodies = Counter(each.body for each in found)
        self.figures.doubled += sum(each - 1 for each in bodies.values())
        for each in told:
            if each.sid not in indexes:
                self.figures.lost += 1
            elif indexes[each.sid] != each.index:
                self.figures.misnamed += 1


async def overhead(settings: Settings, load: Load) -> float:
    """Return how many times as long a caller waits in dualwrite as in off: the median of fair pairs.

    Both send the same number of messages in turn, through one backend to one Twilio, one by one and not faster than they
    are mirrored: what is measured is what the caller waits for, not how much one process can do at a time.
    """
    dial, ratios = Dial(), list[float]()
    async with opened(settings, dial) as backend:
        run = Run(backend, dial, load)
        off, on = await run._room(), await run._room()
        mover = Mover(backend.office, backend.parts.mirror, deadline=load.deadline)
        await mover.move(on, Stage.DUALWRITE)
        for number in range(load.rounds + 1):
            taken = {}
            for sid in (off, on) if number % 2 else (on, off):
                taken[sid] = await _middle(run, sid, load.pairs)
            if number:  # the first warms up
                ratios.append(taken[on] / taken[off])
    return median(ratios)


async def _middle(run: Run, sid: str, messages: int) -> float:
    taken: list[float] = []
    for _ in range(messages):
        began = time.perf_counter()
        await run._send(sid)
        taken.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)
        while await run._depth():  # noqa: ASYNC110  # there is nothing to be told by
            await asyncio.sleep(0.02)
    return median(taken)


async def _gathered(works: Iterable[Awaitable[T]], at_once: int) -> list[T]:
    """Do many things, so many at a time."""
    free = asyncio.Semaphore(at_once)

    async def one(work: Awaitable[T]) -> T:
        async with free:
            return await work

    return await asyncio.gather(*map(one, works))


async def run(settings: Settings, load: Load) -> Figures:
    """Migrate everything between the systems of *settings*, and back."""
    dial = Dial()
    async with opened(settings, dial) as backend:
        return await Run(backend, dial, load).go()


def measured(load: Load) -> Figures:
    """Run it on systems of its own; then compare what a caller waits for, on other ones."""
    with running_twilio() as twilio, running_emulator() as deployment:
        figures = asyncio.run(run(settings_of(twilio, deployment.settings), load))
    with running_twilio(load.late) as twilio, running_emulator() as deployment:
        for name, is_late in (("on this machine", False), (f"{load.late * 1e3:.0f} ms away", True)):
            settings = settings_of(twilio, deployment.settings, is_late=is_late)
            figures.overhead[name] = asyncio.run(overhead(settings, load))
    return figures


def table(figures: Figures) -> list[str]:
    """Return what is printed."""
    lines = [
        f"{'percent':>7}{'moved':>8}{'seconds':>9}{'moved/s':>9}{'deepest outbox':>16}{'drained in':>12}",
    ]
    for each in [*figures.steps, *([figures.back] if figures.back else [])]:
        drained = f"{each.drained:.2f} s"
        lines.append(
            f"{each.percent:>6}%{each.moved:>8}{each.seconds:>9.1f}{each.rate:>9.1f}{each.deepest:>16}{drained:>12}"
        )
    lines += ["", f"{'stage':>10}{'sent':>8}{'p50':>10}{'p95':>10}"]
    for stage in Stage:
        if (found := figures.latency.get(stage.value)) is not None:
            count, p50, p95 = found
            lines.append(f"{stage.value:>10}{count:>8}{p50 * 1e3:>7.1f} ms{p95 * 1e3:>7.1f} ms")
    lines += [
        "",
        f"{figures.conversations} conversations; {figures.sent} messages acknowledged, {figures.failed} refused, "
        f"{figures.lost} lost, {figures.doubled} doubled, {figures.misnamed} under another index; {figures.again} moves begun again.",
    ]
    lines += [
        f"In dualwrite a caller waits {ratio:.2f} times as long as in off, with Twilio {where}."
        for where, ratio in figures.overhead.items()
    ]
    return lines
