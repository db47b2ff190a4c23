"""Threads: creation, idempotency, properties, listing, deletion, retention."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from acs_emulator.options import Options
from tests.acs_emulator.support import BASE_URL, World, make_world, participant

ZEROS = "19:00000000000000000000000000000000@thread.v2"
UNKNOWN = "19:acsV2_" + "A" * 43 + "1@thread.v2"


async def test_creating_answers_the_properties_and_where_they_are(world: World) -> None:
    ann = await world.user()
    body = {
        "topic": "Plans",
        "participants": [],
        "metadata": {"case": "1"},
        "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": 30},
    }
    answer = await ann.post("/chat/threads", body)
    made = answer.json()["chatThread"]
    assert answer.json() == {
        "chatThread": {
            "id": made["id"],
            "topic": "Plans",
            "createdOn": "2026-01-31T12:00:00Z",
            "createdByCommunicationIdentifier": {
                "rawId": ann.id,
                "kind": "communicationUser",
                "communicationUser": {"id": ann.id},
            },
            "metadata": {"case": "1"},
            "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": 30},
        }
    }
    assert answer.headers["location"].startswith(f"{BASE_URL}/chat/threads/19%3AacsV2_")
    assert (await ann.get(f"/chat/threads/{made['id']}")).json() == made


async def test_the_creator_is_the_first_participant_with_the_details_it_gave(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    body = {
        "topic": "t",
        "participants": [participant(bob.id), participant(ann.id, displayName="Ann", metadata={"r": "1"})],
    }
    thread = (await ann.post("/chat/threads", body)).json()["chatThread"]["id"]
    first, second = (await ann.get(f"/chat/threads/{thread}/participants")).json()["value"]
    assert (first["communicationIdentifier"]["rawId"], first["displayName"]) == (ann.id, "Ann")
    assert (first["shareHistoryTime"], first["metadata"]) == ("1970-01-01T00:00:00Z", {"r": "1"})
    assert second["communicationIdentifier"]["rawId"] == bob.id


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "topic"),
        ({"topic": ""}, "topic"),
        ({"topic": 1}, "topic"),
        ({"topic": "t", "participants": {}}, "participants"),
        ({"topic": "t", "participants": ["x"]}, "participants[0]"),
        ({"topic": "t", "participants": [{}]}, "participants[0].communicationIdentifier"),
        (
            {"topic": "t", "participants": [participant("8:acs:x", shareHistoryTime="soon")]},
            "participants[0].shareHistoryTime",
        ),
        ({"topic": "t", "metadata": {"k": "v" * 1024}}, "metadata"),
        ({"topic": "t", "metadata": {"k": 1}}, "metadata.k"),
        ({"topic": "t", "retentionPolicy": {}}, "retentionPolicy.kind"),
        ({"topic": "t", "retentionPolicy": {"kind": "forever"}}, "retentionPolicy.kind"),
        (
            {"topic": "t", "retentionPolicy": {"kind": "threadCreationDate"}},
            "retentionPolicy.deleteThreadAfterDays",
        ),
        (
            {"topic": "t", "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": 29}},
            "retentionPolicy.deleteThreadAfterDays",
        ),
        (
            {"topic": "t", "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": 91}},
            "retentionPolicy.deleteThreadAfterDays",
        ),
        (
            {"topic": "t", "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": True}},
            "retentionPolicy.deleteThreadAfterDays",
        ),
    ],
)
async def test_a_malformed_creation_is_a_400_that_names_the_field(
    world: World, body: dict[str, Any], target: str
) -> None:
    ann = await world.user()
    answer = await ann.post("/chat/threads", body)
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)
    assert (await ann.get("/chat/threads")).json()["value"] == []


async def test_the_same_request_id_gives_the_same_thread_even_after_its_deletion(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    request_id = {"repeatability-request-id": str(UUID(int=1))}
    first = await ann.post(
        "/chat/threads", {"topic": "one", "participants": [participant("4:+1")]}, **request_id
    )
    again = await ann.post("/chat/threads", {"topic": "two"}, **request_id)
    assert (again.status_code, again.json()) == (201, first.json())

    thread = first.json()["chatThread"]["id"]
    await ann.delete(f"/chat/threads/{thread}")
    deleted = await ann.post("/chat/threads", {"topic": "three"}, **request_id)
    assert (deleted.status_code, deleted.json()["chatThread"]["id"]) == (201, thread)
    assert deleted.json()["chatThread"]["deletedOn"] == "2026-01-31T12:00:00Z"

    assert (await bob.post("/chat/threads", {"topic": "one"}, **request_id)).json()["chatThread"][
        "id"
    ] != thread
    assert (await ann.post("/chat/threads", {"topic": "one"})).json()["chatThread"]["id"] != thread


async def test_an_update_changes_what_it_names_and_merges_metadata(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    path = f"/chat/threads/{thread}"
    await ann.patch(path, {"metadata": {"a": "1", "b": "2"}, "retentionPolicy": {"kind": "none"}})
    assert (await bob.patch(path, {"topic": "New", "metadata": {"b": "", "c": "3"}})).status_code == 204
    read = (await ann.get(path)).json()
    assert (read["topic"], read["metadata"], read["retentionPolicy"]) == (
        "New",
        {"a": "1", "c": "3"},
        {"kind": "none"},
    )

    top = (await ann.messages(thread))[0]
    assert (top["type"], top["sequenceId"], top["content"]["topic"]) == ("topicUpdated", "3", "New")
    assert top["content"]["initiatorCommunicationIdentifier"]["rawId"] == bob.id


async def test_an_update_checks_the_metadata_it_leads_to(world: World) -> None:
    ann = await world.user()
    path = f"/chat/threads/{await world.thread(ann)}"
    assert (await ann.patch(path, {"metadata": {"a": "x" * 1000}})).status_code == 204
    assert (await ann.patch(path, {"metadata": {"b": "x" * 30}})).status_code == 400
    assert (await ann.patch(path, {"topic": ""})).status_code == 400
    assert (await ann.get(path)).json()["metadata"] == {"a": "x" * 1000}


async def test_the_most_recently_active_thread_comes_first(world: World) -> None:
    ann = await world.user()
    first, second = await world.thread(ann, topic="1"), await world.thread(ann, topic="2")
    listed = (await ann.get("/chat/threads")).json()["value"]
    assert listed == [{"id": second, "topic": "2"}, {"id": first, "topic": "1"}]

    world.clock.advance(minutes=1)
    await ann.send(first)
    listed = (await ann.get("/chat/threads")).json()["value"]
    active = {"id": first, "topic": "1", "lastMessageReceivedOn": "2026-01-31T12:01:00Z"}
    assert listed == [active, {"id": second, "topic": "2"}]
    since = (await ann.get("/chat/threads", startTime="2026-01-31T12:01:00Z")).json()["value"]
    assert since == [active]


@pytest.mark.parametrize("moves", [True, False])
async def test_whether_edits_and_system_messages_are_activity_is_an_option(moves: bool) -> None:
    world = make_world(Options(edits_are_activity=moves, system_messages_are_activity=moves))
    async with world.http:
        ann, bob = await world.user(), await world.user()
        thread = await world.thread(ann)
        message = await ann.send(thread)

        async def last_received() -> str:
            world.clock.advance(minutes=1)
            return str((await ann.get("/chat/threads")).json()["value"][0]["lastMessageReceivedOn"])

        seen = [await last_received()]
        await ann.patch(f"/chat/threads/{thread}/messages/{message}", {"content": "x"})
        seen.append(await last_received())
        await ann.delete(f"/chat/threads/{thread}/messages/{message}")
        seen.append(await last_received())
        await ann.patch(f"/chat/threads/{thread}", {"topic": "x"})
        seen.append(await last_received())
        await ann.post(f"/chat/threads/{thread}/participants/:add", {"participants": [participant(bob.id)]})
        seen.append(await last_received())
        await bob.post(f"/chat/threads/{thread}/participants/:remove", {"rawId": bob.id})
        seen.append(await last_received())
        minutes = range(6) if moves else [0] * 6
        assert seen == [f"2026-01-31T12:0{each}:00Z" for each in minutes]


async def test_deleting_twice_is_fine_and_the_thread_is_gone(world: World) -> None:
    ann, bob, eve = await world.user(), await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    await ann.send(thread)
    path = f"/chat/threads/{thread}"
    assert [(await ann.delete(path)).status_code, (await bob.delete(path)).status_code] == [204, 204]
    assert (await eve.delete(path)).status_code == 403
    assert (await ann.get(path)).status_code == 404
    assert (await ann.get(f"{path}/messages")).status_code == 404
    assert (await ann.post(f"{path}/messages", {"content": "x"})).status_code == 404
    assert (await ann.get("/chat/threads")).json() == {"value": []}
    assert world.service.state.rooms[thread].messages == {}


@pytest.mark.parametrize(
    ("thread", "status"), [(UNKNOWN, 403), (ZEROS, 404), ("nonsense", 404), ("19:x@thread.tacv2", 404)]
)
@pytest.mark.parametrize("rest", ["", "/messages", "/participants", "/readReceipts"])
async def test_an_unknown_thread_is_a_403_and_an_impossible_one_a_404(
    world: World, thread: str, status: int, rest: str
) -> None:
    ann = await world.user()
    assert (await ann.get(f"/chat/threads/{thread}{rest}")).status_code == status


async def test_ids_are_routed_decoded_however_they_are_sent(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    encoded = thread.replace(":", "%3A").replace("@", "%40").replace("_", "%5F")
    assert (await ann.get(f"/chat/threads/{encoded}")).json()["id"] == thread


async def test_a_thread_ends_with_its_retention_policy(world: World) -> None:
    ann = await world.user(minutes=1440)
    policy = {"kind": "threadCreationDate", "deleteThreadAfterDays": 30}
    thread = (await ann.post("/chat/threads", {"topic": "t", "retentionPolicy": policy})).json()[
        "chatThread"
    ]["id"]
    world.clock.advance(days=29, hours=23)
    later = await world.token(ann, "chat")
    assert (await later.get(f"/chat/threads/{thread}")).status_code == 200
    world.clock.advance(hours=1)
    assert (await later.get(f"/chat/threads/{thread}")).status_code == 404
    assert (await later.get("/chat/threads")).json() == {"value": []}
    assert (await later.delete(f"/chat/threads/{thread}")).status_code == 204
