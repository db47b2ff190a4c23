"""Of those who claim the row of a member at once, one gets to keep it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from acs_backend.store import participants as table
from acs_backend.store.database import Database
from acs_backend.store.participants import Participant
from tests.acs_backend.store.databases import opened

FIRST = Participant(
    thread_id="thread", acs_id="bob", sid="MB1", attributes={}, created_at=1000, updated_at=999
)
SECOND = replace(FIRST, created_at=1001, updated_at=1000)


@pytest.fixture
async def database(shared_store: str) -> AsyncIterator[Database]:
    async with opened(shared_store) as database:
        yield database


async def test_nobody_replaces_a_claim_that_was_settled_since_they_saw_it(database: Database) -> None:
    async with database.write() as connection:
        assert await table.claim(connection, FIRST, over=None)
        assert await table.settle(connection, FIRST)
        assert not await table.claim(connection, SECOND, over=FIRST)
        settled = replace(FIRST, updated_at=FIRST.created_at)
        assert {"bob": settled} == await table.of_thread(connection, "thread")


async def test_who_left_a_settled_row_behind_can_be_claimed_again(database: Database) -> None:
    settled = replace(FIRST, updated_at=FIRST.created_at)
    async with database.write() as connection:
        assert await table.claim(connection, settled, over=None)
        assert await table.claim(connection, SECOND, over=settled)


async def test_a_claim_that_was_replaced_does_not_stand(database: Database) -> None:
    async with database.write() as connection:
        assert await table.claim(connection, FIRST, over=None)
        assert await table.claim(connection, SECOND, over=FIRST)
        assert not await table.settle(connection, FIRST)
        assert await table.settle(connection, SECOND)


async def test_who_changed_or_left_before_their_claim_was_settled_has_not_lost(database: Database) -> None:
    edited = replace(FIRST, attributes={"a": 1}, updated_at=1005)
    async with database.write() as connection:
        assert await table.claim(connection, FIRST, over=None)
        await table.save(connection, edited)
        assert await table.settle(connection, FIRST)
        assert {"bob": edited} == await table.of_thread(connection, "thread")
        await table.remove(connection, "thread", "bob")
        assert await table.settle(connection, FIRST)
