"""What many subscribers hear of one thread when each reading of it serves all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceResponseError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from acs_backend.event_sources.shared_readings import KEPT_FOR, Reading, SharedReadings, SharedThread
from acs_backend.event_sources.thread_cursor import WARM, ThreadCursor, ThreadGlance, exact
from acs_backend.ledger import entries
from acs_backend.ledger.entries import Entry, Kind
from acs_backend.ledger.listings import Heights
from tests.acs_backend.thread_model import EPOCH, ThreadModel, message_json
from twilio_compat.errors import RateLimitedError

THREAD = "19:thread@thread.v2"
INTERVAL = 1.0
ANY_TIME = 0.0
CURSOR = ThreadCursor(ThreadGlance("topic", EPOCH), version=100, sequence=5)


def entry(sequence: int, kind: Kind = Kind.MESSAGE, members: tuple[str, ...] = ()) -> Entry:
    return Entry(sequence * 20, sequence, sequence * 20, kind, members=members)


def reading(*sequences: int, began: float = 1.0, readers: str = "alice") -> Reading:
    return Reading([entry(each) for each in sequences], began, frozenset(readers.split()))


class Service:
    """A thread of which each member sees what their history has, and the process that reads it."""

    def __init__(self) -> None:
        self.model = ThreadModel()
        self.histories_of: dict[str, int] = {}
        self.heights = Heights()
        self.shared = SharedReadings(self, clock=lambda: self.now)  # type: ignore[arg-type]  # it stands for `Listings`
        self.listings = self.lists_of_members = 0
        self.trouble: Exception | None = None
        self.gate: asyncio.Event | None = None

    @property
    def now(self) -> float:
        return self.model.now / 1000

    @property
    def glance(self) -> ThreadGlance:
        return ThreadGlance("topic", self.model.received)

    def visible(self, who: str) -> list[Entry]:
        if who not in self.histories_of:
            raise HttpResponseError(response=SimpleNamespace(status_code=403, reason="Forbidden"))
        lines = [each for each in self.model.lines if each.message_id >= self.histories_of[who]]
        return entries.newest_first(entries.read(message_json(each)) for each in lines)

    @staticmethod
    def down_to(listing: Sequence[Entry], cursor: ThreadCursor) -> Sequence[Entry]:
        known = next((number for number, each in enumerate(listing) if not cursor.behind(each)), len(listing))
        return listing[: known + 1]

    async def histories(self, user: Any, thread_id: str) -> dict[str, int]:
        self.lists_of_members += 1
        self.visible(user.id)
        return dict(self.histories_of)

    async def read(
        self,
        who: str,
        cursor: ThreadCursor,
        oldest: float,
        *,
        is_recorded: bool = True,
        is_enough: bool = False,
    ) -> Reading:
        async def alone() -> tuple[Sequence[Entry], bool]:
            self.listings += 1
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
            if self.trouble is not None:
                raise self.trouble
            listed = self.down_to(self.visible(who), cursor)
            self.heights.note(THREAD, listed[0].sequence if listed else 0)
            return listed, is_recorded

        user: Any = SimpleNamespace(id=who)
        return await self.shared.read(
            user, THREAD, cursor, oldest, is_enough=lambda listing: is_enough, alone=alone
        )


@pytest.fixture
def service() -> Service:
    running = Service()
    running.histories_of = {"alice": 0, "bob": 0, "carol": 0}
    running.model.add()
    return running


def cursor_of(service: Service) -> ThreadCursor:
    """Return a cursor that has seen all there is."""
    top = next(iter(service.visible("alice")), None)
    return exact(service.glance, top)


async def test_one_request_serves_all_who_ask_at_once(service: Service) -> None:
    cursor = cursor_of(service)
    service.model.add()
    read = await asyncio.gather(*(service.read(each, cursor, ANY_TIME) for each in ("alice", "bob", "carol")))
    assert [2, 2, 2] == [each.top for each in read]
    assert (1, 1) == (service.listings, service.lists_of_members)


async def test_a_reading_that_began_before_the_movement_was_noticed_serves_nobody(service: Service) -> None:
    cursor = cursor_of(service)
    await service.read("alice", cursor, ANY_TIME)
    service.model.add()
    assert 2 == (await service.read("bob", cursor, service.now)).top
    assert 2 == service.listings


async def test_a_reading_is_old_once_anybody_has_seen_the_thread_further(service: Service) -> None:
    cursor = cursor_of(service)
    await service.read("alice", cursor, ANY_TIME)
    service.model.add()
    service.heights.note(THREAD, 2)
    assert 2 == (await service.read("bob", cursor, ANY_TIME)).top


async def test_what_the_ledger_does_not_have_serves_only_those_who_can_do_without(service: Service) -> None:
    cursor = cursor_of(service)
    await service.read("alice", cursor, ANY_TIME, is_recorded=False)
    await service.read("bob", cursor, ANY_TIME, is_enough=True)
    assert 1 == service.listings
    await service.read("carol", cursor, ANY_TIME, is_enough=False)
    assert 2 == service.listings


async def test_a_reading_that_is_enough_as_it_is_needs_no_list_of_members(service: Service) -> None:
    cursor = cursor_of(service)
    service.model.add()
    for who in ("alice", "bob", "carol"):
        await service.read(who, cursor, ANY_TIME, is_recorded=False, is_enough=True)
    assert (1, 0) == (service.listings, service.lists_of_members)


async def test_the_members_are_listed_again_once_somebody_came(service: Service) -> None:
    cursor = cursor_of(service)
    for _ in range(2):
        service.model.add(kind="participantAdded", members=("dave",))
        for who in ("alice", "bob", "carol"):
            await service.read(who, cursor, service.now)
    assert (2, 2) == (service.listings, service.lists_of_members)


async def test_who_is_refused_does_not_stand_in_the_way_of_the_others(service: Service) -> None:
    cursor = cursor_of(service)
    del service.histories_of["alice"]
    refused, read = await asyncio.gather(
        service.read("alice", cursor, ANY_TIME), service.read("bob", cursor, ANY_TIME), return_exceptions=True
    )
    assert isinstance(refused, HttpResponseError)
    assert isinstance(read, Reading)


@pytest.mark.parametrize("trouble", [ServiceResponseError("lost"), RateLimitedError("later")])
async def test_a_failure_is_the_outcome_for_all_who_waited_and_not_for_those_who_come_later(
    service: Service, trouble: Exception
) -> None:
    cursor, service.trouble = cursor_of(service), trouble
    failed = await asyncio.gather(
        *(service.read(each, cursor, ANY_TIME) for each in ("alice", "bob", "carol")), return_exceptions=True
    )
    assert [trouble] * 3 == failed
    assert 1 == service.listings
    service.trouble = None
    assert 1 == (await service.read("bob", cursor, ANY_TIME)).top


async def test_when_the_reader_gives_up_another_one_reads(service: Service) -> None:
    cursor, service.gate = cursor_of(service), asyncio.Event()
    first = asyncio.ensure_future(service.read("alice", cursor, ANY_TIME))
    second = asyncio.ensure_future(service.read("bob", cursor, ANY_TIME))
    await asyncio.sleep(0)
    first.cancel()
    service.gate.set()
    assert 1 == (await second).top
    assert first.cancelled()


async def test_readings_nobody_uses_are_dropped(service: Service) -> None:
    await service.read("alice", cursor_of(service), ANY_TIME)
    service.model.now += int(KEPT_FOR * 1000) + 1
    service.shared.of("19:another@thread.v2")
    assert service.shared.of(THREAD).latest is None


# What serves whom


def test_a_reading_lies_upon_an_older_one_that_it_meets() -> None:
    assert [9, 8, 7, 6, 5] == [
        each.sequence for each in reading(9, 8, 7).upon(reading(7, 6, 5, readers="bob")).entries
    ]
    assert frozenset(["alice", "bob"]) == reading(7).upon(reading(7, 6, readers="bob")).readers


def test_readings_that_do_not_meet_leave_it_open_who_came_between_them() -> None:
    thread = SharedThread()
    thread.add(reading(6, 5))
    thread.add(reading(7, 6))
    assert 1 == thread.additions
    thread.add(reading(9, 8))
    assert reading(9, 8) == thread.latest
    assert 2 == thread.additions


def test_a_reading_that_took_long_does_not_hide_one_that_began_later() -> None:
    thread = SharedThread()
    thread.add(reading(7, 6, began=2.0))
    thread.add(reading(6, 5, began=1.0))
    assert reading(7, 6, began=2.0) == thread.latest


def test_a_reading_with_somebody_whose_history_begins_later_does_not_serve() -> None:
    shared = reading(7, 6, 5, readers="alice bob")
    assert shared.seen_by("carol", CURSOR, {"alice": 0, "bob": 0, "carol": 0}) is not None
    assert shared.seen_by("carol", CURSOR, {"alice": 0, "bob": 1, "carol": 0}) is None
    assert shared.seen_by("carol", CURSOR, {"alice": 0, "carol": 0}) is None
    assert shared.seen_by("carol", CURSOR, {"alice": 0, "bob": 0}) is None


def test_what_lies_before_somebodys_history_is_left_out() -> None:
    seen = reading(7, 6, 5).seen_by("bob", CURSOR, {"alice": 0, "bob": 130})
    assert seen is not None
    assert [7] == [each.sequence for each in seen.entries]


def test_a_reading_that_ends_above_the_cursor_does_not_serve() -> None:
    assert reading(9, 8, 7).seen_by("alice", CURSOR, {"alice": 0}) is None


@pytest.mark.parametrize("kind", [Kind.ADDED, Kind.REMOVED])
def test_who_came_or_went_since_reads_alone(kind: Kind) -> None:
    listed = [entry(7), entry(6, kind, members=("bob",)), entry(5)]
    shared = Reading(listed, 1.0, frozenset(["alice"]))
    histories = {"alice": 0, "bob": 0, "carol": 0}
    assert shared.seen_by("bob", CURSOR, histories) is None
    assert shared.seen_by("carol", CURSOR, histories) is not None


# When a reading is due


def second(number: int) -> Any:
    return EPOCH + timedelta(seconds=number)


def test_all_count_from_when_the_movement_was_first_noticed() -> None:
    thread = SharedThread()
    for now in (10.0, 10.4, 10.9):
        thread.notice(second(5), asked=now, now=now)
    assert 10.0 == thread.due(10.9, INTERVAL)
    assert [False, True] == [thread.is_settled(10.0 + each) for each in (WARM - 0.1, WARM)]


def test_while_there_may_be_more_a_reading_is_good_for_an_interval_and_then_for_good() -> None:
    thread = SharedThread()
    thread.notice(second(5), asked=10.0, now=10.0)
    assert [10.0, 10.5, 12.0, 12.0] == [thread.due(now, INTERVAL) for now in (10.5, 11.5, 12.0, 99.0)]


def test_a_late_list_of_threads_is_no_movement_and_a_time_that_goes_back_is() -> None:
    thread = SharedThread()
    thread.notice(second(5), asked=10.0, now=10.0)
    thread.notice(second(4), asked=9.0, now=20.0)
    assert 12.0 == thread.due(30.0, INTERVAL)
    thread.notice(second(4), asked=20.0, now=20.1)
    assert 20.1 + WARM == thread.due(30.0, INTERVAL)


def test_a_write_is_a_movement_and_a_change_of_the_feed_is_one_for_all_who_hear_of_it() -> None:
    thread = SharedThread()
    thread.move(20.0)
    assert 20.0 == thread.due(20.5, INTERVAL)
    for now in (30.0, 30.5):
        thread.hear(7, now=now)
    assert 30.0 == thread.due(30.6, INTERVAL)


# All of it


@dataclass
class Listener:
    """One subscriber, and what it was told."""

    cursor: ThreadCursor
    added: list[int] = field(default_factory=list)
    shown: dict[int, str] = field(default_factory=dict)

    def knows(self, history: int) -> dict[int, str]:
        """Return what the messages say, from an id on."""
        return {each: text for each, text in self.shown.items() if each >= history}

    def heard(self, history: int) -> list[int]:
        """Return which of them it was told, in that order."""
        return [each for each in self.added if each in self.knows(history)]

    def take(self, read: Reading) -> None:
        for each in self.cursor.news(read.entries):
            if each.message is None or (each.deleted and self.shown.pop(each.message_id, None) is None):
                continue
            if self.cursor.is_new(each) and not each.deleted:
                self.added.append(each.message_id)
            if not each.deleted:
                self.shown[each.message_id] = each.message.content
        self.cursor = self.cursor.read(read.entries)


WHO = st.sampled_from(["alice", "bob", "carol", "dave"])
MEANWHILE = st.sampled_from(["nothing", "nothing", "send", "edit", "leave and send", "come back"])
WAITS = st.sampled_from([0, 200, 900, 1_500, 5_000])


class Followers(RuleBasedStateMachine):
    """Members who come and go, see the thread from some message on, and look now and then.

    Each has a twin who looks at the same times, a little later, and reads alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.service = Service()
        self.model = self.service.model
        self.listeners: dict[str, tuple[Listener, Listener]] = {}
        self.left: dict[str, list[tuple[int, int]]] = {}
        """When somebody left, as sequence ids, and where their history had begun, as message ids."""
        self.come("alice", whole=True)
        self.come("carol", whole=True)
        self.model.add()
        self.come("bob", whole=False)
        for each in ("alice", "bob", "carol"):
            self.begin(each, self.service.glance)

    def teardown(self) -> None:
        self.loop.close()

    @rule(pause=st.integers(0, 2_500))
    def send(self, pause: int) -> None:
        self.model.now += pause
        self.model.add()

    @precondition(lambda self: any(not each.deleted for each in self.model.messages))
    @rule(data=st.data(), delete=st.booleans())
    def change(self, data: st.DataObject, delete: bool) -> None:
        live = [each for each in self.model.messages if not each.deleted]
        self.model.change(data.draw(st.sampled_from(live)), delete=delete)

    @rule(who=WHO, whole=st.booleans())
    def come(self, who: str, whole: bool) -> None:
        if who not in self.service.histories_of:
            line = self.model.add(kind="participantAdded", members=(who,))
            self.service.histories_of[who] = 0 if whole else line.message_id

    @rule(who=WHO)
    def go(self, who: str) -> None:
        history = self.service.histories_of.pop(who, None)
        if history is not None:
            line = self.model.add(kind="participantRemoved", members=(who,))
            self.left.setdefault(who, []).append((line.sequence, history))

    @rule(who=WHO, wait=WAITS, meanwhile=MEANWHILE, others=st.lists(WHO, max_size=2), data=st.data())
    def look(self, who: str, wait: int, meanwhile: str, others: list[str], data: st.DataObject) -> None:
        """Have somebody look, while something happens, and others read, before the reading begins."""
        self.model.now += wait
        if who not in self.service.histories_of:
            self.listeners.pop(who, None)
            return
        glance, asked = self.service.glance, self.service.now
        self.happen(meanwhile, who, data)
        for each in set(others) & self.service.histories_of.keys() - {who}:
            self.tick(each, self.service.glance, self.service.now)
        self.tick(who, glance, asked)

    def happen(self, meanwhile: str, who: str, data: st.DataObject) -> None:
        if meanwhile in ("leave and send", "come back"):
            self.go(who)
        if meanwhile in ("send", "leave and send", "come back"):
            self.model.add()
        if meanwhile == "come back":
            self.come(who, data.draw(st.booleans()))
        if meanwhile == "edit" and any(not each.deleted for each in self.model.messages):
            self.change(data, delete=False)

    def tick(self, who: str, glance: ThreadGlance, asked: float) -> None:
        if who not in self.listeners:
            self.begin(who, glance)
            return
        mine, twin = self.listeners[who]
        thread = self.service.shared.of(THREAD)
        thread.notice(glance.received, asked=asked, now=asked)
        if mine.cursor.needs_reading(glance):
            self.read(who, mine, glance, thread.due(asked, INTERVAL))
        if who in self.service.histories_of:
            twin.take(Reading(self.service.visible(who), asked, frozenset()))

    def begin(self, who: str, glance: ThreadGlance) -> None:
        if who in self.service.histories_of:
            listed = self.service.visible(who)
            cursor = exact(glance, listed[0] if listed else None)
            shown = {
                each.message_id: each.message.content for each in listed if each.message and not each.deleted
            }
            self.listeners[who] = Listener(cursor, [], dict(shown)), Listener(cursor, [], dict(shown))

    def read(self, who: str, listener: Listener, glance: ThreadGlance, oldest: float) -> None:
        try:
            read = self.loop.run_until_complete(self.service.read(who, listener.cursor, oldest))
        except HttpResponseError:
            assert who not in self.service.histories_of
            return
        assert all(self.was_allowed(who, each) for each in read.entries)
        listener.take(read)
        is_settled = self.service.shared.of(THREAD).is_settled(read.began)
        listener.cursor = listener.cursor.glanced(glance.received, is_settled=is_settled)

    def was_allowed(self, who: str, each: Entry) -> bool:
        """Whether somebody may see a change, or could see it before they left."""
        histories = self.service.histories_of
        if who in histories and each.message_id >= histories[who]:
            return True
        return any(
            each.sequence < sequence and each.message_id >= history
            for sequence, history in self.left.get(who, ())
        )

    @rule()
    def settle(self) -> None:
        """Some quiet ticks later each knows what its twin knows, each message once and in order."""
        for _ in range(5):
            self.model.now += 700
            for who in list(self.service.histories_of):
                self.tick(who, self.service.glance, self.service.now)
        for who, history in self.service.histories_of.items():
            mine, twin = self.listeners[who]
            history = max([history, *(each for _, each in self.left.get(who, ()))])
            assert twin.knows(history) == mine.knows(history)
            assert twin.heard(history) == mine.heard(history)
            assert sorted(set(mine.added)) == mine.added


Followers.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestFollowers = Followers.TestCase
