"""Print how fast messages go out and come back, what opening a client costs, and what the ledger costs, in one run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import click

from benchmarks.deployment import Deployment, counting_emulator, running_emulator
from benchmarks.ledger_cost import Cost, ledger_cost
from benchmarks.measure import Result, compare
from benchmarks.opening import opening, prepare
from benchmarks.reading import back_through, newest_pages
from benchmarks.rest import PEER as TWILIO_PYTHON
from benchmarks.rest import compare_clients, compare_passing
from benchmarks.rollout_run import Load, measured, table
from benchmarks.whereabouts import shares

PEER = "official SDK"
SENDING = """\
Sending. Each contestant sends short text messages to the emulator, which runs in a process of its own: so many
senders at once, each a user with a conversation of their own, each message after the last one's acknowledgement. The
facade also listens, as it always does, and gives each message its index. Medians of rounds taken in turn; CPU is the
client's alone."""

REST = """\
The REST client. messages.create with twilio_compat.rest.Client on the emulator, and with twilio.rest.Client over HTTP to a
server on this machine that answers at once and does nothing: so many threads on one client, each with a conversation of
its own. Medians of rounds taken in turn; CPU is the client's alone."""

PASSING = """\
The stage off. messages.create with twilio_compat.rest.Client, whose rollout says off, and with twilio.rest.Client, both over
HTTP to a server on this machine that answers at once. Medians of rounds taken in turn; CPU is the client's alone."""

ROLLOUT = """\
A rollout from end to end. Conversations at Twilio, with messages sent all along, go live by raising the percentage, and
back to off; then Twilio is looked through for all that was acknowledged. Latency is a caller's, by the stage of the
conversation; the outbox is what waits to be mirrored. What dualwrite costs is the median of pairs of rounds taken in turn."""


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    messages: int
    rounds: int
    senders: tuple[int, ...]
    scheme: str
    stores: tuple[str, ...]
    conversations: int
    paged: int
    threads: tuple[int, ...]
    migrated: int


@dataclass(frozen=True)
class Section:
    """What one part of the report says: lines to read, and figures to keep."""

    lines: list[str]
    figures: dict[str, Any] = field(default_factory=dict)


@click.command()
@click.option(
    "--messages", default=4000, show_default=True, help="Messages per round; a lone sender sends half."
)
@click.option("--rounds", default=5, show_default=True, help="Rounds per contestant; medians are printed.")
@click.option(
    "--senders", multiple=True, type=int, default=(1, 32), show_default=True, help="Senders at once."
)
@click.option("--scheme", type=click.Choice(["http", "https"]), default="http", show_default=True)
@click.option(
    "--store", "stores", multiple=True, help="URL of one more empty database to cost the ledger on."
)
@click.option("--conversations", default=500, show_default=True, help="Conversations of the client to open.")
@click.option("--paged", default=10_000, show_default=True, help="Messages to go back through.")
@click.option(
    "--threads",
    multiple=True,
    type=int,
    default=(1, 50),
    show_default=True,
    help="Threads on one REST client.",
)
@click.option("--migrated", default=1000, show_default=True, help="Conversations to migrate, and back.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["sending", "ledger", "opening", "reading", "paging", "rest", "passing", "rollout"]),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def main(only: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Measure against the emulator, each part on a fresh one."""
    chosen = Options(**options)
    sections = {name: SECTIONS[name](chosen) for name in (only or SECTIONS)}
    if as_json:
        click.echo(json.dumps({name: each.figures for name, each in sections.items()}, indent=2))
    else:
        click.echo("\n\n".join("\n".join(each.lines) for each in sections.values()))


def _sending(options: Options) -> Section:
    results: list[Result] = []
    with running_emulator(scheme=options.scheme) as deployment:
        for number in options.senders:
            count = options.messages if number > 1 else max(1, options.messages // 2)
            results += asyncio.run(compare(deployment, senders=number, messages=count, rounds=options.rounds))
        most = max(options.senders)
        spent = asyncio.run(shares(deployment, senders=most, messages=options.messages))
    figures = {"results": [asdict(each) for each in results], "shares": dict(spent)}
    return Section([SENDING, "", *_table(results), "", *_whereabouts(spent)], figures)


def _ledger(options: Options) -> Section:
    with running_emulator(scheme=options.scheme) as deployment:
        costs = [
            asyncio.run(_cost(deployment, url, options))
            for url in (deployment.settings.database_url, *options.stores)
        ]
    lines = ["The ledger and its store: the adapter's send path with them and without, 32 senders."]
    for each in costs:
        cpu = (
            f"{each.with_ledger.cpu * 1e6:.0f} us against {each.without.cpu * 1e6:.0f} us of CPU per message"
        )
        lines.append(f"{each.store:>12}: {each.loss:6.1%} fewer messages per second; {cpu}")
    return Section(lines, {"costs": [asdict(each) | {"loss": each.loss} for each in costs]})


async def _cost(deployment: Deployment, url: str, options: Options) -> Cost:
    return await ledger_cost(deployment, url, senders=32, messages=options.messages, rounds=options.rounds)


def _opening(options: Options) -> Section:
    with counting_emulator() as (deployment, asked):
        asyncio.run(prepare(deployment, options.conversations))
        requests = asyncio.run(opening(deployment, rounds=1, asked=asked)).requests
    with running_emulator(scheme=options.scheme) as deployment:
        asyncio.run(prepare(deployment, options.conversations))
        found = asyncio.run(opening(deployment, rounds=options.rounds))
    line = (
        f"Opening a client in {found.conversations} quiet conversations: {found.initialized:.2f} s to initialized, "
        f"{found.listed:.2f} s to the whole list, {requests} requests in all."
    )
    return Section([line], asdict(found) | {"requests": requests})


def _reading(options: Options) -> Section:
    with running_emulator(scheme=options.scheme) as deployment:
        found = asyncio.run(newest_pages(deployment, rounds=options.rounds))
    ratio = found.facade / found.sdk
    line = (
        f"Reading the newest 30 messages: {found.facade * 1e3:.1f} ms, the official SDK {found.sdk * 1e3:.1f} ms; "
        f"{ratio:.2f} times as long."
    )
    return Section([line], asdict(found) | {"ratio": ratio})


def _paging(options: Options) -> Section:
    with counting_emulator() as (deployment, asked):
        found = asyncio.run(back_through(deployment, options.paged, asked))
    line = (
        f"Going back through {found.messages} messages in {found.pages} pages of 30: {found.requests} requests, "
        f"{found.peak:.0f} MB at the most; {found.seconds:.0f} s while memory is traced, the emulator in the same process."
    )
    return Section([line], asdict(found))


def _rest(options: Options) -> Section:
    return _clients(REST, compare_clients, options)


def _passing(options: Options) -> Section:
    return _clients(PASSING, compare_passing, options)


def _clients(title: str, compare: Callable[..., list[Result]], options: Options) -> Section:
    results: list[Result] = []
    with running_emulator(scheme=options.scheme) as deployment:
        for number in options.threads:
            count = options.messages if number > 1 else max(1, options.messages // 2)
            results += compare(deployment, threads=number, messages=count, rounds=options.rounds)
    return Section([title, "", *_rest_table(results)], {"results": [asdict(each) for each in results]})


def _rollout(options: Options) -> Section:
    found = measured(Load(conversations=options.migrated, new=max(1, options.migrated // 50)))
    return Section([ROLLOUT, "", *table(found)], asdict(found))


SECTIONS: dict[str, Callable[[Options], Section]] = {
    "sending": _sending,
    "ledger": _ledger,
    "opening": _opening,
    "reading": _reading,
    "paging": _paging,
    "rest": _rest,
    "passing": _passing,
    "rollout": _rollout,
}


def _table(results: list[Result]) -> list[str]:
    lines = [f"{'senders':>7}  {'contestant':<14}{'messages/s':>11}{'CPU/message':>13}{'rate vs SDK':>13}"]
    for each in results:
        peer = next(other for other in results if (other.name, other.senders) == (PEER, each.senders))
        cpu = f"{each.cpu * 1e6:.0f} us"
        ratio = each.rate / peer.rate
        lines.append(f"{each.senders:>7}  {each.name:<14}{each.rate:>11.0f}{cpu:>13}{ratio:>12.2f}x")
    return lines


def _rest_table(results: list[Result]) -> list[str]:
    lines = [
        f"{'threads':>7}  {'contestant':<23}{'creates/s':>11}{'CPU/call':>11}{'rate vs twilio-python':>23}"
    ]
    for each in results:
        peer = next(
            other for other in results if (other.name, other.senders) == (TWILIO_PYTHON, each.senders)
        )
        cpu = f"{each.cpu * 1e6:.0f} us"
        lines.append(
            f"{each.senders:>7}  {each.name:<23}{each.rate:>11.0f}{cpu:>11}{each.rate / peer.rate:>22.2f}x"
        )
    return lines


def _whereabouts(spent: list[tuple[str, float]]) -> list[str]:
    shown = [f"{share:6.0%}  {package}" for package, share in spent if share >= 0.01]
    return ["Where the facade's CPU time goes, by the package whose code runs (under a profiler):", *shown]


if __name__ == "__main__":
    main()
