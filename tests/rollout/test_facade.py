"""An application on the facade hears and reads the same in every stage, also while its conversation changes sides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from tests.rollout.deployment import ACCOUNT, RolloutDeployment, drained, moved, room, send
from tests.support.waiting import eventually
from twilio_compat import Client
from twilio_compat.conversation import Conversation
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.message import Message
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.moving.copying import Mover
from twilio_compat.rollout.staging.stages import Side, Stage


def token(deployment: RolloutDeployment, identity: str) -> str:
    twilio = deployment.twilio
    made = AccessToken(twilio.account_sid, twilio.api_key, twilio.api_secret, identity=identity)
    made.add_grant(ChatGrant(service_sid=twilio.service_sid))
    return str(made.to_jwt())


@pytest.mark.parametrize("stage", [each.value for each in Stage])
async def test_a_conversation_is_made_written_to_and_read_in_each_stage(
    deployment: RolloutDeployment, stage: str
) -> None:
    backend = deployment.open(stage)
    async with Client(token(deployment, "bob"), {"backend": backend}) as client:
        made = await client.createConversation({"friendlyName": "chat 🙂", "uniqueName": "a room"})
        await made.join()
        indexes = [await made.sendMessage(f"message {number}") for number in range(3)]
        await made.prepareMessage().setBody("with attributes").setAttributes({"a": [1]}).build().send()
        found = await client.getConversationByUniqueName("a room")
        read = (await found.getMessages(2)).items
        await made.updateLastReadMessageIndex(1)
        unread = await made.getUnreadMessagesCount()
    assert ([0, 1, 2], made.sid) == (indexes, found.sid)
    assert [(2, "message 2", "bob"), (3, "with attributes", "bob")] == [
        (each.index, each.body, each.author) for each in read
    ]
    assert 2 == unread


@pytest.mark.timeout(200)
async def test_each_message_is_heard_once_and_in_order_while_a_conversation_goes_to_acs_and_back(
    deployment: RolloutDeployment,
) -> None:
    backend = deployment.open("dualwrite")
    made = await room(backend, "bob", "ann")
    await drained(backend, made.sid)
    heard: list[Message] = []
    async with Client(token(deployment, "bob"), {"backend": deployment.open("dualwrite")}) as client:
        conversation = await client.getConversationBySid(made.sid)
        conversation.on("messageAdded", heard.append)
        writing = asyncio.create_task(write(backend, made.sid))
        for stage in (Stage.SHADOW, Stage.LIVE, Stage.SHADOW, Stage.DUALWRITE):
            await moved(backend, made.sid, stage)
            count = len(heard)
            await eventually(partial(has_heard, heard, count + 4), within=60)
        assert not writing.done(), writing.exception()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await send(backend, made.sid, "the last one", "ann")

        async def is_told() -> bool:
            return bool(heard) and heard[-1].body == "the last one"

        await eventually(is_told, within=60)
        read = [each.index for each in (await conversation.getMessages(1000)).items]
    assert read == [each.index for each in heard]
    assert len({each.sid for each in heard}) == len(heard) > 10
    for side in Side:
        await eventually(partial(has_all, backend, made.sid, side, len(heard)))


async def has_heard(heard: Sequence[object], count: int) -> bool:
    return len(heard) >= count


async def write(backend: RolloutBackend, sid: str) -> None:
    number = 0
    while True:
        await send(backend, sid, f"message {number}", "ann")
        number += 1
        await asyncio.sleep(0.1)


async def has_all(backend: RolloutBackend, sid: str, side: Side, count: int) -> bool:
    place = await backend.office.place(await backend.office.pins.of(await backend.office.target(sid)), side)
    return count == await place.backend.messages.count(ACCOUNT, place.sid)


@pytest.mark.timeout(200)
async def test_what_is_sent_in_each_stage_of_a_conversation_is_heard_once_and_paged_through_by_the_same_names(
    deployment: RolloutDeployment,
) -> None:
    backend = deployment.open("off")
    made = await room(backend, "bob", "ann")
    heard: list[tuple[int, str]] = []
    async with Client(token(deployment, "bob"), {"backend": deployment.open("off")}) as client:
        conversation = await client.getConversationBySid(made.sid)
        conversation.on("messageAdded", lambda message: heard.append((message.index, message.sid)))
        for number, stage in enumerate((Stage.OFF, Stage.SHADOW, Stage.LIVE, Stage.SHADOW)):
            if number == 1:
                backend.look_after()
                await Mover(backend.office, backend.parts.mirror, deadline=0.2).move(made.sid, stage)
            elif number > 1:
                await moved(backend, made.sid, stage)
            before = [*heard]
            indexes = [await conversation.sendMessage(f"{stage} {each}") for each in range(3)]
            await eventually(partial(has_heard, heard, 3 * (number + 1)), within=60)
            assert before == heard[: 3 * number]
            assert indexes == [index for index, _ in heard[3 * number :]]
            assert heard == await paged(conversation)
    assert [*range(12)] == [index for index, _ in heard]
    assert 12 == len({sid for _, sid in heard})


async def paged(conversation: Conversation) -> list[tuple[int, str]]:
    """Return the index and sid of each message, two by two from the last one back."""
    page = await conversation.getMessages(2)
    found = [(each.index, each.sid) for each in page.items]
    while page.hasPrevPage:
        page = await page.prevPage()
        found[:0] = [(each.index, each.sid) for each in page.items]
    return found
