"""Participants: adding, refusing, removing, and what a removed member may not do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acs_emulator.support import World, identifier, participant

TEAMS_ID = "8f4ff6b2-6a1a-4a0c-9c5a-2f6b7c0d1e2f"


async def test_all_added_in_one_call_are_in_one_system_message(world: World) -> None:
    ann, bob, cat = await world.user(), await world.user(), await world.user()
    thread = await world.thread(ann)
    both = [
        participant(bob.id, displayName="Bob"),
        participant(cat.id, shareHistoryTime="2026-01-30T00:00:00+01:00"),
    ]
    answer = await ann.post(f"/chat/threads/{thread}/participants/:add", {"participants": both})

    assert (answer.status_code, answer.json()) == (201, {})
    top = (await ann.messages(thread))[0]
    first, second = top["content"]["participants"]
    assert (top["type"], top["sequenceId"]) == ("participantAdded", "3")
    assert (first["communicationIdentifier"]["rawId"], first["displayName"]) == (bob.id, "Bob")
    assert (second["communicationIdentifier"]["rawId"], second["shareHistoryTime"]) == (
        cat.id,
        "2026-01-29T23:00:00Z",
    )
    listed = (await cat.get(f"/chat/threads/{thread}/participants")).json()["value"]
    assert [each["communicationIdentifier"]["rawId"] for each in listed] == [ann.id, bob.id, cat.id]


async def test_adding_a_member_again_changes_nothing(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    before = (await ann.messages(thread), (await ann.get(f"/chat/threads/{thread}/participants")).json())
    again = {"participants": [participant(bob.id, displayName="Other")]}
    assert (await ann.post(f"/chat/threads/{thread}/participants/:add", again)).json() == {}
    after = (await ann.messages(thread), (await ann.get(f"/chat/threads/{thread}/participants")).json())
    assert after == before


@pytest.mark.parametrize(
    ("refused", "code", "target"),
    [
        ({"microsoftTeamsUser": {"userId": TEAMS_ID}}, "403", f"8:orgid:{TEAMS_ID}"),
        ({"microsoftTeamsUser": {"userId": TEAMS_ID, "cloud": "DOD"}}, "403", f"8:dod:{TEAMS_ID}"),
        ({"microsoftTeamsUser": {"userId": "v", "isAnonymous": True}}, "403", "8:teamsvisitor:v"),
        ({"microsoftTeamsApp": {"appId": TEAMS_ID, "cloud": "gcch"}}, "403", f"28:gcch:{TEAMS_ID}"),
        ({"phoneNumber": {"value": "+15551234"}}, "403", "4:+15551234"),
        ({"rawId": "28:orgid:bot"}, "403", "28:orgid:bot"),
        ({"communicationUser": {"id": "8:acs:other_user"}}, "404", "8:acs:other_user"),
        ({"rawId": "8:acs:other_user"}, "404", "8:acs:other_user"),
    ],
)
async def test_who_cannot_be_a_member_is_listed_and_the_others_are_added(
    world: World, refused: dict[str, Any], code: str, target: str
) -> None:
    ann, bob = await world.user(), await world.user()
    wanted = {"participants": [{"communicationIdentifier": refused}, participant(bob.id)]}
    made = await ann.post("/chat/threads", {"topic": "t", **wanted})
    (error,) = made.json()["invalidParticipants"]
    assert (made.status_code, error["code"], error["target"]) == (201, code, target)

    thread = await world.thread(ann)
    added = await ann.post(f"/chat/threads/{thread}/participants/:add", wanted)
    assert (added.status_code, added.json()["invalidParticipants"]) == (201, [error])
    for each in (made.json()["chatThread"]["id"], thread):
        listed = (await ann.get(f"/chat/threads/{each}/participants")).json()["value"]
        assert [member["communicationIdentifier"]["rawId"] for member in listed] == [ann.id, bob.id]


@pytest.mark.parametrize(
    "malformed",
    [{}, [], "8:acs:x", {"rawId": ""}, {"rawId": 1}, {"communicationUser": {}}, {"communicationUser": "8:acs:x"},
     {"communicationUser": {"id": "8:acs:x"}, "phoneNumber": {"value": "+1"}}],
)  # fmt: skip
async def test_a_malformed_identifier_is_a_400(world: World, malformed: object) -> None:
    ann = await world.user()
    path = f"/chat/threads/{await world.thread(ann)}/participants"
    assert (await ann.post(f"{path}/:remove", malformed)).status_code == 400
    wanted = {"participants": [{"communicationIdentifier": malformed}]}
    assert (await ann.post(f"{path}/:add", wanted)).status_code == 400


async def test_one_call_adds_200_and_a_thread_holds_250(world: World) -> None:
    ann, *others = [await world.user() for _ in range(253)]
    wanted = [participant(each.id) for each in others]
    assert (await ann.post("/chat/threads", {"topic": "t", "participants": wanted[:201]})).status_code == 400
    made = await ann.post("/chat/threads", {"topic": "t", "participants": wanted[:200]})
    path = f"/chat/threads/{made.json()['chatThread']['id']}/participants"
    assert (await ann.post(f"{path}/:add", {"participants": wanted[:201]})).status_code == 400
    assert (await ann.post(f"{path}/:add", {"participants": wanted[200:250]})).status_code == 400
    assert (await ann.post(f"{path}/:add", {"participants": wanted[200:249]})).status_code == 201
    assert len(await ann.all_pages(path)) == 250


async def test_participant_metadata_is_limited(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    path = f"/chat/threads/{await world.thread(ann)}/participants/:add"
    too_much = {"participants": [participant(bob.id, metadata={"k": "v" * 1024})]}
    answer = await ann.post(path, too_much)
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "participants[0].metadata")


async def test_removing_writes_a_system_message_and_ends_every_right(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    message = await bob.send(thread)
    path = f"/chat/threads/{thread}"
    await bob.post(f"{path}/readReceipts", {"chatMessageId": message})
    answer = await ann.post(f"{path}/participants/:remove", identifier(bob.id))

    assert (answer.status_code, answer.content) == (204, b"")
    top = (await ann.messages(thread))[0]
    assert (top["type"], top["content"]["participants"][0]["communicationIdentifier"]["rawId"]) == (
        "participantRemoved",
        bob.id,
    )
    assert (await ann.get(f"{path}/readReceipts")).json() == {"value": []}
    assert (await bob.get("/chat/threads")).json() == {"value": []}
    refused = [
        await bob.get(path),
        await bob.get(f"{path}/messages"),
        await bob.get(f"{path}/messages/{message}"),
        await bob.get(f"{path}/participants"),
        await bob.get(f"{path}/readReceipts"),
        await bob.post(f"{path}/messages", {"content": "x"}),
        await bob.post(f"{path}/typing"),
        await bob.patch(path, {"topic": "x"}),
        await bob.delete(path),
    ]
    assert [each.status_code for each in refused] == [403] * 9


async def test_a_member_may_leave_and_come_back(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    path = f"/chat/threads/{thread}/participants"
    assert (await bob.post(f"{path}/:remove", {"rawId": bob.id})).status_code == 204
    await ann.post(f"{path}/:add", {"participants": [participant(bob.id)]})
    assert [each["type"] for each in await bob.messages(thread)][:2] == [
        "participantAdded",
        "participantRemoved",
    ]


async def test_removing_somebody_who_is_no_member_changes_nothing(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann)
    assert (
        await ann.post(f"/chat/threads/{thread}/participants/:remove", identifier(bob.id))
    ).status_code == 204
    assert len(await ann.messages(thread)) == 2
