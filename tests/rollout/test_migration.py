"""The whole rollout at once: whatever happens on the way, each message that was acknowledged is there, once.

Two processes write through the unmodified official client and to ACS, while the conversation goes up and down, either side
fails, processes die, and others write past the library. `tests.rollout.world` has what must be so.

``ROLLOUT_EXAMPLES`` says how many histories are tried.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.acs_backend.conftest import new_store as make_store
from tests.acs_backend.middleman import Fault
from tests.rollout.world import World, world
from twilio_compat.rollout.staging.stages import Stage

T = TypeVar("T")

EXAMPLES = int(os.environ.get("ROLLOUT_EXAMPLES", "6"))
STEPS = int(os.environ.get("ROLLOUT_STEPS", "25"))

processes = st.integers(0, 1)
which = st.integers(0, 20)


class Migration(RuleBasedStateMachine):
    """A conversation on its way."""

    def __init__(self, new_store: Callable[[Path], Awaitable[str]]) -> None:
        super().__init__()
        self.new_store = new_store
        self.runner = asyncio.Runner()
        self.resources = AsyncExitStack()
        self.world: World
        self.has_failed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self.runner.run(work)
        except BaseException:
            self.has_failed = True
            raise

    @initialize(stage=st.sampled_from(["off", "dualwrite", "shadow", "live"]))
    def begin(self, stage: str) -> None:
        directory = self.resources.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self.run(self._begin(Path(directory), stage))

    async def _begin(self, directory: Path, stage: str) -> None:
        store = await self.new_store(directory)
        self.world = await self.resources.enter_async_context(world(store))
        await self.world.begin(stage)

    # Writing

    @rule(process=processes)
    def send(self, process: int) -> None:
        self.run(self.world.send(process))

    @rule(each=st.integers(1, 3))
    def burst(self, each: int) -> None:
        self.run(self.world.burst(each))

    @rule(process=processes, which=which)
    def edit(self, process: int, which: int) -> None:
        self.run(self.world.edit(process, which))

    @rule(process=processes, which=which)
    def delete(self, process: int, which: int) -> None:
        self.run(self.world.delete(process, which))

    @rule(process=processes, identity=st.sampled_from(["carol", "dave"]), is_there=st.booleans())
    def member(self, process: int, identity: str, is_there: bool) -> None:
        self.run((self.world.add if is_there else self.world.remove)(process, identity))

    @rule(process=processes, which=which)
    def read(self, process: int, which: int) -> None:
        self.run(self.world.read(process, which))

    @rule(process=processes)
    def describe(self, process: int) -> None:
        self.run(self.world.describe(process))

    @rule()
    def send_at_twilio(self) -> None:
        self.run(self.world.send_at_twilio())

    # Moving

    @rule(by=st.sampled_from([1, 1, -1]))
    def step(self, by: int) -> None:
        self.run(self.world.step(by))

    @rule(stage=st.sampled_from([*Stage]))
    def go(self, stage: Stage) -> None:
        self.run(self.world.set(stage))

    @rule()
    def copy(self) -> None:
        self.run(self.world.copy())

    @rule(on=st.booleans())
    def kill_switch(self, on: bool) -> None:
        self.run(self.world.kill(on=on))

    @rule(seconds=st.sampled_from([0.02, 0.15, 0.3]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    # What goes wrong

    @rule(kind=st.sampled_from(["fail", "lose", "cut"]), times=st.integers(1, 4))
    def fault_at_twilio(self, kind: str, times: int) -> None:
        getattr(self.world.twilio.faults, kind)(times)

    @rule(kind=st.sampled_from([Fault.ERROR, Fault.ERROR_AFTER, Fault.LOSE_ANSWER]), times=st.integers(1, 4))
    def fault_at_acs(self, kind: Fault, times: int) -> None:
        left = [kind] * times
        self.world.acs.fault = lambda _: left.pop() if left else None

    @rule(process=processes, after=st.sampled_from([0.0, 0.01, 0.03, 0.1]), sends=st.integers(0, 4))
    def die(self, process: int, after: float, sends: int) -> None:
        self.run(self.world.die(process, after, sends))

    # What must be so

    @rule()
    def check(self) -> None:
        self.run(self.world.check())

    def teardown(self) -> None:
        try:
            if hasattr(self, "world") and not self.has_failed:
                self.run(self.world.check())
                self.run(self.world.go_back())
        finally:
            self.run(self.resources.aclose())
            self.runner.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_store(request: pytest.FixtureRequest) -> Callable[[Path], Awaitable[str]]:
    """Return what names another empty store."""
    return partial(make_store, request)


@pytest.mark.timeout(60 * EXAMPLES)
def test_whatever_happens_on_the_way_each_acknowledged_message_is_there_once(
    new_store: Callable[[Path], Awaitable[str]],
) -> None:
    tried = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
    run_state_machine_as_test(lambda: Migration(new_store), settings=tried)
