"""Print how fast messages go out: the facade, the official SDK, and a bare POST, in one run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import click

from benchmarks.deployment import running_emulator
from benchmarks.measure import Result, compare

PEER = "official SDK"


@click.command()
@click.option("--messages", default=1000, show_default=True, help="Messages per round.")
@click.option("--rounds", default=5, show_default=True, help="Rounds per contestant; medians are printed.")
@click.option(
    "--senders", multiple=True, type=int, default=(1, 32), show_default=True, help="Senders at once."
)
@click.option("--scheme", type=click.Choice(["http", "https"]), default="http", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(messages: int, rounds: int, senders: tuple[int, ...], scheme: str, as_json: bool) -> None:
    """Start the emulator in its own process and let the contestants send to it in turn."""
    results: list[Result] = []
    with running_emulator(scheme=scheme) as deployment:
        for number in senders:
            count = messages if number > 1 else max(1, messages // 4)
            results += asyncio.run(compare(deployment, senders=number, messages=count, rounds=rounds))
    click.echo(json.dumps([asdict(each) for each in results], indent=2) if as_json else _table(results))


def _table(results: list[Result]) -> str:
    lines = [f"{'senders':>7}  {'contestant':<14}{'messages/s':>11}{'CPU/message':>13}{'rate vs SDK':>13}"]
    for each in results:
        peer = next(other for other in results if (other.name, other.senders) == (PEER, each.senders))
        cpu = f"{each.cpu * 1e6:.0f} us"
        ratio = each.rate / peer.rate
        lines.append(f"{each.senders:>7}  {each.name:<14}{each.rate:>11.0f}{cpu:>13}{ratio:>12.2f}x")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
