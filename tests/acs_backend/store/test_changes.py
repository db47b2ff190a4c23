"""The feed keeps what was added, in order, for as long as a reader may need it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from acs_backend.store import changes, schema
from acs_backend.store.changes import KEPT_MS, TRIMMED_EVERY, Change, ForgottenChangesError, Kind
from acs_backend.store.database import Database
from tests.acs_backend.store.databases import opened
from twilio_compat.records import JSONValue

NOW = 1_800_000_000_000


async def add(database: Database, *contents: JSONValue, now: int = NOW) -> None:
    async with database.write() as connection:
        for content in contents:
            await changes.add(connection, Kind.USER, now=now, acs_id="8:acs:alice", content=content)


async def after(database: Database, position: int, limit: int = 1000) -> list[Change]:
    async with database.read() as connection:
        return await changes.after(connection, position, limit=limit)


async def newest(database: Database) -> int:
    async with database.read() as connection:
        return await changes.newest(connection)


async def forget(database: Database, before: int) -> None:
    async with database.write() as connection:
        await changes.forget(connection, before)


async def test_a_change_comes_back_as_it_was_added(url: str) -> None:
    content: JSONValue = {"text": "größer", "list": [1, None, True]}
    async with opened(url) as database:
        async with database.write() as connection:
            await changes.add(
                connection, Kind.PARTICIPANT, now=NOW, thread_id="19:a", acs_id="8:acs:b", content=content
            )
        expected = Change(
            change_id=1,
            changed_at=NOW,
            kind=Kind.PARTICIPANT,
            thread_id="19:a",
            acs_id="8:acs:b",
            content=content,
        )
        assert [expected] == await after(database, 0)


async def test_a_reader_goes_on_after_what_it_saw_last(url: str) -> None:
    async with opened(url) as database:
        assert 0 == await newest(database)
        await add(database, *range(5))
        assert 5 == await newest(database)
        assert [0, 1] == [each.content for each in await after(database, 0, limit=2)]
        assert [2, 3] == [each.content for each in await after(database, 2, limit=2)]
        assert [4] == [each.content for each in await after(database, 4, limit=2)]
        assert [] == await after(database, 5)


async def test_a_transaction_that_is_undone_adds_nothing(url: str) -> None:
    async with opened(url) as database:
        with suppress(ZeroDivisionError):
            async with database.write() as connection:
                await changes.add(connection, Kind.USER, now=NOW)
                raise ZeroDivisionError
        assert 0 == await newest(database)


async def test_a_reader_that_has_seen_all_that_is_dropped_misses_nothing(url: str) -> None:
    async with opened(url) as database:
        await add(database, "old", "older than the hour")
        await add(database, "young", now=NOW + 10)
        await forget(database, NOW + 5)
        assert ["young"] == [each.content for each in await after(database, 2)]
        assert [] == await after(database, 3)


@pytest.mark.parametrize("position", [0, 1])
async def test_a_reader_that_may_have_missed_something_is_told(url: str, position: int) -> None:
    async with opened(url) as database:
        await add(database, "a", "b", "c")
        await forget(database, NOW + 5)
        with pytest.raises(ForgottenChangesError):
            await after(database, position)


async def test_ids_go_on_where_everything_was_dropped(url: str) -> None:
    async with opened(url) as database:
        await add(database, "a", "b")
        await forget(database, NOW + 5)
        await add(database, "c")
        assert [(3, "c")] == [(each.change_id, each.content) for each in await after(database, 2)]


async def test_whoever_adds_the_hundredth_change_drops_the_old_ones(url: str) -> None:
    async with opened(url) as database:
        await add(database, *range(TRIMMED_EVERY - 1))
        await add(database, "last", now=NOW + KEPT_MS + 1)
        assert ["last"] == [each.content for each in await after(database, TRIMMED_EVERY - 1)]
        with pytest.raises(ForgottenChangesError):
            await after(database, TRIMMED_EVERY - 2)


async def test_of_changes_by_different_clocks_only_the_oldest_are_dropped_and_a_reader_knows(
    url: str,
) -> None:
    async with opened(url) as database:
        await add(database, "by a clock that is ahead", now=NOW + 100)
        await add(database, "by one that is behind", now=NOW)
        await forget(database, NOW + 50)
        assert [] == await after(database, 2)
        with pytest.raises(ForgottenChangesError):
            await after(database, 1)


@given(st.lists(st.tuples(st.sampled_from(["add", "drop", "read"]), st.integers(0, 20)), max_size=30))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_reader_sees_every_change_once_or_learns_that_it_missed_some(
    plan: list[tuple[str, int]],
) -> None:
    async with opened("sqlite://") as database:
        added: list[int] = []
        position, begun_at, seen = 0, 0, list[JSONValue]()
        for action, number in plan:
            if action == "add":
                added.append(len(added))
                await add(database, added[-1], now=NOW + number)
            elif action == "drop":
                await forget(database, NOW + number)
            else:
                try:
                    found = await after(database, position, limit=number + 1)
                except ForgottenChangesError:
                    position = await newest(database)
                    begun_at, seen = position, []
                else:
                    seen += [each.content for each in found]
                    position = found[-1].change_id if found else position
        assert added[begun_at : begun_at + len(seen)] == seen


async def test_a_kind_that_a_later_version_added_is_unknown_and_no_obstacle(url: str) -> None:
    async with opened(url) as database:
        async with database.write() as connection:
            row = {"changed_at": NOW, "kind": "of a later version", "content": "null"}
            await connection.execute(insert(schema.changes).values(row))
        await add(database, "known")
        assert [Kind.UNKNOWN, Kind.USER] == [each.kind for each in await after(database, 0)]
