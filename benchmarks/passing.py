"""What the stage off costs: the drop-in that passes everything through, against twilio-python itself, on one server.

The server answers at once, on this machine; from Twilio an answer takes some thirty times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from requests.adapters import HTTPAdapter

from benchmarks.deployment import Deployment
from benchmarks.measure import Result, Round, middle
from benchmarks.rest import ACCOUNT, AUTH_TOKEN, PEER, Create, creating, peer, send_all, timed
from benchmarks.twilio_stub import running_stub
from twilio_compat.rest import Client

OFF = "twilio_compat.rest, off"


def compare_passing(deployment: Deployment, *, threads: int, messages: int, rounds: int) -> list[Result]:
    """Let both send *messages* from *threads*, *rounds* times in turn, each warmed up; return the medians."""
    taken: dict[str, list[Round]] = {OFF: [], PEER: []}
    with (
        running_stub() as address,
        _off(deployment, address, threads) as ours,
        peer(address, threads) as theirs,
    ):
        contestants = {OFF: ours, PEER: theirs}
        for _ in range(rounds):
            for name, creates in contestants.items():
                send_all(creates, max(threads, messages // 2))
                taken[name].append(timed(creates, messages))
    medians = {name: middle(rounds_of) for name, rounds_of in taken.items()}
    return [Result(name, threads, each.rate, each.cpu) for name, each in medians.items()]


@contextmanager
def _off(deployment: Deployment, address: str, threads: int) -> Iterator[Sequence[Create]]:
    settings = replace(deployment.settings, rollout="off", service_sid="IS" + "c" * 32, twilio_url=address)
    with Client(ACCOUNT, AUTH_TOKEN, settings=settings) as client:
        client.http_client.session.mount("http://", HTTPAdapter(pool_maxsize=threads))
        conversations = client.conversations.v1.conversations
        yield [creating(conversations(f"CH{number:032}")) for number in range(threads)]
