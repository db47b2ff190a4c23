"""Print how fast messages go out: the facade, the official SDK, and a bare POST, in one run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import click

from benchmarks.deployment import running_emulator
from benchmarks.measure import Result, compare
from benchmarks.whereabouts import shares

PEER = "official SDK"
MEASURED = """\
Each contestant sends short text messages to the emulator, which runs in a process of its own: so many senders at
once, each a user with a conversation of their own, each message after the last one's acknowledgement. The facade
also listens, as it always does, and gives each message its index. Medians of rounds taken in turn; CPU is the
client's alone."""


@click.command()
@click.option(
    "--messages", default=4000, show_default=True, help="Messages per round; a lone sender sends half."
)
@click.option("--rounds", default=5, show_default=True, help="Rounds per contestant; medians are printed.")
@click.option(
    "--senders", multiple=True, type=int, default=(1, 32), show_default=True, help="Senders at once."
)
@click.option("--scheme", type=click.Choice(["http", "https"]), default="http", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(messages: int, rounds: int, senders: tuple[int, ...], scheme: str, as_json: bool) -> None:
    """Let the contestants send to the emulator in turn, and say where the facade's time goes."""
    results: list[Result] = []
    with running_emulator(scheme=scheme) as deployment:
        for number in senders:
            count = messages if number > 1 else max(1, messages // 2)
            results += asyncio.run(compare(deployment, senders=number, messages=count, rounds=rounds))
        spent = asyncio.run(shares(deployment, senders=max(senders), messages=messages))
    if as_json:
        click.echo(
            json.dumps({"results": [asdict(each) for each in results], "shares": dict(spent)}, indent=2)
        )
    else:
        click.echo("\n".join([MEASURED, "", *_table(results), "", *_whereabouts(spent)]))


def _table(results: list[Result]) -> list[str]:
    lines = [f"{'senders':>7}  {'contestant':<14}{'messages/s':>11}{'CPU/message':>13}{'rate vs SDK':>13}"]
    for each in results:
        peer = next(other for other in results if (other.name, other.senders) == (PEER, each.senders))
        cpu = f"{each.cpu * 1e6:.0f} us"
        ratio = each.rate / peer.rate
        lines.append(f"{each.senders:>7}  {each.name:<14}{each.rate:>11.0f}{cpu:>13}{ratio:>12.2f}x")
    return lines


def _whereabouts(spent: list[tuple[str, float]]) -> list[str]:
    shown = [f"{share:6.0%}  {package}" for package, share in spent if share >= 0.01]
    return ["Where the facade's CPU time goes, by the package whose code runs (under a profiler):", *shown]


if __name__ == "__main__":
    main()
