"""Sends that are called off, or whose sender stops waiting: nothing is sent, or all of it, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from tests.support.journal import settle
from tests.support.memory_backend import MemoryBackend, MemoryMessages, MemoryService
from twilio_compat import CancellablePromise, Client, Conversation, Message
from twilio_compat.errors import PromiseCancelledError
from twilio_compat.media_upload import SendMediaOptions
from twilio_compat.records import Actor, MessageDraft, MessageRecord


@dataclass
class Source:
    """A file that brings a piece and then nothing more."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def read(self) -> AsyncGenerator[bytes, None]:
        try:
            yield b"x"
            self.reached.set()
            await self.go_on.wait()
        finally:
            self.closed = True


class SlowMessages(MemoryMessages):
    """A service that takes messages and does not say so."""

    def __init__(self, service: MemoryService) -> None:
        super().__init__(service)
        self.posted = asyncio.Event()

    async def create(self, actor: Actor, conversation_sid: str, draft: MessageDraft) -> MessageRecord:
        record = await super().create(actor, conversation_sid, draft)
        self.posted.set()
        await asyncio.Event().wait()
        return record


Stop: TypeAlias = Callable[[CancellablePromise[int]], Awaitable[type[BaseException]]]


async def call_off(promise: CancellablePromise[int]) -> type[BaseException]:
    """Cancel the promise, and tell what awaiting it raises."""
    with pytest.raises(PromiseCancelledError, match=r"^Promise was cancelled$") as caught:
        await promise.cancel()
    return caught.type


async def stop_waiting(promise: CancellablePromise[int]) -> type[BaseException]:
    """Cancel a task that waits for the promise, and tell what comes of it."""

    async def wait() -> int:
        return await promise

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.type


both_ways = pytest.mark.parametrize("stop", [call_off, stop_waiting])


@pytest.fixture
async def room(alice: Client) -> Conversation:
    return await (await alice.createConversation(friendlyName="Room")).join()


@pytest.fixture
async def slow(
    service: MemoryService, room: Conversation
) -> AsyncIterator[tuple[SlowMessages, Conversation]]:
    """The room as seen by a client whose service does not answer what is sent."""
    backend = MemoryBackend(service)
    backend.messages = messages = SlowMessages(service)
    async with Client(service.token("alice"), {"backend": backend}) as client:
        yield messages, await client.getConversationBySid(room.sid)


def tasks() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


@both_ways
async def test_called_off_while_it_uploads_nothing_is_sent_and_nothing_left_running(
    service: MemoryService, room: Conversation, stop: Stop
) -> None:
    source, before = Source(), tasks()
    builder = room.prepareMessage().addMedia({"contentType": "a/b", "media": b"first"})
    promise = builder.addMedia({"contentType": "a/b", "media": source.read()}).buildAndSend()
    await source.reached.wait()
    await stop(promise)
    assert (True, before) == (source.closed, tasks())
    assert (1, []) == (len(service.files), (await room.getMessages()).items)


async def test_called_off_at_once_nothing_is_even_begun(service: MemoryService, room: Conversation) -> None:
    calls = [*service.calls]
    await call_off(room.prepareMessage().setBody("Hello!").buildAndSend())
    await settle()
    assert calls == service.calls


@both_ways
async def test_called_off_once_it_is_posted_it_is_there_and_announced_once(
    slow: tuple[SlowMessages, Conversation], stop: Stop
) -> None:
    messages, room = slow
    heard: list[Message] = []
    room.on("messageAdded", heard.append)
    promise = room.prepareMessage().setBody("Hello!").buildAndSend()
    await messages.posted.wait()
    await stop(promise)
    await settle()
    assert ["Hello!"] == [each.body for each in (await room.getMessages()).items]
    assert [0] == [each.index for each in heard]


async def test_a_plain_send_is_called_off_with_its_task(room: Conversation) -> None:
    source = Source()
    task = asyncio.create_task(room.sendMessage({"contentType": "a/b", "media": source.read()}))
    await source.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (True, []) == (source.closed, (await room.getMessages()).items)


async def test_it_is_sent_whether_or_not_anybody_waits(room: Conversation) -> None:
    room.prepareMessage().setBody("Hello!").buildAndSend()
    await settle()
    assert ["Hello!"] == [each.body for each in (await room.getMessages()).items]


async def test_what_is_sent_when_the_client_is_shut_down_may_finish(
    service: MemoryService, alice: Client, room: Conversation
) -> None:
    source = Source()
    promise = room.prepareMessage().addMedia({"contentType": "a/b", "media": source.read()}).buildAndSend()
    await source.reached.wait()
    asyncio.get_running_loop().call_later(0.01, source.go_on.set)
    await alice.shutdown()
    assert 0 == await promise


async def test_what_takes_too_long_is_called_off_with_the_client(
    alice: Client, room: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twilio_compat.client.PROMISE_GRACE", 0.0)
    source = Source()
    promise = room.prepareMessage().addMedia({"contentType": "a/b", "media": source.read()}).buildAndSend()
    await source.reached.wait()
    await alice.shutdown()
    with pytest.raises(PromiseCancelledError):
        await promise
    assert source.closed


async def test_what_is_begun_while_the_client_shuts_down_is_called_off_with_it(
    alice: Client, room: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twilio_compat.client.PROMISE_GRACE", 0.1)
    sources, promises = [Source(), Source()], []

    def begin(source: Source) -> None:
        media: SendMediaOptions = {"contentType": "a/b", "media": source.read()}
        promises.append(room.prepareMessage().addMedia(media).buildAndSend())

    begin(sources[0])
    asyncio.get_running_loop().call_later(0.01, begin, sources[1])
    await alice.shutdown()
    assert [PromiseCancelledError] * 2 == [
        type(each) for each in await asyncio.gather(*promises, return_exceptions=True)
    ]
    assert [True, True] == [each.closed for each in sources]
