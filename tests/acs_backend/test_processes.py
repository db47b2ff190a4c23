"""Several processes on one store, which are killed at any moment: a state machine.

Whatever happens, no update is lost, nobody is two people, no index is given twice, and each process that is still
there has seen every change once and in order.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from acs_emulator import Emulator
from tests.acs_backend.deployment import KEY, SECRET
from tests.acs_backend.store.databases import execute
from tests.acs_backend.worker import Worker
from tests.support.postgresql import PostgreSQL
from twilio_compat.settings import Settings

MOST = 3
"""Processes at a time."""


class Workers:
    """Processes that are ready to work, so that nobody waits for one to start."""

    def __init__(self) -> None:
        self._spare = [Worker() for _ in range(MOST)]

    def take(self) -> Worker:
        return self._spare.pop(0) if self._spare else Worker()

    def give_back(self, worker: Worker) -> None:
        self._spare.append(worker)

    def replace(self) -> None:
        self._spare.append(Worker())

    def close(self) -> None:
        for each in self._spare:
            each.kill()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    ready = Workers()
    yield ready
    ready.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Return what names another empty store each time."""
    if request.param == "sqlite":
        numbers = itertools.count()
        return lambda: f"sqlite:///{tmp_path / f'{next(numbers)}.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return lambda: asyncio.run(server.new_database())


def test_processes_that_are_killed_lose_and_double_nothing(
    emulator: Emulator, workers: Workers, new_store: Callable[[], str]
) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis leaves this one untyped
        lambda: Processes(emulator, workers, new_store()),
        settings=settings(
            max_examples=5, stateful_step_count=16, phases=[Phase.generate], deadline=None, derandomize=True
        ),
    )


class Processes(RuleBasedStateMachine):
    """The processes that work on one store, and what is known of it."""

    def __init__(self, emulator: Emulator, workers: Workers, url: str) -> None:
        super().__init__()
        self.url = url
        self.settings = asdict(
            Settings(
                connection_string=emulator.connection_string,
                database_url=url,
                twilio_api_key=KEY,
                twilio_api_secret=SECRET,
                deadline=10.0,
            )
        )
        self.workers = workers
        self.running: list[Worker] = []
        self.names = (f"message {number}" for number in itertools.count())
        self.attempted: set[str] = set()
        self.counts: list[int] = []
        self.unanswered_counts = 0
        self.indexes: dict[str, int] = {}
        self.people: dict[str, tuple[str, str]] = {}

    @initialize()
    def begin(self) -> None:
        self.start()
        self.start()
        self.sid = self.running[0].ask(do="room")

    # Rules

    @precondition(lambda self: len(self.running) < MOST)
    @rule()
    def start(self) -> None:
        worker = self.workers.take()
        worker.position = worker.ask(settings=self.settings)
        self.running.append(worker)

    @rule(times=st.integers(1, 20))
    def count(self, times: int) -> None:
        for each in self.running:
            each.tell(do="count", times=times)

    @rule(which=st.integers(0, MOST), name=st.sampled_from(["bob", "carol", "dave"]))
    def identify(self, which: int, name: str) -> None:
        self._worker(which).tell(do="identify", name=name)

    @rule(number=st.integers(1, 12))
    def send(self, number: int) -> None:
        for each in self.running:
            bodies = list(itertools.islice(self.names, number))
            self.attempted.update(bodies)
            each.tell(do="send", sid=self.sid, bodies=bodies)

    @precondition(lambda self: len(self.running) > 1)
    @rule(which=st.integers(0, MOST))
    def kill(self, which: int) -> None:
        worker = self._worker(which)
        self.running.remove(worker)
        self._take_note(worker.kill())
        unanswered = [each["times"] for each in worker.asked if each["do"] == "count"]
        self.unanswered_counts += sum(unanswered)
        self.workers.replace()

    @rule()
    def settle(self) -> None:
        for each in self.running:
            self._take_note(each.answers())

    # What holds

    def teardown(self) -> None:
        self.settle()
        self._check_counter()
        self._check_feed()
        self._check_people()
        self._check_messages()
        for each in self.running:
            each.ask(do="close")
            self.workers.give_back(each)

    def _check_counter(self) -> None:
        (value,) = self._query("SELECT created_at FROM identities WHERE identity = 'counter'")
        assert len(self.counts) == len(set(self.counts))
        assert set(self.counts) <= set(range(1, value + 1))
        assert len(self.counts) <= value <= len(self.counts) + self.unanswered_counts
        told = [json.loads(each) for each in self._query("SELECT content FROM changes ORDER BY change_id")]
        assert list(range(1, value + 1)) == [each["count"] for each in told if each and "count" in each]

    def _check_feed(self) -> None:
        ids = self._query("SELECT change_id FROM changes ORDER BY change_id")
        contents = self._query("SELECT content FROM changes ORDER BY change_id")
        for each in self.running:
            expected = [
                [change_id, json.loads(content)]
                for change_id, content in zip(ids, contents, strict=True)
                if change_id > each.position
            ]
            newest = max(ids, default=0) if expected else 0
            seen = each.ask(do="changes", newest=newest) if expected else []
            assert expected == seen

    def _check_people(self) -> None:
        known = "SELECT identity || ' ' || acs_id || ' ' || sid FROM identities"
        rows = [each.split(" ") for each in self._query(known)]
        assert self.people.items() <= {name: (acs_id, sid) for name, acs_id, sid in rows}.items()
        assert len(rows) == len({sid for _, _, sid in rows})

    def _check_messages(self) -> None:
        listed = self.running[0].ask(do="list", sid=self.sid)
        assert list(range(len(listed))) == [index for index, _ in listed]
        bodies = [body for _, body in listed]
        assert len(bodies) == len(set(bodies))
        assert set(bodies) <= self.attempted
        assert self.indexes.items() <= {body: index for index, body in listed}.items()

    def _take_note(self, answered: Sequence[tuple[Mapping[str, Any], Any]]) -> None:
        for command, answer in answered:
            if command["do"] == "count":
                self.counts += answer
            elif command["do"] == "send":
                self.indexes |= answer
            elif command["do"] == "identify":
                assert self.people.setdefault(str(command["name"]), tuple(answer)) == tuple(answer)

    def _worker(self, which: int) -> Worker:
        return self.running[which % len(self.running)]

    def _query(self, statement: str) -> list[Any]:
        return list(asyncio.run(execute(self.url, statement)))
