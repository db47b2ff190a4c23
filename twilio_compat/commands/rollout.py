"""The commands ``twilio-compat rollout ...``: how far conversations have come, what waits, and what is not alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from twilio_compat.account import Backlog
from twilio_compat.commands.outbox import outbox
from twilio_compat.commands.showing import (
    as_json_option,
    backlog_fields,
    checked,
    counted,
    dry_run_option,
    limit_option,
    run,
    service_option,
    table,
    time,
)
from twilio_compat.errors import ConflictError
from twilio_compat.records import JSONObject
from twilio_compat.rollout.comparing.mismatches import Mismatch
from twilio_compat.rollout.moving.copying import filled
from twilio_compat.rollout.staging.kill_switch import Kill
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Killing, Side, Stage, killing, next_towards

if TYPE_CHECKING:
    from twilio_compat.rollout.backend import RolloutBackend


@click.group()
def rollout() -> None:
    """See how far conversations have come from Twilio to ACS, and have them go further, or back."""


rollout.add_command(outbox)


# Where everything is


@rollout.command()
@click.argument("conversations", nargs=-1, metavar="[CONVERSATION]...")
@service_option
@as_json_option
def status(conversations: Sequence[str], service: str | None, as_json: bool) -> None:
    """Say how many conversations are in each stage, and what waits; or where each CONVERSATION is.

    Nothing moves because somebody looks.
    """
    if conversations:
        _print_places(run(service, lambda backend: _places(backend, conversations)), as_json=as_json)
    else:
        _print_status(run(service, _status), as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """Where a rollout is."""

    kill: Kill | None
    pins: Sequence[Pin]
    backlogs: Mapping[Side, Backlog]
    mismatches: int


async def _status(backend: RolloutBackend) -> _Status:
    return _Status(
        kill=await backend.shared.switch.state(),
        pins=await backend.office.pins.list(),
        backlogs={each: await backend.office.outbox.backlog(each) for each in Side},
        mismatches=len(await backend.parts.mismatches.list()),
    )


def _print_status(found: _Status, *, as_json: bool) -> None:
    stages = Counter(each.stage for each in found.pins)
    handovers = [each for each in found.pins if each.towards is not None]
    copies = [each for each in found.pins if each.decision.mirror is not None and not each.copied]
    if as_json:
        fields: JSONObject = {
            "killed": None if found.kill is None else _kill_fields(found.kill),
            "stages": {each.value: stages[each] for each in Stage},
            "handovers": [each.conversation_sid for each in handovers],
            "copying": [each.conversation_sid for each in copies],
            "outbox": {side.value: backlog_fields(each) for side, each in found.backlogs.items()},
            "mismatches": found.mismatches,
        }
        click.echo(json.dumps(fields))
        return
    if found.kill is not None:
        click.echo(f"Killed since {time(found.kill.since)}: {found.kill.reason}")
    table(("STAGE", "CONVERSATIONS"), [(each.value, str(stages[each])) for each in Stage])
    click.echo("Conversations without a stage of their own are off")
    for side, backlog in found.backlogs.items():
        since = f", since {time(backlog.oldest)}" if backlog.oldest else ""
        click.echo(f"To be told to {side}: {backlog.waiting}{since}; {backlog.dead} given up")
    for text, pins in (("Being handed over", handovers), ("Being copied", copies)):
        if pins:
            click.echo(f"{text}: {', '.join(each.conversation_sid for each in pins)}")
    click.echo(f"Mismatches: {found.mismatches}")


async def _places(backend: RolloutBackend, sids: Sequence[str]) -> Sequence[tuple[Pin, Mapping[Side, bool]]]:
    pins = await _pins(backend, sids)
    outbox = backend.office.outbox
    return [(pin, {side: await outbox.drained(pin.conversation_sid, side) for side in Side}) for pin in pins]


async def _pins(backend: RolloutBackend, sids: Sequence[str]) -> Sequence[Pin]:
    """Return the pins of conversations as they are kept, which moves none."""
    sids = list(dict.fromkeys(map(checked, sids)))
    return [await backend.office.pins.kept(await backend.office.target(sid)) for sid in sids]


def _print_places(places: Sequence[tuple[Pin, Mapping[Side, bool]]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_place_fields(pin, drained) for pin, drained in places]))
        return
    rows = []
    for pin, drained in places:
        waiting = ", ".join(side for side in Side if not drained[side])
        towards = pin.towards or ("copying" if pin.decision.mirror and not pin.copied else "")
        wanted = f"{pin.wanted}{' (held)' if pin.held else ''}" if pin.since else ""
        rows.append((pin.conversation_sid, pin.stage, towards, wanted, time(pin.since) or "", waiting))
    table(("CONVERSATION", "STAGE", "TOWARDS", "WANTED", "SINCE", "TO BE TOLD"), rows)


def _place_fields(pin: Pin, drained: Mapping[Side, bool]) -> JSONObject:
    return {
        "conversation": pin.conversation_sid,
        "stage": pin.stage.value,
        "towards": pin.towards and pin.towards.value,
        "wanted": pin.wanted.value,
        "held": pin.held,
        "copied": pin.copied,
        "was_live": pin.was_live,
        "since": time(pin.since),
        "to_be_told": [side.value for side in Side if not drained[side]],
    }


# Having conversations go


@rollout.command("set")
@click.argument("words", nargs=-1, required=True, metavar="CONVERSATION... STAGE")
@click.option(
    "--release", is_flag=True, help="Let the flag count again for each CONVERSATION; no STAGE then."
)
@dry_run_option
@service_option
@as_json_option
def set_stage(words: Sequence[str], release: bool, dry_run: bool, service: str | None, as_json: bool) -> None:
    """Have each CONVERSATION go to STAGE, whatever the flag says, until it is released.

    A step from off, or back from complete, takes a copy: that is `twilio-compat move`.
    """
    stage = None if release else _stage(words[-1])
    sids = words if release else words[:-1]
    if not sids:
        raise click.UsageError("Name the conversations, and then the stage")
    changes = run(service, lambda backend: _set(backend, sids, stage, dry_run=dry_run))
    if as_json:
        click.echo(json.dumps([_change_fields(each, stage, dry_run=dry_run) for each in changes]))
        return
    for pin in changes:
        click.echo(_change_words(pin, stage))
    if dry_run:
        click.echo("Nothing was done")


async def _set(
    backend: RolloutBackend, sids: Sequence[str], stage: Stage | None, *, dry_run: bool
) -> Sequence[Pin]:
    """Change what is wanted, and return the pins from before."""
    pins, before = backend.office.pins, await _pins(backend, sids)
    for pin in before:
        if stage is not None and filled(pin, stage) is not None:
            raise ConflictError(
                f"{pin.conversation_sid} is {pin.stage}, and the way to {stage} begins with a copy: "
                f"twilio-compat move {pin.conversation_sid} --to {stage}"
            )
    for pin in () if dry_run else before:
        await (pins.release(pin.conversation_sid) if stage is None else pins.set(pin.conversation_sid, stage))
    return before


def _change_words(pin: Pin, stage: Stage | None) -> str:
    if stage is None:
        return f"{pin.conversation_sid}: {pin.stage}; the flag says where it goes"
    way = _way(pin.stage, stage)
    return f"{pin.conversation_sid}: {' -> '.join(way) if len(way) > 1 else f'stays {stage}'}"


def _change_fields(pin: Pin, stage: Stage | None, *, dry_run: bool) -> JSONObject:
    return {
        "conversation": pin.conversation_sid,
        "from": pin.stage.value,
        "to": stage and stage.value,
        "way": [] if stage is None else [each.value for each in _way(pin.stage, stage)],
        "done": not dry_run,
    }


def _way(now: Stage, stage: Stage) -> Sequence[Stage]:
    way = [now]
    while way[-1] is not stage:
        way.append(next_towards(way[-1], stage))
    return way


@rollout.command()
@click.argument("reason")
@dry_run_option
@service_option
@as_json_option
def kill(reason: str, dry_run: bool, service: str | None, as_json: bool) -> None:
    """Send everything back to Twilio, and say REASON; `rollout resume` lets flags count again.

    All services are killed. What was complete stays on ACS.
    """

    async def call(backend: RolloutBackend) -> Counter[Killing]:
        pins = await backend.office.pins.list()
        if not dry_run:
            await backend.shared.switch.kill(reason)
        return Counter(killing(each.stage) for each in pins)

    found = run(service, call)
    if as_json:
        meanings = {each.name.lower(): found[each] for each in Killing}
        click.echo(json.dumps({"reason": reason, "conversations": meanings, "done": not dry_run}))
        return
    for meaning, words in _KILLED.items():
        click.echo(f"{counted(found[meaning], 'conversation')} {words}")
    click.echo("Nothing was done" if dry_run else f"Killed: {reason}")


_KILLED: Final[Mapping[Killing, str]] = {
    Killing.AT_ONCE: "off from the next call on",
    Killing.AFTER_DRAIN: "off once Twilio was told of everything",
    Killing.IMPOSSIBLE: "complete, which stays so",
}


@rollout.command()
@dry_run_option
@service_option
@as_json_option
def resume(dry_run: bool, service: str | None, as_json: bool) -> None:
    """Let flags count again after a kill."""

    async def call(backend: RolloutBackend) -> bool:
        switch = backend.shared.switch
        return await switch.state() is not None if dry_run else await switch.resume()

    was_killed = run(service, call)
    if as_json:
        click.echo(json.dumps({"was_killed": was_killed, "done": not dry_run}))
    else:
        click.echo("Flags count again" if was_killed else "It was not killed")
        if dry_run:
            click.echo("Nothing was done")


# What is not alike


@rollout.command()
@click.option("--clear", is_flag=True, help="Forget all that are listed.")
@limit_option
@dry_run_option
@service_option
@as_json_option
def mismatches(clear: bool, limit: int, dry_run: bool, service: str | None, as_json: bool) -> None:
    """List what both sides did not say alike, the newest first."""

    async def call(backend: RolloutBackend) -> Sequence[Mismatch]:
        found = await backend.parts.mismatches.list()
        if clear and not dry_run:
            await backend.parts.mismatches.clear()
        return found[::-1]

    found = run(service, call)
    if as_json:
        click.echo(json.dumps([_mismatch_fields(each) for each in found[:limit]], ensure_ascii=False))
        return
    if found:
        heads = ("AT", "STAGE", "CONVERSATION", "OPERATION", "IN")
        table(heads, [_mismatch_row(each) for each in found[:limit]])
    else:
        click.echo("There are no mismatches")
    if clear:
        verb = "would be forgotten" if dry_run else "forgotten"
        click.echo(f"{counted(len(found), 'mismatch').replace('mismatchs', 'mismatches')} {verb}")


def _mismatch_row(found: Mismatch) -> Sequence[str]:
    more = found.count - len(found.differences)
    paths = ", ".join(f"{each['path']}" for each in found.differences[:3])
    more += max(0, len(found.differences) - 3)
    paths += f" and {more} more" if more else ""
    return time(found.at) or "", found.stage, found.conversation_sid, found.operation, paths


def _mismatch_fields(found: Mismatch) -> JSONObject:
    return {
        "at": time(found.at),
        "conversation": found.conversation_sid,
        "operation": found.operation,
        "stage": found.stage.value,
        "mirror": found.mirror.value,
        "count": found.count,
        "differences": [*found.differences],
    }


# Fields


def _kill_fields(found: Kill) -> JSONObject:
    return {"reason": found.reason, "since": time(found.since)}


def _stage(word: str) -> Stage:
    try:
        return Stage(word)
    except ValueError:
        raise click.UsageError(f"{word!r} is no stage: {', '.join(Stage)}") from None
