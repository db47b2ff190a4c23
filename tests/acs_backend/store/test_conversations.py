"""Conversations are listed by when they were made, and found when it is time to look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from acs_backend.store import conversations, messages
from acs_backend.store.conversations import Conversation, Sought
from acs_backend.store.database import Database
from tests.acs_backend.store.databases import opened

ALL = Sought()


def made(thread_id: str, created_at: int) -> Conversation:
    return conversations.adopted(thread_id, topic="Room", created_by="bob", created_at=created_at)


async def fill(database: Database, *rows: Conversation) -> None:
    async with database.write() as connection:
        for each in rows:
            assert await conversations.add(connection, each)


async def threads(
    database: Database, sought: Sought = ALL, *, after: str | None = None, limit: int = 10
) -> Sequence[str]:
    async with database.read() as connection:
        found = await conversations.page(connection, sought, after=after, limit=limit)
    return [row.thread_id for row, _ in found]


async def test_a_row_reads_back_as_it_was_written(url: str) -> None:
    row = replace(
        made("t", 1),
        inactive_after="PT1M",
        closed_after="P1D",
        due_at=5,
        extras={"messaging_service_sid": "MG"},
        date_updated=3,
        active_at=2,
        quiet_after=4,
        untold=[["active", "inactive"]],
    )
    async with opened(url) as database:
        await fill(database, row, made("u", 1))
        changed = replace(row, due_at=None, extras={}, untold=None, created_at=7)
        async with database.write() as connection:
            assert row == await conversations.by_thread(connection, "t")
            await conversations.save(connection, changed)
            assert changed == await conversations.by_thread(connection, "t")
            assert made("u", 1) == await conversations.by_thread(connection, "u")


async def test_pages_meet_where_several_were_made_at_once(url: str) -> None:
    rows = [made(f"t{number}", 100 + number // 3) for number in range(8)]
    expected = [each.thread_id for each in sorted(rows, key=lambda each: (each.created_at, each.sid))]
    async with opened(url) as database:
        await fill(database, *rows)
        walked: list[str] = []
        while page := await threads(database, after=_sid(walked), limit=3):
            walked += page
    assert expected == walked


def _sid(walked: Sequence[str]) -> str | None:
    return made(walked[-1], 0).sid if walked else None


async def test_a_page_goes_on_after_one_that_was_deleted_meanwhile(url: str) -> None:
    async with opened(url) as database:
        await fill(database, made("a", 1), made("b", 2), made("c", 3))
        async with database.write() as connection:
            await conversations.mark_deleted(connection, "b", 9)
        assert ["a", "c"] == await threads(database)
        assert ["c"] == await threads(database, after=made("b", 2).sid)
        assert [] == await threads(database, after="CH" + "0" * 32)


async def test_what_is_sought_has_a_state_and_bounds_that_count_themselves(url: str) -> None:
    async with opened(url) as database:
        await fill(database, made("a", 1), made("b", 2), replace(made("c", 3), state="closed"))
        assert ["a", "b"] == await threads(database, Sought(state="active"))
        assert ["b", "c"] == await threads(database, Sought(created_from=2))
        assert ["a", "b"] == await threads(database, Sought(created_until=2))
        assert ["b"] == await threads(database, Sought(created_from=2, created_until=2))


async def test_a_page_has_the_newest_message_of_each_deleted_or_not(url: str) -> None:
    async with opened(url) as database:
        await fill(database, made("a", 1), made("b", 2))
        async with database.write() as connection:
            rows = [messages.row("a", number, number, None, deleted=number == 7) for number in (6, 7)]
            await messages.add(connection, [("a", each) for each in rows])
            found = await conversations.page(connection, Sought(), after=None, limit=10)
    assert [7, 0] == [newest for _, newest in found]


async def test_due_is_what_has_waited_until_now_the_longest_first(url: str) -> None:
    rows = [replace(made(name, 1), due_at=at) for name, at in {"a": 3, "b": 2, "c": 4, "d": None}.items()]
    async with opened(url) as database:
        await fill(database, *rows, replace(made("e", 1), due_at=1, deleted_at=1))
        async with database.read() as connection:
            found = await conversations.due(connection, 3, limit=10)
            assert ["b", "a"] == [each.thread_id for each in found]
            assert ["b"] == [each.thread_id for each in await conversations.due(connection, 3, limit=1)]
