"""The drop-in for twilio-python against twilio-python itself: ``messages.create``, from one thread and from many.

* ``twilio_compat.rest``: on the emulator, with all that ACS takes: a request, the ledger, the store.
* ``twilio-python``: over HTTP to a server on this machine that answers at once with one and the same message.
* ``twilio_compat.rest, off``: the drop-in while a rollout says that everything is off, to the same server as twilio-python.

Each is one client that all threads share, each with a conversation of its own. The emulator and the server are
processes of their own; CPU is the client's alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from requests.adapters import HTTPAdapter
from twilio.rest import Client as TwilioClient

from benchmarks.deployment import Deployment
from benchmarks.measure import Result, Round, middle
from benchmarks.twilio_stub import running_stub
from twilio_compat.rest import Client

OURS, OFF, PEER = "twilio_compat.rest", "twilio_compat.rest, off", "twilio-python"
ACCOUNT, AUTH_TOKEN = "AC" + "a" * 32, "the auth token of the benchmark"

Create: TypeAlias = Callable[[str], object]
"""``create(text)`` sends a message into one conversation."""


def compare_clients(deployment: Deployment, *, threads: int, messages: int, rounds: int) -> list[Result]:
    """Compare what the drop-in does on ACS with twilio-python; the medians."""
    with running_stub() as address, _ours(deployment, threads) as ours, _peer(address, threads) as peer:
        return _compared({OURS: ours, PEER: peer}, threads, messages, rounds)


def compare_passing(deployment: Deployment, *, threads: int, messages: int, rounds: int) -> list[Result]:
    """Compare what the drop-in passes on while a rollout says off with twilio-python, on one server; the medians."""
    with (
        running_stub() as address,
        _off(deployment, address, threads) as ours,
        _peer(address, threads) as peer,
    ):
        return _compared({OFF: ours, PEER: peer}, threads, messages, rounds)


def _compared(
    contestants: Mapping[str, Sequence[Create]], threads: int, messages: int, rounds: int
) -> list[Result]:
    """Let all send *messages* from *threads*, *rounds* times in turn, each warmed up."""
    taken: dict[str, list[Round]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, creates in contestants.items():
            _send_all(creates, max(threads, messages // 2))
            taken[name].append(_timed(creates, messages))
    medians = {name: middle(rounds_of) for name, rounds_of in taken.items()}
    return [Result(name, threads, each.rate, each.cpu) for name, each in medians.items()]


@contextmanager
def _ours(deployment: Deployment, threads: int) -> Iterator[Sequence[Create]]:
    with Client(ACCOUNT, AUTH_TOKEN, settings=deployment.settings) as client:
        conversations = client.conversations.v1.conversations
        yield [_create(conversations(conversations.create().sid)) for _ in range(threads)]


@contextmanager
def _off(deployment: Deployment, address: str, threads: int) -> Iterator[Sequence[Create]]:
    settings = replace(deployment.settings, rollout="off", service_sid="IS" + "c" * 32, twilio_url=address)
    with Client(ACCOUNT, AUTH_TOKEN, settings=settings) as client:
        client.http_client.session.mount("http://", HTTPAdapter(pool_maxsize=threads))
        conversations = client.conversations.v1.conversations
        yield [_create(conversations(f"CH{number:032}")) for number in range(threads)]


@contextmanager
def _peer(address: str, threads: int) -> Iterator[Sequence[Create]]:
    client = TwilioClient(ACCOUNT, AUTH_TOKEN)
    client.http_client.session.mount("http://", HTTPAdapter(pool_maxsize=threads))
    client.conversations.base_url = address
    conversations = client.conversations.v1.conversations
    yield [_create(conversations(f"CH{number:032}")) for number in range(threads)]


def _create(conversation: Any) -> Create:
    return lambda text: conversation.messages.create(author="user", body=text)


def _timed(creates: Sequence[Create], messages: int) -> Round:
    started, cpu_started = time.perf_counter(), time.process_time()
    _send_all(creates, messages)
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    return Round(messages / elapsed, cpu / messages)


def _send_all(creates: Sequence[Create], messages: int) -> None:
    """Send *messages*, each thread its next one as soon as its last is acknowledged."""
    numbers = itertools.count()

    def work(create: Create) -> None:
        while (number := next(numbers)) < messages:
            create(f"Message {number}")

    with ThreadPoolExecutor(len(creates)) as pool:
        for done in [pool.submit(work, each) for each in creates]:
            done.result()
