"""Pages: nothing twice, nothing missing, and the rules for a link to the next."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator.errors import AcsError
from acs_emulator.paging import read_state, write_state
from tests.acs_emulator.support import BASE_URL, CHAT_VERSION, World, make_world, participant


async def test_messages_link_on_whenever_the_page_is_full_so_the_last_may_be_empty(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    await ann.send(thread)
    sizes = []
    answer = await ann.get(f"/chat/threads/{thread}/messages", maxPageSize=1)
    while link := answer.json().get("nextLink"):
        sizes.append(len(answer.json()["value"]))
        answer = await ann.follow(link)
    assert (sizes, answer.json()["value"]) == ([1, 1, 1], [])


async def test_participants_link_on_only_when_more_follows(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    path = f"/chat/threads/{await world.thread(ann, bob)}/participants"
    assert "nextLink" not in (await ann.get(path, maxPageSize=1, skip=1)).json()
    first = (await ann.get(path, maxPageSize=1)).json()
    assert first["nextLink"] == f"{BASE_URL}{path}?skip=1&maxPageSize=1&api-version={CHAT_VERSION}"
    assert "nextLink" not in (await ann.follow(first["nextLink"])).json()
    assert (await ann.get(path, skip=9)).json() == {"value": []}


async def test_receipts_link_on_only_when_more_follows(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    message = await ann.send(thread)
    path = f"/chat/threads/{thread}/readReceipts"
    for reader in (ann, bob):
        await reader.post(path, {"chatMessageId": message})
    first = (await ann.get(path, maxPageSize=1)).json()
    assert "nextLink" in first
    assert "nextLink" not in (await ann.follow(first["nextLink"])).json()
    assert len(await ann.all_pages(path, maxPageSize=1)) == 2


async def test_threads_link_on_only_when_more_follows(world: World) -> None:
    ann = await world.user()
    threads = [await world.thread(ann) for _ in range(4)]
    first = (await ann.get("/chat/threads", maxPageSize=2)).json()
    second = (await ann.follow(first["nextLink"])).json()
    listed = [each["id"] for each in first["value"] + second["value"]]
    assert (listed, "nextLink" in second) == (threads[::-1], False)


async def test_a_message_link_looks_as_on_the_live_service(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    link = (await ann.get(f"/chat/threads/{thread}/messages", maxPageSize=2)).json()["nextLink"]
    assert link.startswith(f"{BASE_URL}/chat/threads/{thread}/messages?syncState=")
    assert link.endswith(
        f"&startTime=1%2F1%2F1970%2012%3A00%3A00%20AM%20%2B00%3A00&maxPageSize=2&api-version={CHAT_VERSION}"
    )


async def test_what_arrives_meanwhile_neither_repeats_nor_hides_anything(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    sent = [await ann.send(thread, str(number)) for number in range(6)]
    first = (await ann.get(f"/chat/threads/{thread}/messages", maxPageSize=3)).json()
    await ann.send(thread, "meanwhile")
    second = (await ann.follow(first["nextLink"])).json()
    assert [each["id"] for each in first["value"] + second["value"]] == sent[::-1]


async def test_the_link_keeps_the_exact_start_time(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    await ann.send(thread, "just before")
    world.clock.advance(milliseconds=500)
    wanted = [await ann.send(thread, str(number)) for number in range(3)]
    found = await ann.messages(thread, startTime="2026-01-31T12:00:00.500Z", maxPageSize=1)
    assert [each["id"] for each in found] == wanted[::-1]


async def test_the_default_and_the_largest_page_size(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    for number in range(220):
        await ann.send(thread, str(number))
    path = f"/chat/threads/{thread}/messages"
    sizes = {
        size: len((await ann.get(path, maxPageSize=size)).json()["value"])
        for size in (-5, 0, 1, 200, 201, 10**9)
    }
    assert sizes == {-5: 1, 0: 1, 1: 1, 200: 200, 201: 200, 10**9: 200}
    assert len((await ann.get(path)).json()["value"]) == 10


@pytest.mark.parametrize("name", ["maxPageSize", "skip"])
@pytest.mark.parametrize("value", ["", "ten", "1.5", "\u0661", "--1", "9" * 40])
async def test_a_number_that_is_none_is_a_400(world: World, name: str, value: str) -> None:
    ann = await world.user()
    path = f"/chat/threads/{await world.thread(ann)}/participants"
    answer = await ann.get(path, **{name: value})
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, name)


@pytest.mark.parametrize(
    "state", ["", "zz", "1", "-" + "0" * 31, "0" * 31, "0" * 33, "0x" + "0" * 30, "_" * 32]
)
async def test_a_sync_state_that_was_not_made_here_is_a_400(world: World, state: str) -> None:
    ann = await world.user()
    path = f"/chat/threads/{await world.thread(ann)}/messages"
    answer = await ann.get(path, syncState=state)
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "syncState")


@given(st.lists(st.integers(min_value=0, max_value=2**63), min_size=1, max_size=4))
def test_a_sync_state_reads_back_and_in_no_other_shape(numbers: list[int]) -> None:
    query = {"syncState": write_state(*numbers)}
    assert read_state(query, len(numbers)) == tuple(numbers)
    with pytest.raises(AcsError):
        read_state(query, len(numbers) + 1)


@given(count=st.integers(0, 12), size=st.integers(1, 8), edits=st.lists(st.integers(0, 11), max_size=6))
async def test_all_pages_together_are_the_whole_list(count: int, size: int, edits: list[int]) -> None:
    world = make_world()
    async with world.http:
        ann = await world.user()
        others = [await world.user() for _ in range(count)]
        thread = await world.thread(ann, *others)
        sent = [await ann.send(thread, str(number)) for number in range(count)]
        for edit in edits:
            if edit < count:
                await ann.patch(f"/chat/threads/{thread}/messages/{sent[edit]}", {"content": "edited"})
        for kind in ("messages", "participants"):
            path = f"/chat/threads/{thread}/{kind}"
            whole = await ann.all_pages(path, maxPageSize=200)
            assert await ann.all_pages(path, maxPageSize=size) == whole
            assert len(whole) == count + (2 if kind == "messages" else 1)
        for other in others:
            await other.post(
                f"/chat/threads/{thread}/participants/:remove", {"communicationUser": {"id": other.id}}
            )
        threads = [thread, *[await world.thread(ann) for _ in range(count)]]
        listed = [each["id"] for each in await ann.all_pages("/chat/threads", maxPageSize=size)]
        assert sorted(listed) == sorted(threads)


async def test_links_go_to_the_host_the_caller_used(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    link = (
        await ann.call("GET", f"https://proxy.test/chat/threads/{thread}/messages", maxPageSize=1)
    ).json()["nextLink"]
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc, parse_qs(parts.query)["maxPageSize"]) == (
        "https",
        "proxy.test",
        ["1"],
    )
    other = (
        await ann.post("/chat/threads", {"topic": "t", "participants": [participant(ann.id)]}, Host="a.b")
    ).headers
    assert other["location"].startswith("http://a.b/chat/threads/19%3AacsV2_")
