"""Messages: sequence ids, order, edits, deletions, visibility, and what cannot be sent."""

from __future__ import annotations

import pytest

from acs_emulator.messages import MAX_CONTENT
from acs_emulator.options import Options
from tests.acs_emulator.support import BASE_URL, World, make_world, participant


async def test_a_thread_starts_with_two_system_messages(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob, topic="Plans")
    topic, added = await ann.messages(thread)

    assert (added["type"], added["sequenceId"]) == ("participantAdded", "1")
    members = [each["communicationIdentifier"]["rawId"] for each in added["content"]["participants"]]
    assert members == [ann.id, bob.id]
    assert (topic["type"], topic["sequenceId"], topic["content"]["topic"]) == ("topicUpdated", "2", "Plans")
    assert topic["content"]["initiatorCommunicationIdentifier"]["rawId"] == ann.id
    assert not {"senderDisplayName", "senderCommunicationIdentifier"} & {*topic, *added}


async def test_a_sent_message_reads_back_with_all_it_was_given(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    answer = await ann.post(
        f"/chat/threads/{thread}/messages",
        {
            "content": "<b>Hi</b> \U0001f600",
            "type": "HTML",
            "senderDisplayName": "Ann",
            "metadata": {"a": "1", "b": ""},
        },
    )
    message_id = answer.json()["id"]
    location = (
        f"{BASE_URL}/chat/threads/{thread.replace(':', '%3A').replace('@', '%40')}/messages/{message_id}"
    )
    assert (answer.status_code, answer.headers["location"]) == (201, location)
    assert (await ann.get(f"/chat/threads/{thread}/messages/{message_id}")).json() == {
        "id": message_id,
        "type": "html",
        "sequenceId": "3",
        "version": message_id,
        "content": {"message": "<b>Hi</b> \U0001f600"},
        "senderDisplayName": "Ann",
        "createdOn": "2026-01-31T12:00:00Z",
        "senderCommunicationIdentifier": {
            "rawId": ann.id,
            "kind": "communicationUser",
            "communicationUser": {"id": ann.id},
        },
        "metadata": {"a": "1", "b": ""},
    }


async def test_ids_are_milliseconds_and_rise_within_one_millisecond(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    first, second = await ann.send(thread), await ann.send(thread)
    world.clock.advance(seconds=5)
    third = await ann.send(thread)
    assert int(first) < int(second) < int(third)
    assert int(third) == int(world.clock().timestamp() * 1000)


async def test_an_edit_takes_the_next_sequence_id_and_moves_to_the_top(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    first, second = await ann.send(thread, "one"), await ann.send(thread, "two")
    world.clock.advance(seconds=30)
    answer = await ann.patch(f"/chat/threads/{thread}/messages/{first}", {"content": "one!"})

    assert (answer.status_code, answer.content) == (204, b"")
    edited, other, *_ = await ann.messages(thread)
    assert (edited["id"], other["id"]) == (first, second)
    assert (edited["sequenceId"], edited["content"]) == ("5", {"message": "one!"})
    assert (edited["createdOn"], edited["editedOn"]) == ("2026-01-31T12:00:00Z", "2026-01-31T12:00:30Z")
    assert int(edited["version"]) == int(world.clock().timestamp() * 1000)


async def test_an_update_merges_metadata_and_an_empty_value_removes_a_key(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    message = await ann.send(thread, metadata={"keep": "1", "drop": "2", "null": "3"})
    path = f"/chat/threads/{thread}/messages/{message}"
    await ann.patch(path, {"metadata": {"drop": "", "null": None, "new": "4"}})
    read = (await ann.get(path)).json()
    assert (read["metadata"], read["content"]["message"]) == ({"keep": "1", "new": "4"}, "Hello")


async def test_an_update_that_names_nothing_changes_nothing(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    path = f"/chat/threads/{thread}/messages/{await ann.send(thread)}"
    before = (await ann.get(path)).json()
    assert (await ann.patch(path, {})).status_code == 204
    assert (await ann.get(path)).json() == before


async def test_a_deletion_empties_the_message_and_leaves_it_in_place(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    message = await ann.send(thread, senderDisplayName="Ann", metadata={"a": "1"})
    path = f"/chat/threads/{thread}/messages/{message}"
    await ann.patch(path, {"content": "edited"})
    assert (await ann.delete(path)).status_code == 204

    top = (await ann.messages(thread))[0]
    assert (top["id"], top["type"], top["content"], top["sequenceId"]) == (
        message,
        "text",
        {"message": ""},
        "5",
    )
    assert (top["senderDisplayName"], top["deletedOn"]) == ("Ann", "2026-01-31T12:00:00Z")
    assert not {"editedOn", "metadata"} & {*top}
    assert (await ann.get(path)).json() == top


async def test_deleting_again_is_fine_and_changes_nothing(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    path = f"/chat/threads/{thread}/messages/{await ann.send(thread)}"
    await ann.delete(path)
    before = (await ann.get(path)).json()
    assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(path)).json() == before


async def test_a_deleted_message_cannot_be_updated(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    path = f"/chat/threads/{thread}/messages/{await ann.send(thread)}"
    await ann.delete(path)
    assert (await ann.patch(path, {"content": "back"})).status_code == 404


async def test_only_the_sender_updates_and_deletes(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    path = f"/chat/threads/{thread}/messages/{await ann.send(thread)}"
    assert (await bob.patch(path, {"content": "mine"})).status_code == 403
    assert (await bob.delete(path)).status_code == 403


async def test_system_messages_are_read_but_not_changed(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    path = f"/chat/threads/{thread}/messages/{(await ann.messages(thread))[0]['id']}"
    assert (await ann.get(path)).json()["type"] == "topicUpdated"
    assert (await ann.patch(path, {"content": "no"})).status_code == 403
    assert (await ann.delete(path)).status_code == 403


@pytest.mark.parametrize("message", ["1", "0", "abc", "-1", "9" * 30, "\u00b2"])
async def test_an_unknown_message_is_a_404(world: World, message: str) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    assert (await ann.get(f"/chat/threads/{thread}/messages/{message}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "content"),
        ({"content": ""}, "content"),
        ({"content": None}, "content"),
        ({"content": 5}, "content"),
        ({"content": "x", "type": "topicUpdated"}, "type"),
        ({"content": "x", "type": 1}, "type"),
        ({"content": "x", "metadata": {"a": 1}}, "metadata.a"),
        ({"content": "x", "metadata": {"a": None}}, "metadata.a"),
        ({"content": "x", "metadata": []}, "metadata"),
        ({"content": "x", "senderDisplayName": {}}, "senderDisplayName"),
        ({"content": "x" * (MAX_CONTENT + 1)}, "content"),
        ({"content": "\u20ac" * (MAX_CONTENT // 3 + 1)}, "content"),
        ([], "body"),
    ],
)
async def test_what_cannot_be_sent_is_a_400_that_names_the_field(
    world: World, body: object, target: str
) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    answer = await ann.post(f"/chat/threads/{thread}/messages", body)
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)
    assert len(await ann.messages(thread)) == 2


async def test_the_largest_content_is_taken(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    content = "\u20ac" * (MAX_CONTENT // 3)
    await ann.send(thread, content)
    assert (await ann.messages(thread))[0]["content"]["message"] == content


async def test_message_metadata_is_limited_only_on_demand(world: World) -> None:
    ann = await world.user()
    await ann.send(await world.thread(ann), metadata={"k": "v" * 5000})

    strict = make_world(Options(message_metadata_limit=1024))
    async with strict.http:
        bob = await strict.user()
        path = f"/chat/threads/{await strict.thread(bob)}/messages"
        assert (await bob.post(path, {"content": "x", "metadata": {"k": "v" * 1023}})).status_code == 201
        assert (await bob.post(path, {"content": "x", "metadata": {"k": "v" * 1024}})).status_code == 400


async def test_start_time_is_inclusive_and_counts_the_latest_change(world: World) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    old = await ann.send(thread, "old")
    world.clock.advance(seconds=10)
    middle = await ann.send(thread, "middle")
    world.clock.advance(seconds=10)
    new = await ann.send(thread, "new")
    since = {"startTime": "2026-01-31T12:00:10Z"}
    assert [each["id"] for each in await ann.messages(thread, **since)] == [new, middle]

    await ann.delete(f"/chat/threads/{thread}/messages/{old}")
    assert [each["id"] for each in await ann.messages(thread, **since)] == [old, new, middle]
    assert await ann.messages(thread, startTime="2026-01-31T12:00:20.002Z") == []


async def test_a_member_with_a_share_history_time_sees_nothing_older(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann)
    older = await ann.send(thread, "older")
    world.clock.advance(seconds=10)
    newer = await ann.send(thread, "newer")
    late = participant(bob.id, shareHistoryTime="2026-01-31T12:00:10Z")
    await ann.post(f"/chat/threads/{thread}/participants/:add", {"participants": [late]})

    assert [each["type"] for each in await bob.messages(thread)] == ["participantAdded", "text"]
    assert (await bob.get(f"/chat/threads/{thread}/messages/{newer}")).status_code == 200
    assert (await bob.get(f"/chat/threads/{thread}/messages/{older}")).status_code == 404
