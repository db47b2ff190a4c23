"""What nobody has told who did it is told by the watcher: what native clients do, and what a dead process has done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from acs_backend import AcsBackend
from tests.acs_backend.deployment import NativeUser, draft
from tests.webhooks.clock import until
from tests.webhooks.deployment import SPEED, WebhookDeployment, configure, sign_in
from tests.webhooks.receiver import Heard, Receiver
from tests.webhooks.test_telling import SILENT, TELLING, room
from twilio_compat.account import Document
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationRecord,
    MessageChanges,
    ParticipantDraft,
)
from twilio_compat.webhooks import watcher
from twilio_compat.webhooks.backend import TellingBackend
from twilio_compat.webhooks.parameters import time_text

NOTHING_MORE = (watcher.GRACE + 8.0) / SPEED
"""Seconds after which whatever is to be told was told."""


@pytest.fixture
async def chat(backend: TellingBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice", "bob")


@pytest.fixture
async def native(
    deployment: WebhookDeployment, backend: TellingBackend, chat: ConversationRecord
) -> NativeUser:
    """Return bob, who uses Microsoft's SDK."""
    return await deployment.native(await backend.issue_identity("bob", with_token=True))


async def watched(backend: TellingBackend) -> Document:
    """Wait until somebody watches and has seen everything that there was."""
    return await until(lambda: backend.documents.get(watcher.KIND, watcher.NAME))


async def all_of(receiver: Receiver, count: int) -> Sequence[Heard]:
    """Return that many calls, after time enough for more."""
    await receiver.take(count)
    await asyncio.sleep(NOTHING_MORE)
    return receiver.heard


async def test_a_message_of_a_native_client_is_told(
    backend: TellingBackend, chat: ConversationRecord, native: NativeUser, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await watched(backend)
    await (await native.only_thread()).send_message("from ACS 👋")
    (heard,) = await all_of(receiver, 1)
    assert heard.is_genuine
    assert ("from ACS 👋", "bob", "SDK", "0", None) == (
        heard.told["Body"],
        heard.told["Author"],
        heard.told["Source"],
        heard.told["Index"],
        heard.told.get("ClientIdentity"),
    )


async def test_messages_of_both_kinds_of_clients_are_told_once(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, native: NativeUser, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await watched(backend)
    thread = await native.only_thread()
    for number in range(5):
        await backend.messages.create(alice, chat.sid, draft(f"alice {number}"))
        await thread.send_message(f"bob {number}")
        await backend.messages.create(SILENT, chat.sid, draft("quiet"))
        await backend.messages.create(TELLING, chat.sid, draft(f"account {number}"))
    told = [each.told for each in await all_of(receiver, 15)]
    expected = {f"{who} {number}" for who in ("alice", "bob", "account") for number in range(5)}
    assert 15 == len(told)
    assert expected == {each["Body"] for each in told}
    assert {"API"} == {each["Source"] for each in told if each["Body"].startswith("account")}
    for who in ("alice", "bob", "account"):
        assert [f"{who} {number}" for number in range(5)] == [
            each["Body"] for each in told if each["Body"].startswith(who)
        ]


async def test_what_native_clients_do_else_is_told_and_what_the_library_did_not_twice(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, native: NativeUser, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    await watched(backend)
    thread = await native.only_thread()
    sent = await thread.send_message("hi")
    added = await receiver.next("onMessageAdded")
    await thread.update_message(sent.id, "ho")
    updated = await receiver.next("onMessageUpdated")
    await thread.delete_message(sent.id)
    removed = await receiver.next("onMessageRemoved")
    assert 1 == len({each.told["MessageSid"] for each in (added, updated, removed)})
    assert ("ho", "0") == (updated.told["Body"], removed.told["Index"])
    await thread.update_topic("Renamed")
    assert "Renamed" == (await receiver.next("onConversationUpdated")).told["FriendlyName"]
    count = len(receiver.heard)
    await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="carol"))
    await backend.participants.delete(alice, chat.sid, "carol")
    await backend.conversations.update(alice, chat.sid, ConversationChanges(friendly_name="Again"))
    message = await backend.messages.create(alice, chat.sid, draft("1"))
    await backend.messages.update(alice, chat.sid, message.sid, MessageChanges(body="2"))
    await backend.messages.delete(alice, chat.sid, message.sid)
    await asyncio.sleep(NOTHING_MORE)
    assert [
        "onConversationUpdated",
        "onMessageAdded",
        "onMessageRemoved",
        "onMessageUpdated",
        "onParticipantAdded",
        "onParticipantRemoved",
    ] == sorted(each.event for each in receiver.heard[count:] if each.event != "onUserAdded")


async def test_who_comes_and_goes_by_a_native_client_s_hand_is_told(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    chat: ConversationRecord,
    native: NativeUser,
    receiver: Receiver,
) -> None:
    from azure.communication.chat import ChatParticipant, CommunicationUserIdentifier

    await configure(backend, receiver.url, "onParticipantAdded", "onParticipantRemoved")
    await watched(backend)
    carol = await backend.issue_identity("carol")
    thread = await native.only_thread()
    identifier = CommunicationUserIdentifier(carol.acs_user_id)
    await thread.add_participants([ChatParticipant(identifier=identifier)])
    assert "carol" == (await receiver.next("onParticipantAdded")).told["Identity"]
    await thread.remove_participant(identifier)
    assert "carol" == (await receiver.next("onParticipantRemoved")).told["Identity"]
    assert 2 == len(await all_of(receiver, 0))


async def test_what_the_account_does_silently_is_not_told_by_the_watcher_either(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    await watched(backend)
    message = await backend.messages.create(SILENT, chat.sid, draft("quiet"))
    await backend.messages.update(SILENT, chat.sid, message.sid, MessageChanges(body="quieter"))
    await backend.messages.delete(SILENT, chat.sid, message.sid)
    await backend.participants.create(SILENT, chat.sid, ParticipantDraft(identity="carol"))
    await backend.participants.delete(SILENT, chat.sid, "carol")
    await backend.conversations.update(SILENT, chat.sid, ConversationChanges(friendly_name="Room 2"))
    await backend.conversations.delete(SILENT, chat.sid)
    assert [] == await all_of(receiver, 0)


async def unheard(
    deployment: WebhookDeployment, chat: ConversationRecord, alice: Actor, *messages: str
) -> None:
    """Send messages as a process does that dies before it can tell anybody: without webhooks."""
    dying = AcsBackend(deployment.settings)
    for each in messages:
        await dying.messages.create(alice, chat.sid, draft(each))
    await dying.close()


async def test_a_message_of_a_process_that_died_before_it_could_tell_is_told(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await watched(backend)
    await unheard(deployment, chat, alice, "1", "2")
    heard = await all_of(receiver, 2)
    assert [("1", "alice"), ("2", "alice")] == [
        (each.told["Body"], each.told["ClientIdentity"]) for each in heard
    ]


async def test_what_happened_while_no_process_ran_is_told_by_the_next_one(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    native: NativeUser,
    receiver: Receiver,
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await backend.messages.create(alice, chat.sid, draft("told"))
    await watched(backend)
    await backend.close()
    await unheard(deployment, chat, alice, "1")
    await (await native.only_thread()).send_message("2")
    await unheard(deployment, chat, alice, *map(str, range(3, 153)))
    deployment.backend().look_after()
    await receiver.take(153)
    assert ["told", *map(str, range(1, 153))] == receiver.bodies()
    await asyncio.sleep(NOTHING_MORE)
    assert 153 == len(receiver.heard)


async def test_a_native_message_that_no_process_has_seen_is_told_by_the_next_one(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    chat: ConversationRecord,
    native: NativeUser,
    receiver: Receiver,
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await watched(backend)
    await backend.close()
    await (await native.only_thread()).send_message("unseen")
    deployment.backend().look_after()
    assert ["unseen"] == [each.told["Body"] for each in await all_of(receiver, 1)]


async def test_nothing_is_told_from_before_the_webhook_was_configured(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    await backend.messages.create(alice, chat.sid, draft("before"))
    await configure(backend, receiver.url, "onMessageAdded")
    await watched(backend)
    await backend.messages.create(alice, chat.sid, draft("after"))
    assert ["after"] == [each.told["Body"] for each in await all_of(receiver, 1)]


async def test_what_is_older_than_three_days_is_not_told_any_more(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await watched(backend)
    await backend.close()
    await unheard(deployment, chat, alice, "1")
    later = deployment.backend(ahead=timedelta(days=3, minutes=1).total_seconds())
    later.look_after()

    async def is_noted() -> bool:
        document = await later.documents.get(watcher.KIND, watcher.NAME)
        return document is not None and str(document.content["until"]) > time_text(
            datetime.now(UTC) + timedelta(days=3)
        )

    await until(is_noted)
    assert [] == await all_of(receiver, 0)


async def test_two_processes_watch_and_tell_once(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    native: NativeUser,
    receiver: Receiver,
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await watched(backend)
    other = deployment.backend()
    bob = await sign_in(other, "bob")
    thread = await native.only_thread()
    for number in range(10):
        await backend.messages.create(alice, chat.sid, draft(f"a{number}"))
        await other.messages.create(bob, chat.sid, draft(f"b{number}"))
        await thread.send_message(f"n{number}")
    told = [str(each.told["Body"]) for each in await all_of(receiver, 30)]
    assert 30 == len(told) == len(set(told))
    for who in "abn":
        assert [f"{who}{number}" for number in range(10)] == [each for each in told if each.startswith(who)]
    by_the_library = [each for each in told if not each.startswith("n")]
    assert [f"{who}{number}" for number in range(10) for who in "ab"] == by_the_library
