from __future__ import annotations

import asyncio

import pytest

from acs_backend import AcsBackend
from tests.acs_backend.deployment import Deployment, bodies, draft, page, room, send, sign_in
from twilio_compat.errors import ForbiddenError, LimitError, NotFoundError, TranslationGapError
from twilio_compat.records import (
    UNCHANGED,
    Actor,
    ConversationRecord,
    DeliveryRecord,
    Direction,
    MediaUpload,
    MessageChanges,
    MessagePage,
    ParticipantDraft,
    UserConversationChanges,
)

BACKWARDS, FORWARD = Direction.BACKWARDS, Direction.FORWARD


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


async def test_an_administrator_may_change_what_others_wrote(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    (bob,) = await sign_in(backend, "bob")
    sent = await send(backend, bob, chat, "bob's")
    edited = await backend.messages.update(alice, chat.sid, sent.sid, MessageChanges(body="edited"))
    assert ("edited", "bob", "alice") == (edited.body, edited.author, edited.last_updated_by)
    again = await backend.messages.update(bob, chat.sid, sent.sid, MessageChanges(attributes={"a": 1}))
    assert ("edited", {"a": 1}, "bob") == (again.body, again.attributes, again.last_updated_by)
    await backend.messages.delete(alice, chat.sid, sent.sid)
    assert [] == await bodies(backend, bob, chat)


async def test_what_an_author_wrote_who_left_cannot_be_changed_at_acs(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    (bob,) = await sign_in(backend, "bob")
    sent = await send(backend, bob, chat, "bob's")
    await backend.participants.delete(alice, chat.sid, "bob")
    with pytest.raises(TranslationGapError, match="add them to the conversation first"):
        await backend.messages.delete(alice, chat.sid, sent.sid)


async def test_edits_of_body_and_attributes_by_two_processes_do_not_undo_each_other(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    other = deployment.backend()
    long = {"long": "x" * 2_000}
    for number in range(5):
        sent = await backend.messages.create(
            alice, chat.sid, draft("old", attributes={"n": number} | long, subject="kept")
        )
        await asyncio.gather(
            backend.messages.update(alice, chat.sid, sent.sid, MessageChanges(body="new")),
            other.messages.update(alice, chat.sid, sent.sid, MessageChanges(attributes={"new": 1} | long)),
        )
        found = await backend.messages.get(alice, chat.sid, sent.sid)
        assert ("new", {"new": 1} | long, "kept") == (found.body, found.attributes, found.subject)


@pytest.mark.parametrize(
    "changes",
    [MessageChanges(body=""), MessageChanges(attributes=None), MessageChanges(attributes={"x": "y" * 3_000})],
)
async def test_an_edit_may_empty_a_body_or_set_attributes_to_null_or_to_much(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, changes: MessageChanges
) -> None:
    sent = await backend.messages.create(alice, chat.sid, draft("old", attributes={"a": 1}, subject="s"))
    edited = await backend.messages.update(alice, chat.sid, sent.sid, changes)
    assert ("old" if changes.body is UNCHANGED else changes.body) == edited.body
    assert ({"a": 1} if changes.attributes is UNCHANGED else changes.attributes) == edited.attributes
    assert "s" == edited.subject
    assert (edited,) == (await page(backend, alice, chat)).items


async def test_an_edit_that_changes_nothing_still_counts_as_one(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    sent = await send(backend, alice, chat, "same")
    edited = await backend.messages.update(alice, chat.sid, sent.sid, MessageChanges(body="same"))
    assert ("same", "alice") == (edited.body, edited.last_updated_by)
    assert edited.date_updated > sent.date_updated


async def test_one_message_is_fetched_by_its_sid(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    sent = [await send(backend, alice, chat, str(number)) for number in range(3)]
    assert sent[1] == await backend.messages.get(alice, chat.sid, sent[1].sid)
    assert sent[1] == await deployment.backend().messages.get(alice, chat.sid, sent[1].sid)
    other = await room(backend, alice, "alice")
    await backend.messages.delete(alice, chat.sid, sent[0].sid)
    for conversation, sid in [(other, sent[1].sid), (chat, sent[0].sid), (chat, "IM" + "0" * 32)]:
        with pytest.raises(NotFoundError) as caught:
            await backend.messages.get(alice, conversation.sid, sid)
        assert 50500 == caught.value.code


async def test_messages_are_counted_without_those_deleted_and_with_those_of_acs_clients(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    assert 0 == await backend.messages.count(alice, chat.sid)
    sent = [await send(backend, alice, chat, str(number)) for number in range(30)]
    await backend.messages.delete(alice, chat.sid, sent[3].sid)
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    thread = await bob.only_thread()
    for number in range(30):
        theirs = await thread.send_message(f"native {number}")
    await thread.delete_message(theirs.id)
    assert 29 + 29 == await backend.messages.count(alice, chat.sid)
    (eve,) = await sign_in(backend, "eve")
    with pytest.raises(ForbiddenError) as caught:
        await backend.messages.count(eve, chat.sid)
    assert 50430 == caught.value.code


async def test_a_message_tells_who_has_read_it(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    (bob,) = await sign_in(backend, "bob")
    first, second = await send(backend, alice, chat, "0"), await send(backend, alice, chat, "1")
    await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="carol"))
    third = await send(backend, alice, chat, "2")
    await backend.user_conversations.update(bob, chat.sid, UserConversationChanges(last_read_message_index=1))
    members = {each.identity: each.sid for each in await backend.participants.list(alice, chat.sid)}
    told = [each.delivery for each in (await page(backend, alice, chat)).items]
    bobs, both = frozenset({members["bob"]}), frozenset({members["bob"], members["carol"]})
    assert [DeliveryRecord(recipients=bobs, read_by=bobs)] * 2 == told[:2]
    assert DeliveryRecord(recipients=both) == told[2] == third.delivery
    assert DeliveryRecord(recipients=bobs) == second.delivery
    assert ["read"] == [each.status for each in await backend.messages.receipts(alice, chat.sid, first.sid)]
    assert ["sent", "sent"] == [
        each.status for each in await backend.messages.receipts(alice, chat.sid, third.sid)
    ]


async def test_a_read_receipt_of_an_acs_client_tells_that_a_message_was_read(
    deployment: Deployment, backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    sent = [await send(backend, alice, chat, str(number)) for number in range(3)]
    thread = await bob.only_thread()
    listed = [each async for each in thread.list_messages() if each.content and each.content.message == "1"]
    await thread.send_read_receipt(listed[0].id)
    receipts = [await backend.messages.receipts(alice, chat.sid, each.sid) for each in sent]
    assert ["read", "read", "sent"] == [each.status for (each,) in receipts]
