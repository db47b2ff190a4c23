from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acs_backend.clients import AcsUser
from acs_backend.credentials import PresentedToken
from acs_backend.reachability import LEASE, MOVED_ON_EVERY, RECENT, Reachability
from acs_backend.roles import RoleBook, Roles
from acs_backend.store import changes as feed
from acs_backend.store.database import Database
from tests.acs_backend.deployment import Deployment, next_of, sign_in
from twilio_compat.events import Synchronized, UserUpdated


class Clock:
    """A time of day that moves when the test says so; whoever sleeps wakes up then."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)
        self._moved = asyncio.Condition()

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        async with self._moved:
            await self._moved.wait_for(lambda: self.now >= until)

    async def move(self, seconds: float) -> None:
        async with self._moved:
            self.now += timedelta(seconds=seconds)
            self._moved.notify_all()
        await asyncio.sleep(0.05)  # lets those who woke up write to the store


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tracked(database: Database, clock: Clock) -> Reachability:
    return Reachability(database, roles(database, clock), enabled=True, clock=clock, sleep=clock.sleep)


def untracked(database: Database, clock: Clock) -> Reachability:
    return Reachability(database, roles(database, clock), enabled=False, clock=clock, sleep=clock.sleep)


def roles(database: Database, clock: Clock) -> Roles:
    return Roles(database, RoleBook(), direct=False, clock=clock)


def user(name: str) -> AcsUser:
    return AcsUser(f"8:acs:{name}", PresentedToken("token", datetime(2040, 1, 1, tzinfo=UTC)))


async def told(database: Database) -> Sequence[tuple[str, bool]]:
    async with database.read() as connection:
        found = await feed.after(connection, 0, limit=100)
    return [
        (each.content["identity"].removeprefix("8:acs:"), each.content["is_online"])  # type: ignore[union-attr, index, call-overload, misc]  # the JSON of a user
        for each in found
    ]


async def test_a_user_is_online_while_any_connection_is_open(database: Database, clock: Clock) -> None:
    here, there = tracked(database, clock), tracked(database, clock)
    async with here.connected(user("alice")):
        assert [("alice", True)] == await told(database)
        async with there.connected(user("alice")):
            pass
        assert [("alice", True)] == await told(database)
    assert [("alice", True), ("alice", False)] == await told(database)


async def test_a_connection_stays_online_for_as_long_as_it_is_open(database: Database, clock: Clock) -> None:
    async with tracked(database, clock).connected(user("alice")):
        for _ in range(10):
            await clock.move(MOVED_ON_EVERY)
        assert [("alice", True)] == await told(database)


async def test_whose_process_died_is_told_offline_by_another_one(database: Database, clock: Clock) -> None:
    async def die(_: float) -> None:
        await asyncio.Event().wait()

    dead = Reachability(database, roles(database, clock), enabled=True, clock=clock, sleep=die)
    connection = dead.connected(user("alice"))
    await connection.__aenter__()
    async with tracked(database, clock).connected(user("bob")):
        for _ in range(int(LEASE / MOVED_ON_EVERY) + 1):
            await clock.move(MOVED_ON_EVERY)
        assert [("alice", True), ("bob", True), ("alice", False)] == await told(database)
    await connection.__aexit__(None, None, None)


async def test_nobody_is_anything_where_it_is_off(database: Database, clock: Clock) -> None:
    async with untracked(database, clock).connected(user("alice")):
        assert [] == await told(database)


async def test_others_hear_who_comes_goes_and_can_be_notified(deployment: Deployment) -> None:
    backend = deployment.backend(reachability=True)
    alice, bob = await sign_in(backend, "alice", "bob")
    assert backend.reachability_enabled
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        async with deployment.backend(reachability=True).subscribe(bob):
            came = (await next_of(events, UserUpdated)).user
            assert ("bob", True, False) == (came.identity, came.is_online, came.is_notifiable)
            await backend.push_registrations.create(bob, "fcm", "device")
            assert (await next_of(events, UserUpdated)).user.is_notifiable
            assert (await backend.users.get(alice, "bob")).is_online
            await backend.push_registrations.delete(bob, "fcm")
            assert (await next_of(events, UserUpdated)).user.is_notifiable is False
        assert (await next_of(events, UserUpdated)).user.is_online is False


async def test_who_connects_once_it_was_switched_on_is_told_in_every_process(
    database: Database, clock: Clock
) -> None:
    here, there = untracked(database, clock), untracked(database, clock)
    async with there.connected(user("alice")):
        await here.switch(True)
        assert (True, True) == (await here.is_on(), await there.is_on())
        async with there.connected(user("bob")):
            assert [("bob", True)] == await told(database)


async def test_another_process_notices_the_switch_a_little_later(database: Database, clock: Clock) -> None:
    here, there = untracked(database, clock), untracked(database, clock)
    async with there.connected(user("alice")):
        await here.switch(True)
    async with there.connected(user("bob")):
        assert [] == await told(database)
    await clock.move(RECENT.total_seconds())
    async with there.connected(user("carol")):
        assert [("carol", True)] == await told(database)


async def test_what_the_account_says_outlasts_the_process_and_what_is_set(
    database: Database, clock: Clock
) -> None:
    await tracked(database, clock).switch(False)
    restarted = tracked(database, clock)
    assert not await restarted.is_on()
    async with restarted.connected(user("alice")):
        assert [] == await told(database)


async def test_a_backend_shows_who_is_there_once_it_is_switched_on(deployment: Deployment) -> None:
    backend = deployment.backend()
    alice, bob = await sign_in(backend, "alice", "bob")
    assert not backend.reachability_enabled
    async with backend.subscribe(bob):
        assert (await backend.users.get(alice, "bob")).is_online is None
    await backend.reachability.switch(True)
    assert backend.reachability_enabled
    async with backend.subscribe(bob):
        assert (await backend.users.get(alice, "bob")).is_online is True
    await backend.reachability.switch(False)
    assert (await backend.users.get(alice, "bob")).is_online is None
