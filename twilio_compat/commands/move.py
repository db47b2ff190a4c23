"""The command ``twilio-compat move``: bringing conversations that are there already to a stage, or back."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import click

from twilio_compat.commands.showing import (
    checked,
    counted,
    dry_run_option,
    duration,
    run,
    service_option,
    table,
)
from twilio_compat.errors import ConflictError, TranslationGapError, TwilioCompatError
from twilio_compat.records import JSONObject
from twilio_compat.rollout.comparing.reconcile import Report
from twilio_compat.rollout.moving.copying import Mover
from twilio_compat.rollout.moving.plans import Phase, Plan, Progress
from twilio_compat.rollout.staging.stages import Stage

if TYPE_CHECKING:
    from twilio_compat.rollout.backend import RolloutBackend

S = TypeVar("S")
T = TypeVar("T")

JOBS: Final = 8
"""Conversations that are moved at a time unless another number is given."""
DEADLINE: Final = 60.0
"""The setting ``deadline`` of an application that sets none."""


@click.command()
@click.argument("conversations", nargs=-1, required=True, metavar="CONVERSATION...")
@click.option(
    "--to",
    "stage",
    type=click.Choice([each.value for each in Stage]),
    default=Stage.DUALWRITE.value,
    show_default=True,
    help="The stage to come to; rampdown is the way back from complete.",
)
@click.option("--release", is_flag=True, help="Let the flag count afterwards; the stage is kept otherwise.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=JOBS,
    show_default=True,
    help="Conversations that are moved at a time.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0.0, min_open=True),
    default=DEADLINE,
    show_default=True,
    help="Seconds that a call of your applications may take: their setting of this name.",
)
@dry_run_option
@service_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line for each piece of news.")
def move(
    conversations: Sequence[str],
    stage: str,
    release: bool,
    yes: bool,
    jobs: int,
    deadline: float,
    dry_run: bool,
    service: str | None,
    as_json: bool,
) -> None:
    """Copy what is in each CONVERSATION to the side that is to be told of it, and bring it to a stage.

    Both sides are read first, to say what there is to do and how long it takes. People can go on meanwhile. A move that
    broke off is gone on with by the same command.
    """
    if not (yes or dry_run) and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("Nobody can be asked here: say --yes, or --dry-run")
    order = _Order(
        sids=tuple(dict.fromkeys(map(checked, conversations))),
        stage=Stage(stage),
        release=release,
        jobs=jobs,
        deadline=deadline,
        asks=not yes,
    )
    shown = _Lines() if as_json else _Words()
    if run(service, lambda backend: _Move(backend, order, shown).run(dry_run=dry_run)):
        sys.exit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be done."""

    sids: tuple[str, ...]
    stage: Stage
    release: bool
    jobs: int
    deadline: float
    asks: bool


class _Move:
    """One run of the command."""

    def __init__(self, backend: RolloutBackend, order: _Order, shown: _Words) -> None:
        self._backend = backend
        self._order = order
        self._shown = shown
        self._mover = Mover(backend.office, backend.parts.mirror, deadline=order.deadline)
        self._turns = asyncio.Semaphore(order.jobs)
        self._failed = 0

    async def run(self, *, dry_run: bool) -> int:
        """Plan, ask, and move; return how many could not be moved."""
        if (killed := await self._backend.shared.switch.state()) is not None:
            raise ConflictError(f"The rollout is killed ({killed.reason}): twilio-compat rollout resume")
        plans = await self._each(self._order.sids, str, self._plan)
        self._shown.plans(plans)
        if dry_run:
            self._shown.nothing()
        elif plans and (not self._order.asks or click.confirm("Go on?", abort=True)):
            self._backend.look_after()
            with self._shown.under_way(plans):
                await self._each(plans, lambda plan: plan.conversation_sid, self._go)
        return self._failed

    async def _plan(self, sid: str) -> Plan:
        plan = await self._mover.plan(sid, self._order.stage)
        if plan.hindrances:
            raise TranslationGapError("; ".join(plan.hindrances))
        return plan

    async def _go(self, plan: Plan) -> None:
        report = await self._mover.move(
            plan.conversation_sid,
            plan.stage,
            told=self._shown.progress,
            release=self._order.release,
            plan=plan,
        )
        self._shown.moved(plan, report)

    async def _each(
        self, items: Sequence[S], sid_of: Callable[[S], str], call: Callable[[S], Awaitable[T]]
    ) -> list[T]:
        """Call with each, some at a time, and return what came of those that did not fail."""

        async def one(item: S) -> list[T]:
            async with self._turns:
                try:
                    return [await call(item)]
                except TwilioCompatError as error:
                    self._failed += 1
                    self._shown.failed(sid_of(item), error)
                    return []

        return [each for done in await asyncio.gather(*map(one, items)) for each in done]


# Showing


class _Words:
    """What is printed for people. Progress is a bar on a terminal, and nothing otherwise."""

    def __init__(self) -> None:
        self._advance: Callable[[Progress], None] = lambda _: None
        self._outcomes: list[str] = []
        """What is said when the bar is gone."""

    def plans(self, plans: Sequence[Plan]) -> None:
        """Say what is to be done."""
        if not plans:
            return
        heads = (
            "CONVERSATION",
            "STAGE",
            "COPIED TO",
            "MEMBERS",
            "MESSAGES",
            "FILES",
            "BYTES",
            "TO WRITE",
            "TAKES",
        )
        table(heads, [*map(_row, plans)])
        click.echo(_summary(plans))

    def nothing(self) -> None:
        """Say that nothing was done."""
        click.echo("Nothing was done")

    @contextmanager
    def under_way(self, plans: Sequence[Plan]) -> Iterator[None]:
        """Show how far all moves have come while the block runs."""
        if sys.stdout.isatty():
            with self._bar(sum(each.messages for each in plans)):
                yield
        else:
            yield
        for line in self._outcomes:
            click.echo(line)

    @contextmanager
    def _bar(self, total: int) -> Iterator[None]:
        with click.progressbar(length=total, show_pos=True, show_eta=False, item_show_func=_left) as bar:
            done: dict[str, int] = {}
            now: dict[str, Progress] = {}

            def advance(progress: Progress) -> None:
                sid, before = progress.conversation_sid, sum(done.values())
                done[sid] = max(done.get(sid, 0), progress.done)
                now[sid] = progress
                slowest = max(now.values(), key=lambda each: each.seconds_left)
                bar.update(min(total, sum(done.values())) - min(total, before), slowest)

            self._advance = advance
            yield

    def progress(self, progress: Progress) -> None:
        """Show how far a move has come."""
        self._advance(progress)

    def moved(self, plan: Plan, report: Report | None) -> None:
        """Say that a move is over."""
        self._outcomes.append(f"{plan.conversation_sid}: {plan.stage}{_outcome(report)}")

    def failed(self, sid: str, error: TwilioCompatError) -> None:
        """Say why a conversation cannot be moved."""
        click.echo(f"twilio-compat: {sid}: {error}", err=True)


class _Lines(_Words):
    """What is printed for programs: a JSON object a line."""

    def plans(self, plans: Sequence[Plan]) -> None:
        """Print them."""
        for each in plans:
            _print("plan", each.as_json())

    def nothing(self) -> None:
        """Print nothing."""

    @contextmanager
    def under_way(self, plans: Sequence[Plan]) -> Iterator[None]:
        """Show no bar."""
        yield

    def progress(self, progress: Progress) -> None:
        """Print it."""
        _print("progress", progress.as_json())

    def moved(self, plan: Plan, report: Report | None) -> None:
        """Print both."""
        fields: JSONObject = {"conversation": plan.conversation_sid, "stage": plan.stage.value}
        _print("moved", {**fields, "report": None if report is None else report.as_json()})

    def failed(self, sid: str, error: TwilioCompatError) -> None:
        """Print it, and say it on standard error as well."""
        _print("failed", {"conversation": sid, "error": str(error)})
        super().failed(sid, error)


def _print(name: str, fields: JSONObject) -> None:
    click.echo(json.dumps({name: fields}, ensure_ascii=False))


def _row(plan: Plan) -> Sequence[str]:
    copied = (plan.messages, plan.files, plan.bytes, plan.missing + plan.missing_participants)
    return (
        plan.conversation_sid,
        f"{plan.now} -> {plan.stage}",
        plan.side or "",
        *(f"{each:,}" if plan.side else "" for each in (plan.participants, *copied)),
        duration(plan.seconds),
    )


def _summary(plans: Sequence[Plan]) -> str:
    writes = sum(each.missing + each.missing_participants for each in plans)
    longest = max(each.seconds for each in plans)
    return f"{counted(len(plans), 'conversation')}, {counted(writes, 'write')}; the longest takes {duration(longest)}, about"


def _left(progress: Progress | None) -> str:
    if progress is None:
        return ""
    return "" if progress.phase is Phase.DONE else f"{progress.phase}, {duration(progress.seconds_left)} left"


def _outcome(report: Report | None) -> str:
    if report is None:
        return ""
    have = f"; {counted(report.messages[report.authority], 'message')} on {report.authority}"
    more = f", and {counted(report.extra, 'thing')} on the other side that it has not" if report.extra else ""
    return f"{have}{more}"
