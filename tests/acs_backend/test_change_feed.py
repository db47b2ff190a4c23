"""One reader tells all subscriptions what changed in the store, whichever process changed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from acs_backend.event_sources import change_feed
from acs_backend.event_sources.change_feed import ChangeFeed
from acs_backend.event_sources.hub import Hub
from acs_backend.store import changes
from acs_backend.store.changes import ForgottenChangesError, Kind
from acs_backend.store.database import Database
from acs_backend.store.signals import Signals
from acs_emulator import Emulator
from tests.acs_backend.deployment import Deployment, next_event, next_of, quiet, room, sign_in
from tests.acs_backend.middleman import Middleman
from tests.acs_backend.store.databases import end_connections, out_of_reach
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.events import (
    ConversationJoined,
    ConversationUpdated,
    ParticipantJoined,
    ParticipantUpdated,
    SourceInterrupted,
    SourceRestored,
    Synchronized,
    TypingStarted,
)
from twilio_compat.records import (
    ConversationChanges,
    MessageRecord,
    ParticipantChanges,
    ParticipantDraft,
    UserConversationChanges,
)


class UnsteadyDatabase(Database):
    """A store that can be out of reach."""

    down = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        self._fail_if_down()
        async with super().read() as connection:
            yield connection

    @asynccontextmanager
    async def signals(self) -> AsyncIterator[Signals]:
        self._fail_if_down()
        async with super().signals() as listening:
            yield BrittleSignals(listening, self)

    def _fail_if_down(self) -> None:
        if self.down:
            raise ServiceUnavailableError("out of reach")


class BrittleSignals:
    def __init__(self, listening: Signals, database: UnsteadyDatabase) -> None:
        self._listening = listening
        self._database = database

    def wake(self) -> None:
        self._listening.wake()

    async def wait(self) -> None:
        await self._listening.wait()
        self._database._fail_if_down()


class Listener:
    """A subscription that notes what it is told to do, and reads when it is asked to."""

    def __init__(self, feed: ChangeFeed, acs_id: str, position: int) -> None:
        self.feed, self.acs_id, self.position = feed, acs_id, position
        self.told: list[str] = []
        self.heard: list[object] = []

    def nudge(self) -> None:
        self.told.append("nudge")

    def hear(self) -> None:
        self.told.append("hear")

    def sent(self, thread_id: str, message_id: int, message: MessageRecord) -> None:
        raise NotImplementedError

    def use(self, thread_id: str) -> None:
        raise NotImplementedError

    async def read(self) -> list[object]:
        """Read what came since, all of it."""
        while batch := await self.feed.since(self.position):
            self.heard += [each.content for each in batch]
            self.position = batch[-1].change_id
        return self.heard


class Place:
    """A store, a feed of it, and another process that writes."""

    def __init__(self, url: str) -> None:
        self.database, self.other = UnsteadyDatabase(url), Database(url)
        self.hub = Hub()
        self.slept: list[float] = []
        self.feed = ChangeFeed(self.database, self.hub, sleep=self._sleep)
        self._count = 0

    async def listener(self, acs_id: str, *threads: str) -> Listener:
        """Have somebody subscribe who follows *threads*, and forget what they were told so far."""
        listener = Listener(self.feed, acs_id, await self.feed.position())
        self.hub.enter(listener)
        for each in threads:
            self.hub.follow(listener, each)
        await self.settle()
        listener.told.clear()
        return listener

    async def add(self, *kinds: Kind, thread_id: str = "19:a", acs_id: str = "8:acs:x") -> None:
        """Have the other process make changes, numbered from 1, and wait until the feed has read them."""
        async with self.other.write() as connection:
            for kind in kinds:
                self._count += 1
                content = self._count
                await changes.add(
                    connection, kind, now=1, thread_id=thread_id, acs_id=acs_id, content=content
                )
        await self.settle()

    async def settle(self) -> None:
        """Wait until the feed has read all there is, or has failed."""
        newest = await self._newest()
        await until(lambda: self.database.down or (self.feed._begin is not None and self.feed.end >= newest))

    async def close(self) -> None:
        await self.database.close()
        await self.other.close()

    async def _newest(self) -> int:
        async with self.other.read() as connection:
            return await changes.newest(connection)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another connection
            await asyncio.sleep(0.005)


@pytest.fixture
async def place(shared_store: str) -> AsyncIterator[Place]:
    place = Place(shared_store)
    async with place.feed.open():
        yield place
    await place.close()


async def test_everybody_hears_every_change_once_and_in_order(place: Place) -> None:
    first = await place.listener("8:acs:a", "19:a")
    await place.add(Kind.CONVERSATION, Kind.PARTICIPANT)
    second = await place.listener("8:acs:b", "19:a")
    await place.add(Kind.CONVERSATION)
    assert [1, 2, 3] == await first.read()
    await place.add(Kind.TYPING)
    assert [1, 2, 3, 4] == await first.read()
    assert [3, 4] == await second.read()


async def test_only_those_are_woken_whom_a_change_may_concern(place: Place) -> None:
    follower, other = await place.listener("8:acs:a", "19:a"), await place.listener("8:acs:b", "19:b")
    await place.add(Kind.CONVERSATION, thread_id="19:a")
    assert [["hear"], []] == [follower.told, other.told]
    await place.add(Kind.USER)
    assert [["hear", "hear"], ["hear"]] == [follower.told, other.told]


async def test_a_change_of_membership_is_for_the_members_and_for_the_one_it_is_about(place: Place) -> None:
    follower = await place.listener("8:acs:a", "19:a")
    newcomer, stranger = await place.listener("8:acs:new"), await place.listener("8:acs:c")
    await place.add(Kind.MEMBERSHIP, thread_id="19:a", acs_id="8:acs:new")
    assert [["hear"], ["hear"], []] == [follower.told, newcomer.told, stranger.told]


async def test_who_slept_for_longer_than_the_window_reaches_back_is_answered_by_the_store(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "WINDOW", 3)
    monkeypatch.setattr(change_feed, "BATCH", 2)
    sleeper = await place.listener("8:acs:a", "19:a")
    for _ in range(5):
        await place.add(Kind.USER, Kind.USER)
    assert list(range(1, 11)) == await sleeper.read()


async def test_who_slept_for_longer_than_the_store_remembers_must_begin_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "WINDOW", 2)
    sleeper = await place.listener("8:acs:a", "19:a")
    await place.add(*[Kind.USER] * 5)
    async with place.other.write() as connection:
        await changes.forget(connection, 2)
    with pytest.raises(ForgottenChangesError):
        await sleeper.read()


async def test_a_reader_that_was_away_for_too_long_begins_anew(place: Place) -> None:
    listener = await place.listener("8:acs:a", "19:a")
    await place.add(Kind.USER)
    assert [1] == await listener.read()
    async with place.other.write() as connection:
        for _ in range(3):
            await changes.add(connection, Kind.USER, now=1)
        await changes.forget(connection, 2)
    await place.settle()
    with pytest.raises(ForgottenChangesError):
        await listener.read()
    late = await place.listener("8:acs:b", "19:b")
    await place.add(Kind.USER)
    assert [2] == await late.read()


async def test_all_who_subscribe_share_one_reader_which_ends_with_the_last(shared_store: str) -> None:
    before = asyncio.all_tasks()
    place = Place(shared_store)
    async with AsyncExitStack() as stack:
        for _ in range(100):
            await stack.enter_async_context(place.feed.open())
        assert 1 == len(asyncio.all_tasks() - before)
    assert before == asyncio.all_tasks()
    await place.close()


async def test_a_feed_is_of_use_again_after_everybody_had_left(shared_store: str) -> None:
    place = Place(shared_store)
    async with place.feed.open():
        await place.add(Kind.USER)
    async with place.feed.open():
        listener = await place.listener("8:acs:a")
        await place.add(Kind.USER)
        assert [2] == await listener.read()
    await place.close()


async def test_a_store_out_of_reach_is_told_and_afterwards_nothing_is_missing(place: Place) -> None:
    listener = await place.listener("8:acs:a", "19:a")
    place.database.down = True
    await place.add(Kind.USER)
    await until(lambda: len(place.slept) > 6)
    with pytest.raises(ServiceUnavailableError):
        await listener.read()
    assert [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0] == place.slept[:7]
    place.database.down = False
    await until(lambda: "nudge" in listener.told)
    await place.add(Kind.USER)
    assert [1, 2] == await listener.read()


async def test_one_failure_is_tried_again_before_anybody_hears_of_it(postgresql_url: str) -> None:
    place = Place(postgresql_url)
    async with place.feed.open():
        listener = await place.listener("8:acs:a", "19:a")
        await end_connections(postgresql_url)
        await until(lambda: place.slept)
        await place.add(Kind.USER)
        assert [1] == await listener.read()
        assert [0.25] == place.slept
    await place.close()


async def test_what_one_process_changes_the_clients_of_another_hear_between_two_ticks(
    deployment: Deployment,
) -> None:
    here, there = deployment.backend(), deployment.backend(poll_interval=60.0)
    alice, bob = await sign_in(here, "alice", "bob")
    chat = await room(here, alice, "alice", "bob")
    async with there.subscribe(bob) as events:
        await next_of(events, Synchronized)
        await there.conversations.get(bob, chat.sid)
        for number in range(3):
            await here.conversations.update(alice, chat.sid, ConversationChanges(attributes={"n": number}))
            updated = await next_event(events)
            assert isinstance(updated, ConversationUpdated)
            assert {"n": number} == updated.conversation.attributes
        assert [] == await quiet(events)


async def test_who_is_added_by_another_process_looks_at_once(deployment: Deployment) -> None:
    here, there = deployment.backend(), deployment.backend(poll_interval=60.0)
    alice, bob = await sign_in(here, "alice", "bob")
    chat = await room(here, alice, "alice")
    async with there.subscribe(bob) as events:
        await next_of(events, Synchronized)
        await here.participants.create(alice, chat.sid, ParticipantDraft(identity="bob"))
        assert chat.sid == (await next_of(events, ConversationJoined)).conversation.sid


async def test_what_only_the_store_knows_costs_those_who_listen_no_request(
    emulator: Emulator, shared_store: str, middleman: Middleman
) -> None:
    async with Deployment(emulator, shared_store) as deployment:
        watched = middleman.connection_string(emulator.connection_string)
        backend = deployment.backend(connection_string=watched, poll_interval=60.0)
        alice, bob = await sign_in(backend, "alice", "bob")
        chat = await room(backend, alice, "alice", "bob")
        async with backend.subscribe(bob) as events:
            await next_of(events, Synchronized)
            looks = listings(middleman)
            await backend.conversations.update(alice, chat.sid, ConversationChanges(attributes={"n": 1}))
            await backend.participants.update(alice, chat.sid, "alice", ParticipantChanges(attributes=[1]))
            await backend.participants.typing(alice, chat.sid)
            changes = UserConversationChanges(last_read_message_index=0)
            await backend.user_conversations.update(alice, chat.sid, changes)
            told = [type(each) for each in await quiet(events)]
            assert [ConversationUpdated, ParticipantUpdated, TypingStarted, ParticipantUpdated] == told
            assert looks == listings(middleman)


async def test_one_look_is_enough_where_somebody_came(
    emulator: Emulator, shared_store: str, middleman: Middleman
) -> None:
    async with Deployment(emulator, shared_store) as deployment:
        watched = middleman.connection_string(emulator.connection_string)
        backend = deployment.backend(connection_string=watched, poll_interval=60.0)
        alice, bob = await sign_in(backend, "alice", "bob")
        chat = await room(backend, alice, "alice", "bob")
        async with backend.subscribe(bob) as events:
            await next_of(events, Synchronized)
            await quiet(events)
            looks = listings(middleman)
            await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="carol"))
            assert [ParticipantJoined] == [type(each) for each in await quiet(events)]
            assert looks + 1 == listings(middleman)


def listings(middleman: Middleman) -> int:
    """Return how often somebody asked ACS for a list of threads."""
    return sum((each.method, each.path) == ("GET", "/chat/threads") for each in middleman.seen)


async def test_what_changed_before_the_state_was_looked_at_is_no_news(deployment: Deployment) -> None:
    here, there = deployment.backend(), deployment.backend()
    alice, bob = await sign_in(here, "alice", "bob")
    chat = await room(here, alice, "alice", "bob")
    await here.conversations.update(alice, chat.sid, ConversationChanges(attributes={"n": 1}))
    async with there.subscribe(bob) as events:
        synchronized = await next_of(events, Synchronized)
        assert [{"n": 1}] == [each.attributes for each in synchronized.conversations]
        assert [] == await quiet(events)


async def test_who_missed_too_much_synchronizes_anew(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "WINDOW", 1)
    here, there = deployment.backend(), deployment.backend()
    alice, bob = await sign_in(here, "alice", "bob")
    chat = await room(here, alice, "alice", "bob")
    async with there.subscribe(bob) as events:
        await next_of(events, Synchronized)
        for number in range(3):
            await here.conversations.update(alice, chat.sid, ConversationChanges(attributes={"n": number}))
        database, feed = Database(deployment.settings.database_url), there._polling.feed
        newest = await feed.position()
        await until(lambda: feed.end >= newest)  # one that was read alone would be told
        async with database.write() as connection:
            await changes.forget(connection, 2**60)
        await database.close()
        again = await next_of(events, Synchronized)
        assert [{"n": 2}] == [each.attributes for each in again.conversations]
        await here.conversations.update(alice, chat.sid, ConversationChanges(attributes={"n": 3}))
        assert {"n": 3} == (await next_of(events, ConversationUpdated)).conversation.attributes


async def test_a_store_out_of_reach_interrupts_the_source_until_it_is_back(
    emulator: Emulator, postgresql_url: str
) -> None:
    async with Deployment(emulator, postgresql_url) as deployment:
        backend = deployment.backend()
        alice, bob = await sign_in(backend, "alice", "bob")
        chat = await room(backend, alice, "alice", "bob")
        async with backend.subscribe(bob) as events:
            await next_of(events, Synchronized)
            async with out_of_reach(postgresql_url):
                interrupted = await next_of(events, SourceInterrupted)
                assert "TWILIO_COMPAT_DATABASE_URL failed" in str(interrupted.error)
            await next_of(events, SourceRestored)
            await backend.conversations.update(alice, chat.sid, ConversationChanges(attributes={"n": 1}))
            assert {"n": 1} == (await next_of(events, ConversationUpdated)).conversation.attributes
