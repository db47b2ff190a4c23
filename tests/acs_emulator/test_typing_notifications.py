"""Typing notifications: accepted, and kept nowhere."""

from __future__ import annotations

import pytest

from tests.acs_emulator.support import World


@pytest.mark.parametrize("body", [None, {}, {"senderDisplayName": "Ann"}, {"senderDisplayName": None}])
async def test_a_member_may_type_and_nothing_is_kept(world: World, body: object) -> None:
    ann = await world.user()
    thread = await world.thread(ann)
    before = (await ann.get("/chat/threads")).json()
    answer = await ann.post(f"/chat/threads/{thread}/typing", body)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert (len(await ann.messages(thread)), (await ann.get("/chat/threads")).json()) == (2, before)


async def test_a_malformed_notification_is_a_400(world: World) -> None:
    ann = await world.user()
    path = f"/chat/threads/{await world.thread(ann)}/typing"
    assert (await ann.post(path, {"senderDisplayName": 1})).status_code == 400


async def test_large_threads_take_notifications_too(world: World) -> None:
    ann, *others = [await world.user() for _ in range(22)]
    assert (await ann.post(f"/chat/threads/{await world.thread(ann, *others)}/typing")).status_code == 200
