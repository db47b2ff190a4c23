"""Read receipts: one for each reader, and none listed in large threads."""

from __future__ import annotations

import pytest

from acs_emulator.options import Options
from tests.acs_emulator.support import World, make_world, participant


async def test_the_latest_receipt_replaces_the_one_before(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    first, second = await ann.send(thread), await ann.send(thread)
    path = f"/chat/threads/{thread}/readReceipts"
    answer = await bob.post(path, {"chatMessageId": first})
    world.clock.advance(seconds=3)
    await bob.post(path, {"chatMessageId": second})

    assert (answer.status_code, answer.content) == (200, b"")
    assert (await ann.get(path)).json() == {
        "value": [
            {
                "senderCommunicationIdentifier": {
                    "rawId": bob.id,
                    "kind": "communicationUser",
                    "communicationUser": {"id": bob.id},
                },
                "chatMessageId": second,
                "readOn": "2026-01-31T12:00:03Z",
            }
        ]
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"chatMessageId": 5}, 400), ({"chatMessageId": ""}, 400), ({"chatMessageId": "5"}, 404)],
)
async def test_a_receipt_for_nothing_is_refused(world: World, body: dict[str, object], status: int) -> None:
    ann = await world.user()
    answer = await ann.post(f"/chat/threads/{await world.thread(ann)}/readReceipts", body)
    assert answer.status_code == status


@pytest.mark.parametrize(("option", "listed"), [("hidden", [1, 0, 1]), ("shown", [1, 1, 1])])
async def test_above_20_members_receipts_are_taken_and_not_listed(option: str, listed: list[int]) -> None:
    world = make_world(Options(large_thread_receipts=option))  # type: ignore[arg-type]  # a str of the parametrisation
    async with world.http:
        ann, *others = [await world.user() for _ in range(21)]
        thread = await world.thread(ann, *others[:19])
        path = f"/chat/threads/{thread}"
        message = await ann.send(thread)
        seen = []
        last = others[-1].id
        for change in (None, ":add", ":remove"):
            body = {"participants": [participant(last)]} if change == ":add" else {"rawId": last}
            if change:
                await ann.post(f"{path}/participants/{change}", body)
            assert (await ann.post(f"{path}/readReceipts", {"chatMessageId": message})).status_code == 200
            seen.append(len((await ann.get(f"{path}/readReceipts")).json()["value"]))
        assert seen == listed
