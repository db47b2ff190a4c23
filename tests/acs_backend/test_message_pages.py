"""Pages of messages against a thread that others write to, edit and delete from at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from acs_backend.clients import AcsUser
from acs_backend.ledger.ledger import Ledger
from acs_backend.ledger.listings import Listings
from acs_backend.ledger.reader import FRESH, KEPT_PIECES, Reader
from acs_backend.message_pages import MessagePages, Page, Wanted
from acs_backend.retries import Retries
from acs_backend.store import conversations
from acs_backend.store.database import Database
from tests.acs_backend.thread_model import Line, ThreadModel
from twilio_compat.records import Direction

THREAD = "19:thread@thread.v2"
READER: Any = AcsUser("8:acs:reader", None)  # type: ignore[arg-type]  # nobody asks for its token here
OTHER: Any = AcsUser("8:acs:other", None)  # type: ignore[arg-type]  # nor here
BACKWARDS, FORWARD = Direction.BACKWARDS, Direction.FORWARD


@dataclass
class Desk:
    """One reader of one thread, who sees the clock that the test sets."""

    model: ThreadModel = field(default_factory=ThreadModel)
    largest_page: int = 200
    now: float = 0.0

    def __post_init__(self) -> None:
        self.database = Database("sqlite://")
        retries = Retries(deadline=10, attempt_timeout=10)
        self.listings = Listings(self.model.clients(), retries, largest_page=self.largest_page)
        ledger = Ledger(self.database, self.listings)
        self.reader = Reader(self.model.clients(), retries, ledger, self.listings, clock=lambda: self.now)
        self.pages = MessagePages(self.database, self.reader)

    async def open(self) -> None:
        row = conversations.adopted(THREAD, topic="t", created_by="c", created_at=0)
        async with self.database.write() as connection:
            assert await conversations.add(connection, row)

    async def page(self, size: int, anchor: int | None = None, direction: Direction = BACKWARDS) -> Page:
        return await self.pages.read(READER, THREAD, Wanted(size, anchor, direction))

    async def requests(self, size: int, anchor: int | None = None, direction: Direction = BACKWARDS) -> int:
        """Read a page and return what it cost."""
        before = self.model.pages_read
        await self.page(size, anchor, direction)
        return self.model.pages_read - before


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Sit at a thread of 1,000 messages, whose ledger is up to date."""
    desk = Desk()
    await desk.open()
    for number in range(1_000):
        desk.model.add().text = str(number)
    await desk.page(1)
    yield desk
    await desk.database.close()


def indexes(page: Page) -> list[int | None]:
    return [row.index for row, _ in page.messages]


def texts(page: Page) -> list[str]:
    return [message.content for _, message in page.messages]


async def test_the_newest_page_costs_one_request(desk: Desk) -> None:
    assert 1 == await desk.requests(30)
    assert 1 == await desk.requests(150)


@pytest.mark.parametrize(("skipped", "cost"), [(100, 1), (300, 2), (500, 3), (900, 5)])
async def test_a_page_far_back_costs_a_request_for_each_200_messages_above_it(
    desk: Desk, skipped: int, cost: int
) -> None:
    assert cost == await desk.requests(30, 999 - skipped)
    assert 0 == desk.model.fetched


async def test_going_back_from_page_to_page_reads_each_piece_of_the_list_once(desk: Desk) -> None:
    before = desk.model.pages_read
    page = await desk.page(30)
    seen = [texts(page)]
    while page.has_older:
        page = await desk.page(30, (page.messages[0][0].index or 0) - 1)
        seen.append(texts(page))
    assert [str(number) for number in range(1_000)] == [each for part in seen[::-1] for each in part]
    assert 1 + 1_000 // 200 == desk.model.pages_read - before  # the newest page, and the five pieces
    assert 0 == desk.model.fetched


async def test_a_reader_who_takes_their_time_pays_one_glance_for_each_page(desk: Desk) -> None:
    await desk.page(30, 500)
    for anchor in (490, 460, 430):
        desk.now += 60
        assert 1 == await desk.requests(30, anchor)


@pytest.mark.parametrize(("changes", "cost"), [(10, 1), (150, 2), (350, 4)])
async def test_what_others_have_read_of_the_changes_since_does_not_end_the_walk(
    desk: Desk, changes: int, cost: int
) -> None:
    await desk.page(30, 100)
    for _ in range(changes):
        desk.model.add()
    await desk.pages.read(OTHER, THREAD, Wanted(1, None, BACKWARDS))
    desk.now += 60
    assert cost == await desk.requests(30, 90)


async def test_what_was_let_go_is_read_again_through_its_link(desk: Desk) -> None:
    for number in range(KEPT_PIECES * 200):
        desk.model.add().text = str(1_000 + number)
    last = 999 + KEPT_PIECES * 200
    await desk.page(1, 0)  # walks by all of it: the first pieces are let go
    assert ["0"] == texts(await desk.page(1, 0))
    desk.now += 60
    before = desk.model.pages_read
    assert [str(number) for number in range(last - 640, last - 600)] == texts(await desk.page(40, last - 601))
    assert 2 == desk.model.pages_read - before  # the glance, and the piece


async def test_where_the_top_was_let_go_an_old_message_that_moved_there_does_not_end_the_walk(
    desk: Desk,
) -> None:
    for number in range(KEPT_PIECES * 200):
        desk.model.add().text = str(1_000 + number)
    desk.model.change(desk.model.messages[50])
    await desk.page(1, 0)  # walks by all of it: the first pieces are let go
    for number in range(60):
        desk.model.add().text = f"new {number}"
    desk.now += 60
    before = desk.model.pages_read
    assert desk.model.messages[50].text == texts(await desk.page(10, 55))[4]
    assert (
        desk.model.pages_read - before <= 7
    )  # to join the walk, to read down to where the top was, and the piece
    assert 0 == desk.model.fetched


async def test_an_edit_elsewhere_is_shown_once_the_reading_is_old(desk: Desk) -> None:
    await desk.page(10, 500)
    desk.model.change(desk.model.messages[495])
    desk.now += FRESH
    assert desk.model.messages[495].text == texts(await desk.page(10, 500))[4]


async def test_an_edit_that_this_process_has_seen_is_shown_at_once(desk: Desk) -> None:
    await desk.page(10, 500)
    desk.model.change(desk.model.messages[495])
    await desk.listings.read(READER, THREAD, size=1, known=lambda entry: True)
    assert desk.model.messages[495].text == texts(await desk.page(10, 500))[4]


async def test_a_message_that_moved_away_from_a_piece_not_read_yet_is_found_at_the_top(desk: Desk) -> None:
    await desk.page(10, 500)
    desk.model.change(desk.model.messages[100])
    assert desk.model.messages[100].text == texts(await desk.page(10, 105))[4]
    assert 0 == desk.model.fetched


async def test_a_message_that_no_listing_shows_yet_is_asked_for_and_not_taken_for_deleted(desk: Desk) -> None:
    desk.model.unlisted = desk.model.messages[999]
    assert "999" == texts(await desk.page(10))[-1]
    assert 1 == desk.model.fetched


async def test_a_page_that_ends_at_the_newest_message_looks_for_newer_ones(desk: Desk) -> None:
    await desk.page(10, 990, FORWARD)
    desk.model.add().text = "new"
    page = await desk.page(100, 995, FORWARD)
    assert ([995, 996, 997, 998, 999, 1_000], False) == (indexes(page), page.has_newer)


async def test_messages_from_before_the_readers_time_are_not_shown_and_not_taken_for_deleted(
    desk: Desk,
) -> None:
    newcomer = Desk(ThreadModel(lines=desk.model.lines, floor=desk.model.messages[300].message_id))
    newcomer.database, newcomer.pages = desk.database, MessagePages(desk.database, newcomer.reader)
    newcomer.reader.ledger = desk.reader.ledger
    page = await newcomer.page(50, 320)
    assert (list(range(300, 321)), False, True) == (indexes(page), page.has_older, page.has_newer)
    page = await newcomer.page(50, None, FORWARD)
    assert list(range(300, 350)) == indexes(page)
    assert list(range(271, 321)) == indexes(await desk.page(50, 320))
    assert 0 == newcomer.model.fetched


class PagingMachine(RuleBasedStateMachine):
    """A reader who pages to and fro, slowly or fast, while others write, edit and delete."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.desk = Desk(largest_page=5)
        self.model = self.desk.model

    @initialize(count=st.integers(0, 30))
    def make(self, count: int) -> None:
        self.loop.run_until_complete(self.desk.open())
        self.model.add(kind="participantAdded", members=("8:acs:reader",))
        self.write(count)

    @rule(count=st.integers(1, 12))
    def write(self, count: int) -> None:
        for _ in range(count):
            self.model.add().text = f"said {self.model.now}"
        self.wait()

    @rule()
    def system_message(self) -> None:
        self.model.add(kind="topicUpdated")
        self.wait()

    @precondition(lambda self: any(not each.deleted for each in self.model.messages))
    @rule(data=st.data(), delete=st.booleans())
    def change(self, data: st.DataObject, delete: bool) -> None:
        self.model.change(data.draw(st.sampled_from(self.shown())), delete=delete)
        self.wait()

    @rule(
        size=st.integers(1, 12),
        anchor=st.none() | st.integers(0, 60),
        direction=st.sampled_from(Direction),
    )
    def page(self, size: int, anchor: int | None, direction: Direction) -> None:
        """A page shows what there is, at a price that grows with the thread and not with the page."""
        before = self.model.pages_read
        page = self.loop.run_until_complete(self.desk.page(size, anchor, direction))
        expected, older, newer = self.expected(size, anchor, direction)
        assert [each.text for each in expected] == texts(page)
        assert [self.model.messages.index(each) for each in expected] == indexes(page)
        assert (older, newer) == (page.has_older, page.has_newer)
        assert 0 == self.model.fetched
        assert self.model.pages_read - before <= 4 + 2 * len(self.model.lines) // 5

    @precondition(lambda self: self.shown())
    @rule(data=st.data(), size=st.integers(1, 12), anchor=st.none() | st.integers(0, 60))
    def page_while_others_edit(self, data: st.DataObject, size: int, anchor: int | None) -> None:
        """What is edited while the page is read is shown as it was before or as it is after."""
        edited = data.draw(st.lists(st.sampled_from(self.shown()), max_size=3))
        before = {each.message_id: each.text for each in self.model.messages}
        self.model.between_pages = self.one_by_one(edited)
        try:
            page = self.loop.run_until_complete(self.desk.page(size, anchor))
        finally:
            self.model.between_pages = lambda: None
        expected, _, _ = self.expected(size, anchor, BACKWARDS)
        assert [self.model.messages.index(each) for each in expected] == indexes(page)
        for line, text in zip(expected, texts(page), strict=True):
            assert text in (before[line.message_id], line.text)
        self.wait()

    def one_by_one(self, edited: list[Line]) -> Callable[[], None]:
        left = list(dict.fromkeys(map(id, edited)))
        by_id = {id(each): each for each in edited}

        def change() -> None:
            if left:
                self.model.change(by_id[left.pop()])

        return change

    def shown(self) -> list[Line]:
        return [each for each in self.model.messages if not each.deleted]

    def expected(self, size: int, anchor: int | None, direction: Direction) -> tuple[list[Line], bool, bool]:
        """Return the page that the thread itself would give, and whether there is more on either side."""
        every = [(rank, each) for rank, each in enumerate(self.model.messages) if not each.deleted]
        if direction is BACKWARDS:
            reach = [each for each in every if anchor is None or each[0] <= anchor][-size:]
        else:
            reach = [each for each in every if anchor is None or each[0] >= anchor][:size]
        if reach:
            low, high = reach[0][0], reach[-1][0]
        elif direction is BACKWARDS:
            low, high = 0, anchor if anchor is not None else -1
        else:
            low, high = anchor or 0, 10**6
        older, newer = any(rank < low for rank, _ in every), any(rank > high for rank, _ in every)
        return [each for _, each in reach], older, newer

    def wait(self) -> None:
        """Let so much time pass that the reader looks again."""
        self.desk.now += FRESH

    def teardown(self) -> None:
        self.loop.run_until_complete(self.desk.database.close())
        self.loop.close()


TestPaging = PagingMachine.TestCase
TestPaging.settings = settings(max_examples=60, stateful_step_count=25, deadline=None, derandomize=True)
