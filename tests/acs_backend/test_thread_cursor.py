"""What a subscriber hears of one thread, whatever happens in it and whenever it looks."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from acs_backend.event_sources.shared_readings import SharedThread
from acs_backend.event_sources.thread_cursor import ThreadCursor, ThreadGlance, exact, start
from acs_backend.ledger import entries
from acs_backend.ledger.entries import Entry, Kind
from tests.acs_backend.thread_model import EPOCH, Line, ThreadModel, message_json


def entry(message_id: int, sequence: int, version: int | None = None) -> Entry:
    return Entry(message_id, sequence, message_id if version is None else version, Kind.MESSAGE)


def glance_at(second: int | None) -> ThreadGlance:
    return ThreadGlance("topic", None if second is None else EPOCH + timedelta(seconds=second))


def test_a_thread_that_was_quiet_for_long_needs_no_look_at_the_start() -> None:
    cursor = start(glance_at(100), EPOCH + timedelta(seconds=200))
    assert cursor is not None
    assert not cursor.behind(entry(100_999, 7))
    assert cursor.behind(entry(200_000, 8))


def test_a_thread_that_was_active_just_now_needs_an_exact_look() -> None:
    assert None is start(glance_at(100), EPOCH + timedelta(seconds=102))


def test_a_thread_without_messages_has_only_news() -> None:
    cursor = start(glance_at(None), EPOCH + timedelta(seconds=100))
    assert cursor is not None
    assert cursor.behind(entry(100_000, 3))


def test_an_exact_cursor_stands_behind_the_newest_change() -> None:
    cursor = exact(glance_at(1), entry(900, 5, version=1_200))
    assert [False, True] == [cursor.behind(entry(900, 5, 1_200)), cursor.behind(entry(900, 6, 1_300))]
    assert [False, True] == [cursor.is_new(entry(1_200, 6, 1_300)), cursor.is_new(entry(1_201, 6, 1_300))]


def test_a_message_created_in_the_millisecond_of_another_change_is_new() -> None:
    cursor = exact(glance_at(1), entry(1_000, 5, 1_200))
    assert cursor.is_new(entry(1_200, 6))


def test_a_thread_is_read_until_a_reading_has_all_of_the_second() -> None:
    cursor = ThreadCursor(glance_at(1), version=0)
    needed = []
    for is_settled in (False, False, True, True):
        needed.append(cursor.needs_reading(glance_at(2)))
        cursor = cursor.glanced(glance_at(2).received, is_settled=is_settled)
    assert [True, True, True, False] == needed


def test_a_thread_in_which_something_was_edited_is_read_whatever_its_time_is() -> None:
    cursor = ThreadCursor(glance_at(1), version=0)
    assert [False, True] == [each.needs_reading(glance_at(1)) for each in (cursor, cursor.warmed())]


def test_a_message_sent_and_edited_between_two_looks_is_told_once_and_in_its_place() -> None:
    cursor = ThreadCursor(glance_at(1), version=100, sequence=5)
    edited, second = entry(110, 8, version=130), entry(120, 7)
    assert [edited, second] == cursor.news([edited, second])
    assert [True, True] == [cursor.is_new(edited), cursor.is_new(second)]


class Follower(RuleBasedStateMachine):
    """One thread, and one subscriber who may start at any time and looks now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.model = ThreadModel()
        self.cursor: ThreadCursor | None = None
        self.thread = SharedThread()
        self.before: set[int] = set()
        self.added: list[int] = []
        self.shown: dict[int, str] = {}
        self.removed: list[int] = []

    def listing(self) -> list[Entry]:
        return entries.newest_first(entries.read(message_json(each)) for each in self.model.lines)

    def glance(self) -> ThreadGlance:
        return ThreadGlance("topic", self.model.received)

    @rule(pause=st.integers(0, 2_500))
    def send(self, pause: int) -> None:
        self.model.now += pause
        self.model.add()

    @precondition(lambda self: any(not each.deleted for each in self.model.messages))
    @rule(data=st.data(), delete=st.booleans())
    def change(self, data: st.DataObject, delete: bool) -> None:
        line: Line = data.draw(st.sampled_from([each for each in self.model.messages if not each.deleted]))
        self.model.change(line, delete=delete)

    @precondition(lambda self: self.cursor is None)
    @rule(wait=st.integers(0, 6_000))
    def subscribe(self, wait: int) -> None:
        self.model.now += wait
        self.before = {each.message_id for each in self.model.messages}
        self.shown = {each.message_id: each.text for each in self.model.messages}
        server_time = EPOCH + timedelta(seconds=self.model.now // 1000)
        listing = self.listing()
        top = listing[0] if listing else None
        self.cursor = start(self.glance(), server_time) or exact(self.glance(), top)

    @precondition(lambda self: self.cursor is not None)
    @rule(wait=st.sampled_from([0, 200, 900, 1_500, 5_000]))
    def tick(self, wait: int) -> None:
        assert self.cursor is not None
        self.model.now += wait
        self.look()

    def look(self) -> None:
        assert self.cursor is not None
        now, glance = self.model.now / 1000, self.glance()
        if not self.cursor.needs_reading(glance):
            return
        self.thread.notice(glance.received, asked=now, now=now)
        listing = self.listing()
        for each in self.cursor.news(listing):
            self.hear(each)
        read = self.cursor.read(listing)
        self.cursor = read.glanced(glance.received, is_settled=self.thread.is_settled(now))

    def hear(self, each: Entry) -> None:
        assert self.cursor is not None
        assert each.message is not None
        if self.cursor.is_new(each):
            if not each.deleted:
                self.added.append(each.message_id)
                self.shown[each.message_id] = each.message.content
        elif each.deleted:
            self.removed.append(each.message_id)
        else:
            self.shown[each.message_id] = each.message.content

    @invariant()
    def each_message_is_told_once_and_in_order(self) -> None:
        assert sorted(set(self.added)) == self.added
        assert not self.before & set(self.added)

    @precondition(lambda self: self.cursor is not None)
    @rule()
    def settle(self) -> None:
        """Some quiet ticks later the subscriber knows everything."""
        for _ in range(3):
            self.model.now += 700
            self.look()
        live = {each.message_id: each.text for each in self.model.messages if not each.deleted}
        assert live.keys() - self.before <= set(self.added)
        assert live == {each: text for each, text in self.shown.items() if each in live}
        gone = {each.message_id for each in self.model.messages if each.deleted}
        assert set(self.added) & gone <= set(self.removed)
        assert len(set(self.removed)) == len(self.removed)


Follower.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestFollower = Follower.TestCase
