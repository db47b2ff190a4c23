"""Receipts that clients see on a running emulator: made of what the others read, and told as they read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest

from tests.acs_backend.deployment import Deployment, twilio_token
from twilio_compat import Client, Message, MessageUpdatedEventArgs

SignIn: TypeAlias = Callable[[str], Awaitable[Client]]


@pytest.fixture
async def sign_in(deployment: Deployment) -> AsyncIterator[SignIn]:
    """Return a function that makes clients, each with a backend of its own as in another process."""
    clients: list[Client] = []

    async def sign_in(identity: str) -> Client:
        client = await Client.create(twilio_token(identity), {"backend": deployment.backend()})
        clients.append(client)
        return client

    yield sign_in
    for each in clients:
        await each.shutdown()


def read(message: Message) -> tuple[int, str]:
    """Return how many recipients a message had, and how many have read it."""
    receipt = message.aggregatedDeliveryReceipt
    assert receipt is not None
    return receipt.total, receipt.read


async def test_the_author_is_told_as_one_after_another_reads(sign_in: SignIn) -> None:
    alice, bob, carol = [await sign_in(name) for name in ("alice", "bob", "carol")]
    room = await (await alice.createConversation(friendlyName="Room")).join()
    for name in ("bob", "carol"):
        await room.add(name)
    await room.sendMessage("first")
    await room.sendMessage("second")
    first, second = (await room.getMessages()).items
    assert [(2, "none"), (2, "none")] == [read(first), read(second)]

    told: asyncio.Queue[tuple[int, list[str]]] = asyncio.Queue()

    def on_update(change: MessageUpdatedEventArgs) -> None:
        told.put_nowait((change["message"].index, [*change["updateReasons"]]))

    alice.on("messageUpdated", on_update)
    await (await bob.getConversationBySid(room.sid)).advanceLastReadMessageIndex(0)
    assert (0, ["deliveryReceipt"]) == await asyncio.wait_for(told.get(), 30)
    assert [(2, "some"), (2, "none")] == [read(first), read(second)]

    await (await carol.getConversationBySid(room.sid)).setAllMessagesRead()
    assert [(0, ["deliveryReceipt"]), (1, ["deliveryReceipt"])] == [
        await asyncio.wait_for(told.get(), 30) for _ in range(2)
    ]
    assert [(2, "all"), (2, "some")] == [read(first), read(second)]

    late = await sign_in("alice")
    again = (await (await late.getConversationBySid(room.sid)).getMessages()).items
    assert [(2, "all"), (2, "some")] == [read(each) for each in again]
    detailed = await second.getDetailedDeliveryReceipts()
    assert ["sent", "read"] == [each.status for each in detailed]
    assert {2} == {len({each.participantSid for each in detailed}), len({each.sid for each in detailed})}
