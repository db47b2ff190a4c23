"""Nothing acknowledged is lost and nothing is doubled, whatever the network and other writers do."""

from __future__ import annotations

import asyncio

import pytest

from acs_backend import AcsBackend
from acs_emulator.faults import Faults, Kind, Rule
from tests.acs_backend.deployment import Deployment, bodies, draft, page, room, send, sign_in
from twilio_compat.errors import AnswerError, ServiceTimeoutError, ServiceUnavailableError
from twilio_compat.records import Actor, ConversationRecord, ParticipantDraft

SEND = "SendChatMessage"


class Unsteady:
    """A backend on an emulator that may fail, with a conversation made before anything goes wrong."""

    def __init__(self, backend: AcsBackend, faults: Faults, alice: Actor, chat: ConversationRecord) -> None:
        self.backend, self.faults, self.alice, self.chat = backend, faults, alice, chat

    async def bodies(self) -> list[str | None]:
        return await bodies(self.backend, self.alice, self.chat)


async def seen(rule: Rule) -> None:
    """Wait for the first request that comes to a fault."""
    assert await asyncio.to_thread(rule.wait_until_seen)


@pytest.fixture
async def unsteady(deployment: Deployment) -> Unsteady:
    backend = deployment.backend(deadline=4.0)
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice", "bob")
    return Unsteady(backend, deployment.emulator.faults, alice, chat)


@pytest.mark.parametrize("kind", [each for each in Kind if each is not Kind.ARRIVE_LATE])
async def test_whatever_becomes_of_the_first_attempt_one_copy_exists(unsteady: Unsteady, kind: Kind) -> None:
    unsteady.faults.add(kind, SEND, count=1, latency=0.1)
    sent = await send(unsteady.backend, unsteady.alice, unsteady.chat, "once")
    assert 0 == sent.index
    assert ["once"] == await unsteady.bodies()


async def test_a_copy_that_arrives_after_the_second_attempt_is_hidden(unsteady: Unsteady) -> None:
    unsteady.faults.add(Kind.ARRIVE_LATE, SEND, count=1, latency=0.6)
    posts = unsteady.faults.add(Kind.DELAY, SEND)
    sent = await send(unsteady.backend, unsteady.alice, unsteady.chat, "once")
    await asyncio.sleep(0.8)
    after = await send(unsteady.backend, unsteady.alice, unsteady.chat, "after")
    assert 1 + 1 == posts.hits
    assert [0, 1] == [sent.index, after.index]
    assert ["once", "after"] == await unsteady.bodies()


async def test_many_senders_with_faults_everywhere_have_each_message_once_and_in_order(
    unsteady: Unsteady,
) -> None:
    for kind in [Kind.DROP_ANSWER, Kind.DELAY, Kind.DROP_REQUEST, Kind.DELAY, Kind.FAIL_ANSWER] * 4:
        unsteady.faults.add(kind, SEND, count=1)
    texts = [str(number) for number in range(24)]
    sent = await asyncio.gather(
        *(send(unsteady.backend, unsteady.alice, unsteady.chat, text) for text in texts)
    )
    assert sorted(texts) == sorted(str(each) for each in await unsteady.bodies())
    assert list(range(24)) == sorted(each.index for each in sent)
    found = (await page(unsteady.backend, unsteady.alice, unsteady.chat, 100)).items
    assert sorted(sent, key=lambda each: each.index) == list(found)
    assert sorted(each.date_created for each in found) == [each.date_created for each in found]


async def test_when_the_deadline_passes_the_error_says_that_the_outcome_is_unknown(
    unsteady: Unsteady,
) -> None:
    message = draft("maybe")
    unsteady.faults.add(Kind.DROP_ANSWER, SEND, "ListChatMessages")
    with pytest.raises((ServiceUnavailableError, ServiceTimeoutError), match="unknown"):
        await unsteady.backend.messages.create(unsteady.alice, unsteady.chat.sid, message)
    unsteady.faults.clear()
    again = await unsteady.backend.messages.create(unsteady.alice, unsteady.chat.sid, message)
    assert 0 == again.index
    assert ["maybe"] == await unsteady.bodies()


async def test_a_send_that_hangs_does_not_hold_the_others_up_for_as_long(unsteady: Unsteady) -> None:
    await send(unsteady.backend, unsteady.alice, unsteady.chat, "settled")
    slow = unsteady.faults.add(Kind.DELAY, SEND, count=1, latency=2.0)
    hanging = asyncio.ensure_future(send(unsteady.backend, unsteady.alice, unsteady.chat, "hanging"))
    await seen(slow)
    quick = [await send(unsteady.backend, unsteady.alice, unsteady.chat, str(number)) for number in range(3)]
    assert not hanging.done()
    assert [1, 2, 3] == [each.index for each in quick]
    assert 4 == (await hanging).index


async def test_a_refused_send_is_an_error_and_stands_in_nobodys_way(unsteady: Unsteady) -> None:
    (eve,) = await sign_in(unsteady.backend, "eve")
    outcomes = await asyncio.gather(
        *(send(unsteady.backend, each, unsteady.chat, "x") for each in [unsteady.alice, eve] * 8),
        return_exceptions=True,
    )
    assert [403] * 8 == [each.status for each in outcomes if isinstance(each, AnswerError)]
    assert ["x"] * 8 == await unsteady.bodies()


async def test_a_cancelled_send_leaves_the_order_intact(unsteady: Unsteady) -> None:
    posts = unsteady.faults.add(Kind.DELAY, SEND)
    cancelled = asyncio.ensure_future(send(unsteady.backend, unsteady.alice, unsteady.chat, "cancelled"))
    await seen(posts)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    sent = await asyncio.gather(
        *(send(unsteady.backend, unsteady.alice, unsteady.chat, str(number)) for number in range(8))
    )
    found = (await page(unsteady.backend, unsteady.alice, unsteady.chat, 100)).items
    assert sorted(each.date_created for each in found) == [each.date_created for each in found]
    assert list(range(len(found))) == [each.index for each in found]
    assert {each.sid for each in sent} <= {each.sid for each in found}


async def test_messages_of_an_acs_client_count_where_they_were_written(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    chat = await room(backend, alice, "alice", "bob")
    thread = await bob.only_thread()
    first = await send(backend, alice, chat, "0")
    await thread.send_message("1")
    await thread.send_message("2")
    third = await send(backend, alice, chat, "3")
    await thread.send_message("4")
    assert [0, 3] == [first.index, third.index]
    assert ["0", "1", "2", "3", "4"] == await bodies(backend, alice, chat)
    assert "bob" == (await page(backend, alice, chat)).items[1].author


async def test_an_acs_user_told_after_the_conversation_began_is_counted_from_then_on(
    deployment: Deployment,
) -> None:
    backend, elsewhere = deployment.backend(), deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    chat = await room(backend, alice, "alice", "bob")
    await send(backend, alice, chat, "0")
    bob = await deployment.native(await elsewhere.issue_identity("bob", with_token=True))
    await (await bob.only_thread()).send_message("1")
    assert 2 == (await send(backend, alice, chat, "2")).index
    assert ["0", "1", "2"] == await bodies(backend, alice, chat)


async def test_an_acs_user_who_left_still_counts(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    chat = await room(backend, alice, "alice", "bob")
    await send(backend, alice, chat, "0")
    await (await bob.only_thread()).send_message("1")
    await backend.participants.delete(alice, chat.sid, "bob")
    assert 2 == (await send(backend, alice, chat, "2")).index


async def test_an_acs_user_whose_adding_was_broken_off_still_counts(
    deployment: Deployment, unsteady: Unsteady
) -> None:
    backend, alice, chat = unsteady.backend, unsteady.alice, unsteady.chat
    await send(backend, alice, chat, "0")
    adds = unsteady.faults.add(Kind.DROP_ANSWER, "AddChatParticipants")
    adding = asyncio.ensure_future(
        backend.participants.create(alice, chat.sid, ParticipantDraft(identity="carol"))
    )
    await seen(adds)
    carol = await deployment.native(await backend.issue_identity("carol", with_token=True))
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    await (await carol.only_thread()).send_message("1")
    assert 2 == (await send(backend, alice, chat, "2")).index
    assert ["0", "1", "2"] == await unsteady.bodies()


async def test_concurrent_acs_clients_and_senders_agree_on_one_order(deployment: Deployment) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    chat = await room(backend, alice, "alice", "bob")
    thread = await bob.only_thread()
    ours = [send(backend, alice, chat, f"ours {number}") for number in range(12)]
    theirs = [thread.send_message(f"theirs {number}") for number in range(12)]
    sent = await asyncio.gather(*(each for pair in zip(ours, theirs, strict=True) for each in pair))
    found = (await page(backend, alice, chat, 100)).items
    assert list(range(24)) == [each.index for each in found]
    assert sorted(each.date_created for each in found) == [each.date_created for each in found]
    by_sid = {each.sid: each.index for each in found}
    assert [each.index for each in sent[::2]] == [by_sid[each.sid] for each in sent[::2]]


async def test_two_backends_on_one_store_agree_on_one_order(deployment: Deployment) -> None:
    one, other = deployment.backend(), deployment.backend()
    (alice,) = await sign_in(one, "alice")
    (bob,) = await sign_in(other, "bob")
    chat = await room(one, alice, "alice", "bob")
    sent = await asyncio.gather(
        *(send(one, alice, chat, str(number)) for number in range(16)),
        *(send(other, bob, chat, str(number)) for number in range(16)),
    )
    assert list(range(32)) == sorted(each.index for each in sent)
    by_creation = sorted(sent, key=lambda each: each.date_created)
    assert list(range(32)) == [each.index for each in by_creation]
    assert await bodies(one, alice, chat) == await bodies(other, bob, chat)


async def test_what_a_process_left_unrecorded_is_found_by_the_next(deployment: Deployment) -> None:
    first = deployment.backend()
    (alice,) = await sign_in(first, "alice")
    chat = await room(first, alice, "alice")
    await send(first, alice, chat, "0")
    doomed = asyncio.ensure_future(send(first, alice, chat, "1"))
    await asyncio.sleep(0.002)
    doomed.cancel()
    await asyncio.gather(doomed, return_exceptions=True)
    second = deployment.backend()
    sent = await send(second, alice, chat, "2")
    found = (await page(second, alice, chat)).items
    assert sorted(each.date_created for each in found) == [each.date_created for each in found]
    assert (len(found) - 1, "2") == (sent.index, found[-1].body)
