"""What nobody waits for is done all the same, in turn, and before the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from acs_backend import AcsBackend, errands
from acs_backend.errands import Errands
from acs_backend.errors import Subject
from acs_backend.store import media as media_table
from acs_emulator.faults import Kind
from tests.acs_backend.deployment import Deployment, draft, room, sign_in
from tests.acs_backend.store.databases import execute
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.records import MediaUpload, MessageRecord


class Road:
    """Errands that take as long as a gate is shut, and what they did."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.done: list[str] = []
        self.errands = Errands("A letter", Subject.MESSAGE)

    def to(self, goal: str) -> Callable[[], Awaitable[None]]:
        async def go() -> None:
            await self.gate.wait()
            self.done.append(goal)

        return go


async def test_of_several_that_wait_the_last_counts() -> None:
    road = Road()
    road.errands.run("key", road.to("first"))
    await asyncio.sleep(0)
    for goal in ("second", "third"):
        road.errands.run("key", road.to(goal))
    road.gate.set()
    await road.errands.close()
    assert ["first", "third"] == road.done


async def test_those_with_other_keys_do_not_wait() -> None:
    road, quick = Road(), asyncio.Event()

    async def go() -> None:
        quick.set()

    road.errands.run("slow", road.to("slow"))
    road.errands.run("quick", go)
    assert await asyncio.wait_for(quick.wait(), 30)
    assert [] == road.done
    road.gate.set()
    await road.errands.close()
    assert ["slow"] == road.done


async def test_one_that_is_called_off_is_not_done() -> None:
    road = Road()
    road.errands.run("key", road.to("first"))
    await asyncio.sleep(0)
    road.errands.run("key", road.to("second"))
    road.errands.call_off("key")
    road.gate.set()
    await road.errands.close()
    assert ["first"] == road.done


async def test_one_that_fails_is_logged_and_the_next_is_done(caplog: pytest.LogCaptureFixture) -> None:
    road = Road()

    async def fail() -> None:
        raise ServiceUnavailableError("No way through")

    road.errands.run("key", fail)
    await asyncio.sleep(0)
    road.errands.run("key", road.to("goal"))
    road.gate.set()
    await road.errands.close()
    assert ["goal"] == road.done
    assert "A letter failed: No way through" in caplog.text


async def test_closing_does_not_wait_for_ever(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "LONGEST_GOODBYE", 0.01)
    road = Road()
    road.errands.run("key", road.to("goal"))
    await road.errands.close()
    assert [] == road.done
    assert "was given up at closing" in caplog.text


async def test_a_typing_notice_is_sent_before_the_backend_closes(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    slow = deployment.emulator.faults.add(Kind.DELAY, "SendTypingNotification", latency=0.1)
    await backend.participants.typing(alice, chat.sid)
    assert 0 == slow.hits
    await backend.close()
    assert 1 == slow.hits


async def send_a_file(backend: AcsBackend) -> MessageRecord:
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice")
    file = await backend.media.upload(alice, MediaUpload(content=b"x", content_type="text/plain"))
    return await backend.messages.create(alice, chat.sid, draft("hello", media=(file,)))


async def test_which_message_names_a_file_is_noted_before_the_backend_closes(deployment: Deployment) -> None:
    backend = deployment.backend()
    await send_a_file(backend)
    await backend.close()
    url = deployment.settings.database_url
    assert await execute(url, "SELECT message_id FROM messages") == await execute(
        url, "SELECT message_id FROM media"
    )


async def test_a_message_that_was_sent_does_not_fail_for_want_of_that_note(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise ServiceUnavailableError("The store is gone")

    monkeypatch.setattr(media_table, "attach", fail)
    backend = deployment.backend()
    assert "hello" == (await send_a_file(backend)).body
    await backend.close()
    assert "A note of which message names a file failed: The store is gone" in caplog.text
