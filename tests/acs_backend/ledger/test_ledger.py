"""The ledger against a thread that others write to at any moment, read in pages of any size."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from acs_backend.clients import AcsUser
from acs_backend.ledger.ledger import Arrival, Ledger, allocate, append_sent
from acs_backend.ledger.listings import Listings
from acs_backend.retries import Retries
from acs_backend.store import conversations, messages
from acs_backend.store.adoptions import Adoption
from acs_backend.store.database import Database
from tests.acs_backend.thread_model import Line, ThreadModel

THREAD = "19:thread@thread.v2"
READER: Any = AcsUser("8:acs:reader", None)  # type: ignore[arg-type]  # nobody asks for its token here


def arrivals(*ids: int) -> list[Arrival]:
    return [Arrival(each, f"mutation {each}") for each in ids]


def test_indexes_follow_the_order_of_ids() -> None:
    rows = allocate(THREAD, arrivals(30, 10, 20), next_index=5)
    assert [(10, 5), (20, 6), (30, 7)] == [(each.message_id, each.index) for each in rows]


def test_what_the_ledger_holds_is_not_appended_again() -> None:
    assert [20] == [each.message_id for each in allocate(THREAD, arrivals(10, 20), next_index=1, known={10})]


def test_the_second_copy_of_a_send_gets_no_index() -> None:
    copies = [Arrival(10, "one"), Arrival(20, "one"), Arrival(30, "two")]
    rows = allocate(THREAD, copies, next_index=0)
    assert [(10, 0), (20, None), (30, 1)] == [(each.message_id, each.index) for each in rows]


def test_a_copy_of_what_the_ledger_holds_gets_no_index() -> None:
    (held,) = allocate(THREAD, [Arrival(10, "one")], next_index=0)
    rows = allocate(THREAD, [Arrival(20, "one")], next_index=1, mutations={"one": held})
    assert [(20, None)] == [(each.message_id, each.index) for each in rows]


def test_a_message_from_elsewhere_keeps_what_it_was_promised() -> None:
    promised = {
        "one": Adoption("one", "IM1", 2),
        "two": Adoption("two", None, 7),
        "three": Adoption("three", "IM3", None),
    }
    sent = [Arrival(10, "three"), Arrival(20, "two"), Arrival(30, "one"), Arrival(40, None)]
    rows = allocate(THREAD, sent, next_index=8, promised=promised)
    assert [8, 7, 2, 9] == [each.index for each in rows]
    assert ["IM3", "IM1"] == [each.sid for each in rows if len(each.sid) == 3]


def test_the_second_copy_of_a_message_from_elsewhere_keeps_nothing() -> None:
    promised = {"one": Adoption("one", "IM1", 2)}
    first, second = allocate(
        THREAD, [Arrival(10, "one"), Arrival(20, "one")], next_index=3, promised=promised
    )
    assert ("IM1", 2, None) == (first.sid, first.index, second.index)
    assert first.sid != second.sid


def conversation_of_the_library() -> conversations.Conversation:
    """Return a conversation that nobody is known to write to past the library."""
    return replace(conversations.adopted(THREAD, topic="t", created_by="c", created_at=0), native=False)


class LedgerMachine(RuleBasedStateMachine):
    """Writers past the library, sends of its own, and readers who page while all of that goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model = ThreadModel()
        self.database = Database("sqlite://")
        retries = Retries(deadline=10, attempt_timeout=10)
        self.ledger = Ledger(self.database, Listings(self.model.clients(), retries, largest_page=3))
        self.numbers = iter(range(10**6))
        self.unrecorded: list[Line] = []
        self.indexes: dict[int, int] = {}
        self.native = False

    @initialize()
    def make(self) -> None:
        self.loop.run_until_complete(self.insert(conversation_of_the_library()))
        self.model.add(kind="participantAdded", members=("8:acs:reader",))

    async def insert(self, row: conversations.Conversation) -> None:
        async with self.database.write() as connection:
            assert await conversations.add(connection, row)

    @rule()
    def send(self) -> None:
        """A send of this process that is not written down yet."""
        self.unrecorded.append(self.model.add(f"mutation {next(self.numbers)}"))

    @precondition(lambda self: self.unrecorded and not self.native)
    @rule()
    def record(self) -> None:
        """All finished sends enter the ledger without a listing; the recorder sees to it that none is missing."""
        sent = [Arrival(each.message_id, each.mutation_id) for each in self.unrecorded]
        self.unrecorded = []
        self.loop.run_until_complete(self.append(sent))

    async def append(self, sent: list[Arrival]) -> None:
        async with self.database.write() as connection:
            await append_sent(connection, {THREAD: sent})

    @rule(count=st.integers(1, 12))
    def write_past_the_library(self, count: int) -> None:
        if not self.native:
            self.record_all_first()
            self.native = True
            self.loop.run_until_complete(self.mark_native())
        for _ in range(count):
            self.model.add()

    def record_all_first(self) -> None:
        if self.unrecorded:
            self.record()

    async def mark_native(self) -> None:
        async with self.database.write() as connection:
            await conversations.mark_native(connection, THREAD)

    @rule()
    def system_message(self) -> None:
        self.model.add(kind="topicUpdated")

    @precondition(lambda self: self.model.messages)
    @rule(data=st.data(), delete=st.booleans())
    def change(self, data: st.DataObject, delete: bool) -> None:
        line = data.draw(st.sampled_from(self.model.messages))
        if delete and not self.native:
            return
        if not line.deleted:
            self.model.change(line, delete=delete)

    @rule(
        size=st.integers(1, 7),
        meanwhile=st.lists(st.sampled_from(["write", "edit unseen", "edit old"]), max_size=4),
    )
    def read(self, size: int, meanwhile: list[str]) -> None:
        """Catch up in small pages while others write, and see indexes that agree with the order of creation."""
        doing = list(meanwhile) if self.native else []
        self.model.between_pages = lambda: self.disturb(doing)
        listing = self.loop.run_until_complete(self.ledger.catch_up(READER, THREAD, size=size))
        self.model.between_pages = lambda: None
        rows = self.loop.run_until_complete(
            self.ledger.rows(THREAD, [each.message_id for each in listing if each.is_message])
        )
        known = self.rows()
        for each in listing:
            if each.is_message:
                assert each.message_id in rows
        order = [each.message_id for each in self.model.messages]
        for message_id, row in known.items():
            assert order.index(message_id) == row.index
            if self.native:
                deleted = {each.message_id for each in listing if each.deleted}
                assert row.deleted or message_id not in deleted

    def disturb(self, doing: list[str]) -> None:
        live = [each for each in self.model.messages if not each.deleted]
        unseen = [each for each in live if each.message_id not in self.indexes]
        match doing.pop(0) if doing else None:
            case "write":
                self.model.add()
            case "edit old" if live:
                self.model.change(live[0])
            case "edit unseen" if unseen:
                self.model.change(unseen[0])

    def rows(self) -> dict[int, messages.LedgerRow]:
        ids = [each.message_id for each in self.model.messages]
        return self.loop.run_until_complete(self.ledger.rows(THREAD, ids))

    @invariant()
    def the_ledger_is_a_prefix_that_never_changes(self) -> None:
        rows = self.rows() if self.model.messages else {}
        held = [rows[each.message_id].index for each in self.model.messages if each.message_id in rows]
        assert list(range(len(rows))) == held
        for message_id, index in self.indexes.items():
            assert index == rows[message_id].index
        self.indexes = {message_id: row.index for message_id, row in rows.items() if row.index is not None}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.database.close())
        self.loop.close()


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLedger = LedgerMachine.TestCase


async def test_a_message_that_moves_to_the_top_while_pages_are_read_is_not_missed() -> None:
    model = ThreadModel()
    for _ in range(9):
        model.add()
    moves = [model.messages[0]]
    model.between_pages = lambda: model.change(moves.pop()) if moves and model.pages_read > 2 else None
    listings = Listings(model.clients(), Retries(deadline=10, attempt_timeout=10), largest_page=3)
    listing = await listings.read(READER, THREAD, size=3, known=lambda entry: False)
    assert [each.message_id for each in model.messages] == sorted(each.message_id for each in listing)


async def test_a_message_nobody_could_expect_gets_the_next_index_once_it_is_listed() -> None:
    model, database = ThreadModel(), Database("sqlite://")
    ledger = Ledger(database, Listings(model.clients(), Retries(deadline=10, attempt_timeout=10)))
    async with database.write() as connection:
        assert await conversations.add(connection, conversation_of_the_library())
    before, unexpected, after = model.add("one"), model.add(), model.add("two")
    sent = [Arrival(each.message_id, each.mutation_id) for each in (before, after)]
    async with database.write() as connection:
        await append_sent(connection, {THREAD: sent})
    await ledger.catch_up(READER, THREAD, size=30)
    rows = await ledger.rows(THREAD, [each.message_id for each in model.messages])
    assert [0, 2, 1] == [rows[each.message_id].index for each in (before, unexpected, after)]
    assert (await ledger.standing(THREAD)).native
    await database.close()


async def test_the_newest_page_costs_one_request_however_long_the_thread() -> None:
    model, database = ThreadModel(), Database("sqlite://")
    ledger = Ledger(database, Listings(model.clients(), Retries(deadline=10, attempt_timeout=10)))
    async with database.write() as connection:
        row = conversations.adopted(THREAD, topic="t", created_by="c", created_at=0)
        assert await conversations.add(connection, row)
    for _ in range(10_000):
        model.add()
    await ledger.catch_up(READER, THREAD, size=30)
    first_time, model.pages_read = model.pages_read, 0
    await ledger.catch_up(READER, THREAD, size=30)
    assert 10_000 / 200 + 3 >= first_time
    assert 1 == model.pages_read
    await database.close()
