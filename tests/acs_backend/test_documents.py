from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from acs_backend.documents import Documents
from tests.acs_backend.clock import Clock
from tests.acs_backend.store.databases import opened
from twilio_compat.errors import ArgumentError
from twilio_compat.records import JSONObject


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def documents(shared_store: str, clock: Clock) -> AsyncIterator[Documents]:
    async with opened(shared_store) as database:
        yield Documents(database, clock=clock)


@pytest.fixture
async def elsewhere(shared_store: str, clock: Clock) -> AsyncIterator[Documents]:
    """Return what another process sees."""
    async with opened(shared_store) as database:
        yield Documents(database, clock=clock)


async def test_what_is_put_is_there_for_every_process(documents: Documents, elsewhere: Documents) -> None:
    content = {"url": "https://example.com", "filters": ["onMessageAdded"], "nested": {"n": None}}
    put = await documents.put("webhook", "WH1", content)
    assert content == put.content
    assert put == await documents.get("webhook", "WH1") == await elsewhere.get("webhook", "WH1")


async def test_what_was_never_put_is_not_there(documents: Documents) -> None:
    await documents.put("webhook", "WH1", {})
    assert await documents.get("webhook", "WH2") is None
    assert await documents.get("other", "WH1") is None
    assert [] == await documents.list("other")


async def test_to_put_again_replaces_the_content_and_keeps_the_first_date(
    documents: Documents, clock: Clock
) -> None:
    first = await documents.put("kind", "a", {"n": 1})
    clock.move(5)
    second = await documents.put("kind", "a", {"n": 2})
    assert ({"n": 2}, first.date_created, clock.now) == (
        second.content,
        second.date_created,
        second.date_updated,
    )
    assert [second] == await documents.list("kind")


async def test_a_date_moves_on_even_where_the_clock_stands_still(documents: Documents) -> None:
    first = await documents.put("kind", "a", {})
    second = await documents.put("kind", "a", {})
    assert first.date_updated < second.date_updated


async def test_documents_are_listed_in_the_order_in_which_they_were_made(
    documents: Documents, elsewhere: Documents, clock: Clock
) -> None:
    for name in "cab":
        await documents.put("kind", name, {})
    clock.move(-60)
    await elsewhere.put("kind", "older clock", {})
    await documents.put("kind", "c", {"changed": True})
    assert ["c", "a", "b", "older clock"] == [each.name for each in await documents.list("kind")]


async def test_those_are_listed_that_were_made_after_one(
    documents: Documents, elsewhere: Documents, clock: Clock
) -> None:
    """No two are made at once, so whoever asks for what came after the last one misses nothing."""
    first = await documents.put("kind", "first", {})
    await asyncio.gather(*(each.put("kind", f"{n}", {}) for n, each in enumerate((documents, elsewhere) * 3)))
    await documents.put("kind", "first", {"changed": True})
    await documents.put("other", "first", {})
    found = await documents.list("kind", after=first.date_created)
    assert {f"{n}" for n in range(6)} == {each.name for each in found}
    assert [] == await documents.list("kind", after=found[-1].date_created)


async def test_a_document_is_deleted_once(documents: Documents, elsewhere: Documents) -> None:
    await documents.put("kind", "a", {})
    deleted = await asyncio.gather(documents.delete("kind", "a"), elsewhere.delete("kind", "a"))
    assert [False, True] == sorted(deleted)
    assert await documents.get("kind", "a") is None


async def test_of_two_who_put_at_once_one_stays_whole(documents: Documents, elsewhere: Documents) -> None:
    await asyncio.gather(
        *(each.put("kind", "a", {"by": n, "n": n}) for n, each in enumerate((documents, elsewhere) * 5))
    )
    (kept,) = await documents.list("kind")
    assert kept.content["by"] == kept.content["n"]


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
async def test_a_name_that_no_database_takes_is_refused(documents: Documents, name: str) -> None:
    with pytest.raises(ArgumentError, match="The name of a document is Unicode text without NUL"):
        await documents.put("kind", name, {})


async def test_content_may_hold_any_text(documents: Documents) -> None:
    content = {"text": "a\0b\ud800 ☃"}
    await documents.put("kind", "a", content)
    found = await documents.get("kind", "a")
    assert found is not None
    assert content == found.content


async def test_who_change_parts_of_a_document_at_once_keep_all_of_them(
    documents: Documents, elsewhere: Documents
) -> None:
    def adding(name: str) -> Callable[[JSONObject | None], JSONObject]:
        return lambda content: (content or {}) | {name: True}

    parts = (documents, elsewhere) * 5
    await asyncio.gather(
        *(each.change("kind", "a", adding(f"part {number}")) for number, each in enumerate(parts))
    )

    (kept,) = await documents.list("kind")
    assert {f"part {number}": True for number in range(10)} == kept.content


async def test_a_change_that_fails_changes_nothing(documents: Documents) -> None:
    first = await documents.put("kind", "a", {"n": 1})

    def fail(content: JSONObject | None) -> JSONObject:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await documents.change("kind", "a", fail)
    assert [first] == await documents.list("kind")
