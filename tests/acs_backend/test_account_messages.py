"""Messages as the account has them: it writes as anybody, and nobody else can."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.communication.chat import CommunicationUserIdentifier
from azure.communication.chat.aio import ChatThreadClient

from acs_backend import AcsBackend, imprints
from acs_backend.sids import conversation_sid
from tests.acs_backend.deployment import (
    Deployment,
    NativeUser,
    bodies,
    draft,
    next_of,
    page,
    quiet,
    room,
    send,
    sign_in,
)
from tests.acs_backend.middleman import Fault, Middleman
from twilio_compat.account import account_actor, on_behalf_of
from twilio_compat.errors import (
    ArgumentError,
    ForbiddenError,
    LimitError,
    NotFoundError,
    TranslationGapError,
)
from twilio_compat.events import MessageAdded, MessageUpdated, Synchronized
from twilio_compat.records import (
    Actor,
    ContentTemplateRecord,
    ConversationDraft,
    ConversationRecord,
    MediaUpload,
    MessageChanges,
    MessageRecord,
    ParticipantDraft,
)

ACCOUNT = account_actor()
LONG_AGO = datetime(2019, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    """A conversation of alice and bob."""
    return await room(backend, alice, "alice", "bob")


async def say(
    backend: AcsBackend, chat: ConversationRecord, body: str = "hello", **more: Any
) -> MessageRecord:
    return await backend.messages.create(ACCOUNT, chat.sid, draft(body, **more))


async def participant(backend: AcsBackend, chat: ConversationRecord, identity: str) -> str:
    members = await backend.participants.list(ACCOUNT, chat.sid)
    return next(each.sid for each in members if each.identity == identity)


async def told_alike(backend: AcsBackend, chat: ConversationRecord, sent: MessageRecord) -> MessageRecord:
    """Check that everybody reads a message as it was told to the sender, and return it."""
    alice = on_behalf_of("alice")
    assert sent == await backend.messages.get(ACCOUNT, chat.sid, sent.sid)
    assert sent == await backend.messages.get(alice, chat.sid, sent.sid)
    assert sent == (await page(backend, alice, chat)).items[-1]
    assert sent == (await page(backend, ACCOUNT, chat)).items[-1]
    return sent


async def native(deployment: Deployment, backend: AcsBackend, identity: str = "nat") -> NativeUser:
    return await deployment.native(await backend.issue_identity(identity, with_token=True))


async def listed(thread: ChatThreadClient) -> list[Any]:
    """Return the messages of users that ACS lists, oldest first."""
    found = [each async for each in thread.list_messages() if str(each.type) == "ChatMessageType.TEXT"]
    return found[::-1]


# Authors


async def test_without_an_author_it_is_the_system_that_writes(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    sent = await told_alike(backend, chat, await say(backend, chat))
    assert ("system", None, False, False) == (
        sent.author,
        sent.participant_sid,
        sent.is_native,
        sent.is_quiet,
    )
    assert sent.delivery is not None
    assert 2 == len(sent.delivery.recipients)


async def test_it_writes_as_a_member_who_then_is_the_sender_at_acs(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    user = await native(deployment, backend)
    chat = await room(backend, alice, "alice", "bob", "nat")
    sent = await told_alike(backend, chat, await say(backend, chat, author="bob"))
    assert ("bob", await participant(backend, chat, "bob")) == (sent.author, sent.participant_sid)
    (message,) = await listed(await user.only_thread())
    bob = await backend.identities.known_acs_id("bob")
    assert (bob, "bob") == (message.sender.raw_id, message.sender_display_name)
    assert not {imprints.AUTHOR, imprints.SEAL} & set(message.metadata)


async def test_it_writes_as_somebody_who_is_no_member_nor_a_user(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    user = await native(deployment, backend)
    chat = await room(backend, alice, "alice", "nat")
    sent = await told_alike(backend, chat, await say(backend, chat, author="a bot"))
    assert ("a bot", None) == (sent.author, sent.participant_sid)
    (message,) = await listed(await user.only_thread())
    assert (await backend.identities.steward()).id == message.sender.raw_id
    assert "a bot" == message.sender_display_name
    assert None is await backend.identities.known_acs_id("a bot")


async def test_who_comes_later_has_written_what_was_written_in_their_name(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    sent = await say(backend, chat, author="carol")
    assert None is sent.participant_sid
    await backend.participants.create(ACCOUNT, chat.sid, ParticipantDraft(identity="carol"))
    read = await backend.messages.get(ACCOUNT, chat.sid, sent.sid)
    assert ("carol", await participant(backend, chat, "carol")) == (read.author, read.participant_sid)
    receipts = await backend.messages.receipts(ACCOUNT, chat.sid, sent.sid)
    assert read.participant_sid not in {each.participant_sid for each in receipts}


async def test_what_was_written_in_their_name_they_may_change(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    sent = await say(backend, chat, author="carol")
    (carol, system) = await sign_in(backend, "carol", "system")
    own = await say(backend, chat)
    for identity in ("carol", "system"):
        await backend.participants.create(ACCOUNT, chat.sid, ParticipantDraft(identity=identity))
    changed = await backend.messages.update(carol, chat.sid, sent.sid, MessageChanges(body="changed"))
    assert ("carol", "changed") == (changed.author, changed.body)
    for message in (sent, own):
        with pytest.raises(ForbiddenError) as caught:
            await backend.messages.update(system, chat.sid, message.sid, MessageChanges(body="x"))
        assert 50107 == caught.value.code


async def test_a_member_who_has_just_left_is_written_for_by_the_steward_once(
    deployment: Deployment, backend: AcsBackend, alice: Actor, middleman: Middleman
) -> None:
    user = await native(deployment, backend)
    chat = await room(backend, alice, "alice", "bob", "nat")
    watched = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string)
    )
    await say(watched, chat, "bob is a member, and that is known", author="bob")
    bob = await backend.identities.known_acs_id("bob")
    assert bob is not None
    thread = await user.only_thread()
    await thread.remove_participant(CommunicationUserIdentifier(bob))
    sends = middleman.sends()
    sent = await say(watched, chat, "he has left, and nobody was told", author="bob")
    assert ("bob", None) == (sent.author, sent.participant_sid)
    assert 2 == middleman.sends() - sends
    assert 2 == len(await listed(thread))


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.ERROR_AFTER, Fault.LOSE_REQUEST, Fault.ERROR])
@pytest.mark.parametrize("author", ["bob", "a bot"])
async def test_whatever_becomes_of_the_request_there_is_one_message(
    deployment: Deployment,
    backend: AcsBackend,
    chat: ConversationRecord,
    middleman: Middleman,
    fault: Fault,
    author: str,
) -> None:
    watched = deployment.backend(
        connection_string=middleman.connection_string(deployment.emulator.connection_string)
    )
    middleman.fail_sends(fault)
    sent = await say(watched, chat, author=author, is_quiet=True, date_created=LONG_AGO)
    assert (0, author, LONG_AGO, True) == (sent.index, sent.author, sent.date_created, sent.is_quiet)
    assert ["hello"] == await bodies(backend, ACCOUNT, chat)


async def test_a_draft_that_is_repeated_is_one_message(
    deployment: Deployment, chat: ConversationRecord
) -> None:
    again = draft("hello", author="a bot", is_first=False)
    backends = [deployment.backend(), deployment.backend()]
    sent = [await each.messages.create(ACCOUNT, chat.sid, again) for each in backends]
    assert sent[0] == sent[1]
    assert ["hello"] == await bodies(backends[0], ACCOUNT, chat)


@pytest.mark.parametrize(
    ("author", "error", "code"),
    [("x" * 257, LimitError, 50310), ("twilio-acs-compat:steward", ForbiddenError, 50203)],
)
async def test_an_author_that_cannot_be_is_refused(
    backend: AcsBackend, chat: ConversationRecord, author: str, error: type[Exception], code: int
) -> None:
    with pytest.raises(error) as caught:
        await say(backend, chat, author=author)
    assert code == caught.value.code  # type: ignore[attr-defined]
    with pytest.raises(ArgumentError):
        await say(backend, chat, author="half\ud800")
    assert [] == await bodies(backend, ACCOUNT, chat)


@pytest.mark.parametrize("author", ["é" * 256, "𝒜" * 256])
async def test_a_long_author_survives_a_small_budget(deployment: Deployment, author: str) -> None:
    backend = deployment.backend(metadata_budget=160)
    chat = await backend.conversations.create(ACCOUNT, ConversationDraft())
    sent = await say(backend, chat, author=author, is_quiet=True, date_created=LONG_AGO, subject="s" * 256)
    assert sent == await backend.messages.get(ACCOUNT, chat.sid, sent.sid)
    assert (author, True, LONG_AGO) == (sent.author, sent.is_quiet, sent.date_created)


# Dates and quiet


@pytest.mark.parametrize("author", ["bob", "a bot", None])
async def test_a_message_that_is_imported_has_its_old_dates_and_the_next_index(
    backend: AcsBackend, chat: ConversationRecord, author: str | None
) -> None:
    await say(backend, chat, "first")
    sent = await say(
        backend,
        chat,
        author=author,
        date_created=LONG_AGO,
        date_updated=LONG_AGO + timedelta(days=1),
        is_quiet=True,
    )
    await told_alike(backend, chat, sent)
    assert (1, LONG_AGO, LONG_AGO + timedelta(days=1), True) == (
        sent.index,
        sent.date_created,
        sent.date_updated,
        sent.is_quiet,
    )


async def test_one_that_was_not_changed_was_changed_when_it_was_written(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    sent = await told_alike(backend, chat, await say(backend, chat, author="bob", date_created=LONG_AGO))
    assert sent.date_created == sent.date_updated == LONG_AGO
    changed = await backend.messages.update(ACCOUNT, chat.sid, sent.sid, MessageChanges(body="x"))
    assert LONG_AGO == changed.date_created
    assert changed.date_updated > LONG_AGO + timedelta(days=1000)


async def test_dates_of_an_import_outlast_that_the_author_becomes_native(
    deployment: Deployment, backend: AcsBackend, chat: ConversationRecord
) -> None:
    sent = await say(backend, chat, author="bob", date_created=LONG_AGO, is_quiet=True)
    await native(deployment, backend, "bob")
    assert sent == await backend.messages.get(ACCOUNT, chat.sid, sent.sid)


# What nobody else can do


@pytest.mark.parametrize(
    "more",
    [
        {"author": "eve"},
        {"author": "alice"},
        {"date_created": LONG_AGO},
        {"date_updated": LONG_AGO},
        {"is_quiet": True},
    ],
)
async def test_a_user_may_not_say_what_is_for_the_account_alone(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, more: dict[str, Any]
) -> None:
    with pytest.raises(ForbiddenError) as caught:
        await backend.messages.create(alice, chat.sid, draft("hello", **more))
    assert 50107 == caught.value.code


@pytest.mark.parametrize(
    "changes",
    [
        MessageChanges(subject="x"),
        MessageChanges(author="eve"),
        MessageChanges(date_created=LONG_AGO),
        MessageChanges(date_updated=LONG_AGO),
    ],
)
async def test_nor_change_it(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord, changes: MessageChanges
) -> None:
    sent = await send(backend, alice, chat, "mine")
    with pytest.raises(ForbiddenError) as caught:
        await backend.messages.update(alice, chat.sid, sent.sid, changes)
    assert 50107 == caught.value.code


async def test_a_native_member_forges_neither_author_nor_date_nor_quiet(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    user = await native(deployment, backend)
    chat = await room(backend, alice, "alice", "nat")
    honest = await say(backend, chat, "sealed", author="nat", date_created=LONG_AGO, is_quiet=True)
    thread = await user.only_thread()
    (original,) = await listed(thread)
    seal = original.metadata[imprints.SEAL]
    forged = {imprints.AUTHOR: "alice", imprints.DATES: "[1,1]", imprints.QUIET: "1"}
    for metadata in (
        forged,
        forged | {imprints.SEAL: seal},
        dict(original.metadata) | {"twId": "another"},
        dict(original.metadata) | {imprints.AUTHOR: "alice"},
    ):
        await thread.send_message("forged", metadata=metadata)
    items = (await page(backend, ACCOUNT, chat)).items
    assert honest == items[0]
    assert 3 == len(items[1:])  # the copy of the mutation id is a second copy, which nobody sees
    for each in items[1:]:
        assert ("nat", False) == (each.author, each.is_quiet)
        assert each.date_created > LONG_AGO + timedelta(days=1000)


async def test_a_native_message_is_told_as_one(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    user = await native(deployment, backend)
    chat = await room(backend, alice, "alice", "nat")
    await (await user.only_thread()).send_message("past the library")
    await send(backend, alice, chat, "through it")
    assert [True, False] == [each.is_native for each in (await page(backend, ACCOUNT, chat)).items]


# Changing


@pytest.mark.parametrize("author", ["bob", "a bot", None])
async def test_it_changes_what_anybody_wrote(
    backend: AcsBackend, chat: ConversationRecord, author: str | None
) -> None:
    sent = await say(backend, chat, author=author, date_created=LONG_AGO, is_quiet=True)
    changed = await backend.messages.update(
        ACCOUNT,
        chat.sid,
        sent.sid,
        MessageChanges(
            body="changed",
            attributes={"x": 1},
            subject="about",
            author="eve",
            date_created=LONG_AGO + timedelta(days=1),
            date_updated=LONG_AGO + timedelta(days=2),
        ),
    )
    assert ("changed", {"x": 1}, "about", "eve", "system") == (
        changed.body,
        changed.attributes,
        changed.subject,
        changed.author,
        changed.last_updated_by,
    )
    assert (LONG_AGO + timedelta(days=1), LONG_AGO + timedelta(days=2), True) == (
        changed.date_created,
        changed.date_updated,
        changed.is_quiet,
    )
    assert changed == await backend.messages.get(on_behalf_of("alice"), chat.sid, sent.sid)


async def test_it_changes_what_a_native_user_wrote(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    user = await native(deployment, backend)
    chat = await room(backend, alice, "alice", "nat")
    await (await user.only_thread()).send_message("past the library")
    (message,) = (await page(backend, ACCOUNT, chat)).items
    changed = await backend.messages.update(
        ACCOUNT, chat.sid, message.sid, MessageChanges(body="changed", date_created=LONG_AGO)
    )
    assert ("changed", "nat", LONG_AGO, True) == (
        changed.body,
        changed.author,
        changed.date_created,
        changed.is_native,
    )


async def test_what_an_author_changes_afterwards_keeps_what_the_account_said(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    sent = await say(backend, chat, author="bob", date_created=LONG_AGO, is_quiet=True)
    (bob,) = await sign_in(backend, "bob")
    changed = await backend.messages.update(bob, chat.sid, sent.sid, MessageChanges(attributes={"x": 1}))
    assert ("bob", LONG_AGO, True, "bob") == (
        changed.author,
        changed.date_created,
        changed.is_quiet,
        changed.last_updated_by,
    )


async def test_what_somebody_sent_who_has_left_cannot_be_changed_and_the_error_says_so(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    theirs = await say(backend, chat, author="bob")
    await backend.participants.delete(ACCOUNT, chat.sid, "bob")
    for change in (
        backend.messages.update(ACCOUNT, chat.sid, theirs.sid, MessageChanges(body="x")),
        backend.messages.delete(ACCOUNT, chat.sid, theirs.sid),
    ):
        with pytest.raises(TranslationGapError, match="add them to the conversation first"):
            await change
    await backend.participants.create(ACCOUNT, chat.sid, ParticipantDraft(identity="bob"))
    changed = await backend.messages.update(ACCOUNT, chat.sid, theirs.sid, MessageChanges(body="x"))
    assert "x" == changed.body


async def test_what_the_steward_sent_can_always_be_changed(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    sent = await say(backend, chat, author="a bot")
    for identity in ("alice", "bob"):
        await backend.participants.delete(ACCOUNT, chat.sid, identity)
    await backend.messages.update(ACCOUNT, chat.sid, sent.sid, MessageChanges(body="changed"))
    assert ["changed"] == await bodies(backend, ACCOUNT, chat)
    await backend.messages.delete(ACCOUNT, chat.sid, sent.sid)
    assert [] == await bodies(backend, ACCOUNT, chat)
    assert 0 == await backend.messages.count(ACCOUNT, chat.sid)
    with pytest.raises(NotFoundError) as caught:
        await backend.messages.get(ACCOUNT, chat.sid, sent.sid)
    assert 50500 == caught.value.code


async def test_who_listens_hears_of_changes_whatever_dates_are_shown(
    deployment: Deployment, chat: ConversationRecord
) -> None:
    backend, other = deployment.backend(), deployment.backend()
    (alice,) = await sign_in(other, "alice")
    sent = await say(backend, chat, author="a bot")
    async with other.subscribe(alice) as events:
        await next_of(events, Synchronized)
        changed = await backend.messages.update(
            ACCOUNT, chat.sid, sent.sid, MessageChanges(body="changed", date_updated=LONG_AGO)
        )
        told = (await next_of(events, MessageUpdated)).message
    assert changed == told
    assert LONG_AGO == told.date_updated
    assert told.changed_at is not None
    assert told.changed_at >= sent.date_updated


# The rest


async def test_media_and_templates_go_with_what_the_account_writes(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    media = await backend.media.upload(
        on_behalf_of("alice"), MediaUpload(content=b"hello", content_type="text/plain", filename="f.txt")
    )
    template = ContentTemplateRecord(
        sid="HX" + "1" * 32,
        friendly_name="greeting",
        variables={},
        types={"twilio/text": {"body": "Hello {{1}}"}},
        date_created=LONG_AGO,
        date_updated=LONG_AGO,
    )
    await backend.content_templates.put([template])
    shown = await told_alike(
        backend,
        chat,
        await backend.messages.create(ACCOUNT, chat.sid, draft(None, media=(media,), author="a bot")),
    )
    assert (media,) == shown.media
    filled = await backend.messages.create(
        ACCOUNT,
        chat.sid,
        draft(None, content_sid=template.sid, content_variables={"1": "you"}, author="a bot"),
    )
    assert "Hello you" == filled.body
    content = await backend.messages.content(ACCOUNT, chat.sid, filled.sid)
    assert {"twilio/text": {"body": "Hello you"}} == content


async def test_a_user_and_the_account_see_the_same_indexes_and_sids(
    deployment: Deployment, alice: Actor
) -> None:
    backend, other = deployment.backend(), deployment.backend()
    user = await native(deployment, backend)
    chat = await room(backend, alice, "alice", "nat")
    thread = await user.only_thread()
    (same,) = await sign_in(other, "alice")
    for number in range(4):
        await asyncio.gather(
            say(backend, chat, f"account {number}"),
            send(other, same, chat, f"alice {number}"),
            thread.send_message(f"native {number}"),
        )
    as_account = (await page(backend, ACCOUNT, chat, 100)).items
    as_user = (await page(other, same, chat, 100)).items
    assert list(range(12)) == [each.index for each in as_account]
    assert as_account == as_user


async def test_in_a_thread_of_native_users_it_reads_as_one_of_them_and_writes_as_the_steward(
    deployment: Deployment, backend: AcsBackend, alice: Actor
) -> None:
    user = await native(deployment, backend)
    thread_id = await user.create_thread("Ours", (await backend.identities.acting(alice)).id)
    await backend.conversations.list(alice)
    ours = await backend.conversations.get(ACCOUNT, conversation_sid(thread_id))
    await user.thread(thread_id).send_message("past the library")
    assert ["past the library"] == await bodies(backend, ACCOUNT, ours)
    members = [each.identifier.raw_id async for each in user.thread(thread_id).list_participants()]
    assert 2 == len(members)
    await backend.participants.list(ACCOUNT, ours.sid)
    as_alice = await say(backend, ours, "as a member", author="alice")
    assert as_alice.participant_sid is not None
    members = [each.identifier.raw_id async for each in user.thread(thread_id).list_participants()]
    assert 2 == len(members)
    sent = await say(backend, ours, "as the system")
    assert "system" == sent.author
    assert ["past the library", "as a member", "as the system"] == await bodies(backend, ACCOUNT, ours)
    assert ["alice", "nat"] == sorted(
        each.identity for each in await backend.participants.list(ACCOUNT, ours.sid)
    )


async def test_on_behalf_of_a_user_it_writes_as_that_user(
    backend: AcsBackend, chat: ConversationRecord
) -> None:
    sent = await backend.messages.create(on_behalf_of("bob"), chat.sid, draft("hello"))
    assert ("bob", await participant(backend, chat, "bob")) == (sent.author, sent.participant_sid)
    with pytest.raises(ForbiddenError) as caught:
        await backend.messages.create(on_behalf_of("eve"), chat.sid, draft("hello"))
    assert 50430 == caught.value.code


async def test_what_was_sent_in_this_process_is_told_to_listeners_as_it_is_read(
    backend: AcsBackend, alice: Actor, chat: ConversationRecord
) -> None:
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        sent = [
            await say(backend, chat, author="a bot", is_quiet=True),
            await say(backend, chat, author="bob", date_created=LONG_AGO),
        ]
        told = [(await next_of(events, MessageAdded)).message for _ in sent]
        assert sent == told
        assert [] == await quiet(events)
    assert sent == list((await page(backend, alice, chat)).items)
