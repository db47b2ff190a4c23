from __future__ import annotations

import asyncio

import pytest

from acs_backend import AcsBackend
from tests.acs_backend.deployment import Deployment, bodies, draft, page, room, send, sign_in
from twilio_compat.errors import ForbiddenError, LimitError, NotFoundError
from twilio_compat.records import (
    Actor,
    ConversationRecord,
    Direction,
    MediaUpload,
    MessageChanges,
    MessagePage,
    ParticipantDraft,
)

BACKWARDS, FORWARD = Direction.BACKWARDS, Direction.FORWARD


@pytest.fixture
def backend(deployment: Deployment) -> AcsBackend:
    return deployment.backend()


@pytest.fixture
async def alice(backend: AcsBackend) -> Actor:
    return (await sign_in(backend, "alice"))[0]


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice", "bob")


async def test_a_message_reads_back_as_it_was_sent(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    sent = await backend.messages.create(
        alice, chat.sid, draft("hello", attributes={"mood": ["good"]}, subject="greeting")
    )
    assert 0 == sent.index
    assert ("alice", "hello", {"mood": ["good"]}, "greeting") == (
        sent.author,
        sent.body,
        sent.attributes,
        sent.subject,
    )
    assert (sent,) == (await page(backend, alice, chat)).items


async def test_native_clients_are_shown_who_wrote_it(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await send(backend, alice, chat, "hello")
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    listed = [each async for each in (await bob.only_thread()).list_messages() if each.type == "text"]
    assert ["alice"] == [each.sender_display_name for each in listed]


async def test_a_message_with_media_and_large_attributes_reads_back(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    file = MediaUpload(content=b"bytes", content_type="text/plain", filename="note.txt")
    media = (await backend.media.upload(alice, file),)
    attributes = {"long": "x" * 3000}
    sent = await backend.messages.create(alice, chat.sid, draft(None, media=media, attributes=attributes))
    assert (None, media, attributes) == (sent.body, sent.media, sent.attributes)
    assert (sent,) == (await page(backend, alice, chat)).items


async def test_indexes_count_messages_and_nothing_else(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    first = await send(backend, alice, chat, "one")
    await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="carol"))
    await backend.messages.update(alice, chat.sid, first.sid, MessageChanges(body="edited"))
    second = await send(backend, alice, chat, "two")
    assert [0, 1] == [first.index, second.index]
    assert ["edited", "two"] == await bodies(backend, alice, chat)


async def test_many_sends_at_once_get_dense_indexes_in_the_order_of_creation(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    (bob,) = await sign_in(backend, "bob")
    senders = [alice if number % 2 else bob for number in range(32)]
    sent = await asyncio.gather(
        *(send(backend, each, chat, str(number)) for number, each in enumerate(senders))
    )
    assert list(range(32)) == sorted(each.index for each in sent)
    by_creation = sorted(sent, key=lambda each: each.date_created)
    assert list(range(32)) == [each.index for each in by_creation]
    assert [each.body for each in by_creation] == await bodies(backend, bob, chat)


def shape(found: MessagePage) -> tuple[list[int], bool, bool]:
    """Return the indexes, whether there are newer ones, and whether there are older ones."""
    return [each.index for each in found.items], found.has_newer, found.has_older


@pytest.mark.parametrize(
    ("size", "anchor", "direction", "expected"),
    [
        (3, None, BACKWARDS, ([4, 5, 6], False, True)),
        (3, 3, BACKWARDS, ([1, 2, 3], True, True)),
        (3, 0, BACKWARDS, ([0], True, False)),
        (3, 1, FORWARD, ([1, 2, 3], True, True)),
        (3, 0, FORWARD, ([0, 1, 2], True, False)),
        (3, None, FORWARD, ([0, 1, 2], True, False)),
        (3, 6, FORWARD, ([6], False, True)),
        (3, 5, BACKWARDS, ([3, 4, 5], True, True)),
        (7, None, BACKWARDS, ([0, 1, 2, 3, 4, 5, 6], False, False)),
        (3, 100, BACKWARDS, ([4, 5, 6], False, True)),
        (3, 100, FORWARD, ([], False, True)),
        (3, 2**63, BACKWARDS, ([4, 5, 6], False, True)),
    ],
)
async def test_pages_are_those_that_twilios_client_shows(
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    size: int,
    anchor: int | None,
    direction: Direction,
    expected: tuple[list[int], bool, bool],
) -> None:
    for number in range(7):
        await send(backend, alice, chat, str(number))
    assert expected == shape(await page(backend, alice, chat, size, anchor, direction))


async def test_pages_skip_deleted_messages_and_anchors_may_lie_in_the_gap(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    sent = [await send(backend, alice, chat, str(number)) for number in range(5)]
    for gone in (0, 2, 4):
        await backend.messages.delete(alice, chat.sid, sent[gone].sid)
    assert ([1, 3], False, False) == shape(await page(backend, alice, chat, 2))
    assert ([1], True, False) == shape(await page(backend, alice, chat, 2, 2, BACKWARDS))
    assert ([3], False, True) == shape(await page(backend, alice, chat, 2, 2, FORWARD))
    assert 5 == (await send(backend, alice, chat, "next")).index


async def test_an_empty_conversation_has_one_empty_page(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    assert ([], False, False) == shape(await page(backend, alice, chat))


async def test_a_long_conversation_is_read_from_any_place(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    for start in range(0, 1_100, 50):
        await asyncio.gather(*(send(backend, alice, chat, str(start + number)) for number in range(50)))
    found = await page(backend, alice, chat, 1_100)
    assert list(range(1_100)) == [each.index for each in found.items]
    assert ([0, 1, 2], True, False) == shape(await page(backend, alice, chat, 3, 0, FORWARD))
    middle = await page(backend, alice, chat, 100, 550, BACKWARDS)
    assert (list(range(451, 551)), True, True) == shape(middle)
    assert found.items[451:551] == middle.items


async def test_reading_takes_membership(backend: AcsBackend, alice: Actor, chat: ConversationRecord) -> None:
    (eve,) = await sign_in(backend, "eve")
    with pytest.raises(ForbiddenError, match="Participant is not a member of conversation") as caught:
        await page(backend, eve, chat)
    assert 50430 == caught.value.code
    with pytest.raises(ForbiddenError) as caught:
        await send(backend, eve, chat, "let me in")
    assert 50430 == caught.value.code


async def test_only_the_author_changes_a_message(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    (bob,) = await sign_in(backend, "bob")
    sent = await send(backend, alice, chat, "mine")
    with pytest.raises(ForbiddenError) as caught:
        await backend.messages.update(bob, chat.sid, sent.sid, MessageChanges(body="his"))
    assert 50107 == caught.value.code
    with pytest.raises(ForbiddenError) as caught:
        await backend.messages.delete(bob, chat.sid, sent.sid)
    assert 50107 == caught.value.code


async def test_an_edit_changes_what_it_names_and_keeps_the_rest(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    file = MediaUpload(content=b"bytes", content_type="text/plain", filename="note.txt")
    media = (await backend.media.upload(alice, file),)
    sent = await backend.messages.create(
        alice, chat.sid, draft("old", media=media, attributes={"a": 1}, subject="s")
    )
    edited = await backend.messages.update(alice, chat.sid, sent.sid, MessageChanges(attributes={"b": 2}))
    assert ("old", {"b": 2}, media, "s") == (edited.body, edited.attributes, edited.media, edited.subject)
    assert (sent.index, sent.date_created) == (edited.index, edited.date_created)
    assert edited.date_updated > sent.date_updated
    assert "alice" == edited.last_updated_by


async def test_an_unknown_or_deleted_message_is_not_found(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    sent = await send(backend, alice, chat, "short-lived")
    await backend.messages.delete(alice, chat.sid, sent.sid)
    for sid in (sent.sid, "IM" + "0" * 32):
        with pytest.raises(NotFoundError) as caught:
            await backend.messages.update(alice, chat.sid, sid, MessageChanges(body="x"))
        assert 50500 == caught.value.code


async def test_a_body_that_acs_does_not_take_is_refused_by_name(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    with pytest.raises(LimitError, match="28 KB") as caught:
        await send(backend, alice, chat, "x" * 30_000)
    assert 50504 == caught.value.code
