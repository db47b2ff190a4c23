"""What clients send, or call off, on a running emulator: as their users and others see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest

from acs_emulator import Emulator, Exchange, Options
from tests.acs_backend.deployment import Deployment, twilio_token
from tests.acs_backend.middleman import Middleman
from twilio_compat import Client, Conversation, Message
from twilio_compat.errors import PromiseCancelledError

SignIn: TypeAlias = Callable[..., Awaitable[Client]]


@pytest.fixture
async def sign_in(deployment: Deployment) -> AsyncIterator[SignIn]:
    """Return a function that makes clients; they are shut down at the end."""
    clients: list[Client] = []

    async def sign_in(identity: str, **changes: Any) -> Client:
        options: Any = {"backend": deployment.backend(**changes)}
        clients.append(await Client.create(twilio_token(identity), options))
        return clients[-1]

    yield sign_in
    for each in clients:
        await each.shutdown()


async def shared(alice: Client, bob: Client) -> tuple[Conversation, Conversation]:
    """Return a conversation of both, as each of them sees it."""
    mine = await (await alice.createConversation(friendlyName="Room")).join()
    await mine.add("bob")
    return mine, await bob.getConversationBySid(mine.sid)


async def fetched(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.read()


async def said(conversation: Conversation) -> list[str | None]:
    return [each.body for each in (await conversation.getMessages()).items]


async def test_an_email_arrives_with_all_its_parts(sign_in: SignIn) -> None:
    alice, bob = await sign_in("alice"), await sign_in("bob")
    mine, theirs = await shared(alice, bob)
    builder = mine.prepareMessage().setBody("See below").setSubject("Plans")
    builder.setEmailBody("text/html", {"contentType": "text/html", "media": "<p>Hi</p>"})
    builder.setEmailHistory("text/plain", {"contentType": "text/plain", "media": "> Hello?"})
    builder.addMedia({"contentType": "image/png", "media": b"\x89PNG", "filename": "a.png"})
    await builder.buildAndSend()

    [message] = (await theirs.getMessages()).items
    body, history = message.getEmailBody("text/html"), message.getEmailHistory()
    assert body is not None
    assert history is not None
    assert ("Plans", ["a.png"]) == (message.subject, [each.filename for each in message.attachedMedia])
    urls = await bob.getTemporaryContentUrlsForMedia([body, history, *message.attachedMedia])
    assert [b"<p>Hi</p>", b"> Hello?", b"\x89PNG"] == [await fetched(each) for each in urls.values()]


async def test_ten_files_arrive_in_their_order(sign_in: SignIn) -> None:
    alice, bob = await sign_in("alice"), await sign_in("bob")
    mine, theirs = await shared(alice, bob)
    builder = mine.prepareMessage()
    for number in range(10):
        builder.addMedia({"file": (f"{number}.txt", str(number))})
    await builder.buildAndSend()
    [message] = (await theirs.getMessages()).items
    urls = await message.getTemporaryContentUrlsForAttachedMedia()
    assert [each.sid for each in message.attachedMedia] == [*urls]
    assert [str(number).encode() for number in range(10)] == [await fetched(each) for each in urls.values()]


async def test_called_off_on_its_way_a_message_is_sent_and_announced_once(
    deployment: Deployment, middleman: Middleman, sign_in: SignIn
) -> None:
    through = middleman.connection_string(deployment.emulator.connection_string)
    alice, bob = await sign_in("alice", connection_string=through), await sign_in("bob")
    mine, theirs = await shared(alice, bob)
    heard: list[asyncio.Queue[Message]] = [asyncio.Queue(), asyncio.Queue()]
    mine.on("messageAdded", heard[0].put_nowait)
    theirs.on("messageAdded", heard[1].put_nowait)

    middleman.fail_sends()
    promise = mine.prepareMessage().setBody("called off").buildAndSend()
    await middleman.first_send.wait()
    with pytest.raises(PromiseCancelledError):
        await promise.cancel()
    assert 1 == await mine.sendMessage("after")

    for each in heard:
        told = [await each.get(), await each.get()]
        assert [(0, "called off"), (1, "after")] == [(message.index, message.body) for message in told]
    assert ["called off", "after"] == await said(mine) == await said(theirs)
    assert all(each.empty() for each in heard)


async def test_called_off_in_the_queue_for_a_turn_nothing_is_sent(tmp_path: Path) -> None:
    exchanges: list[Exchange] = []
    with Emulator(Options(rate_limits="on"), observe=exchanges.append) as emulator:
        async with Deployment(emulator, f"sqlite:///{tmp_path / 'store.db'}") as deployment:
            backend = deployment.backend(rate_limits="on", deadline=60.0)
            async with Client(twilio_token("alice"), {"backend": backend}) as alice:
                room = await (await alice.createConversation(friendlyName="Room")).join()
                texts = [str(number) for number in range(10)]
                for each in texts:
                    await room.sendMessage(each)
                promise = room.prepareMessage().setBody("waits").buildAndSend()
                assert texts == await said(room)  # meanwhile it has reached the end of the line
                with pytest.raises(PromiseCancelledError):
                    await promise.cancel()
                assert texts == await said(room)
    assert 10 == sum(each.operation == "SendChatMessage" for each in exchanges)


async def test_an_upload_called_off_leaves_a_conversation_as_it_was(sign_in: SignIn) -> None:
    alice, bob = await sign_in("alice"), await sign_in("bob")
    mine, theirs = await shared(alice, bob)
    reached = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 2**20
        reached.set()
        await asyncio.Event().wait()

    promise = mine.prepareMessage().addMedia({"contentType": "a/b", "media": source()}).buildAndSend()
    await reached.wait()
    with pytest.raises(PromiseCancelledError):
        await promise.cancel()
    assert 0 == await mine.sendMessage("after")
    assert ["after"] == await said(theirs)
