"""What happens is told afterwards: to whom, of what, and as whose doing."""

from __future__ import annotations

import asyncio

import pytest

from tests.acs_backend.deployment import draft
from tests.webhooks.deployment import (
    SPEED,
    WebhookDeployment,
    add_webhook,
    configure,
    configure_service,
    sign_in,
)
from tests.webhooks.receiver import Receiver
from tests.webhooks.samples import ACCOUNT_SID
from twilio_compat.account import UserDraft, account_actor, on_behalf_of
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    MediaUpload,
    MessageChanges,
    ParticipantChanges,
    ParticipantDraft,
    UserChanges,
    UserConversationChanges,
)
from twilio_compat.webhooks.backend import TellingBackend
from twilio_compat.webhooks.switchboard import FRESH

TELLING = account_actor(tells_webhooks=True)
SILENT = account_actor()


async def room(backend: TellingBackend, creator: Actor, *members: str) -> ConversationRecord:
    conversation = await backend.conversations.create(creator, ConversationDraft(friendly_name="Room"))
    for each in members:
        await backend.participants.create(creator, conversation.sid, ParticipantDraft(identity=each))
    return conversation


@pytest.fixture
async def chat(backend: TellingBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice", "bob")


async def test_a_message_of_a_user_is_told_with_all_that_twilio_tells(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url + "/hook")
    sent = await backend.messages.create(alice, chat.sid, draft("Grüße 👋🏽", attributes={"a": "ä"}))
    heard = await receiver.next()
    assert heard.is_genuine
    assert {
        "AccountSid": ACCOUNT_SID,
        "EventType": "onMessageAdded",
        "Source": "SDK",
        "ClientIdentity": "alice",
        "RetryCount": "0",
        "ChatServiceSid": backend.service_sid,
        "ConversationSid": chat.sid,
        "MessageSid": sent.sid,
        "Index": "0",
        "DateCreated": sent.date_created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "Author": "alice",
        "Body": "Grüße 👋🏽",
        "Attributes": '{"a": "\\u00e4"}',
        "ParticipantSid": sent.participant_sid,
    } == heard.told
    assert ("POST", "/hook") == (heard.method, heard.path)


async def test_a_webhook_can_be_asked_with_a_get(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url + "/hook?room=1", method="GET")
    await backend.messages.create(alice, chat.sid, draft("a & b = ü 👋"))
    heard = await receiver.next()
    assert ("GET", True) == (heard.method, heard.is_genuine)
    assert ("1", "a & b = ü 👋") == (heard.told["room"], heard.told["Body"])


async def test_a_message_that_is_a_file_has_no_body(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    file = await backend.media.upload(
        alice, MediaUpload(content=b"1", content_type="image/png", filename="x.png")
    )
    await backend.messages.create(alice, chat.sid, draft(None, media=(file,)))
    heard = await receiver.next()
    assert "Body" not in heard.told
    assert (
        f'[{{"Sid":"{file.sid}","Filename":"x.png","ContentType":"image/png","Size":1}}]'
        == heard.told["Media"]
    )


async def test_messages_are_told_in_order(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    for number in range(200):
        await backend.messages.create(alice, chat.sid, draft(str(number)))
    assert [*map(str, range(200))] == [each.told["Body"] for each in await receiver.take(200)]


async def test_each_change_of_a_user_is_told_once_and_in_order(
    backend: TellingBackend, alice: Actor, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    chat = await room(backend, alice, "alice", "bob")
    message = await backend.messages.create(alice, chat.sid, draft("hi"))
    await backend.messages.update(alice, chat.sid, message.sid, MessageChanges(body="ho"))
    await backend.messages.delete(alice, chat.sid, message.sid)
    await backend.participants.update(alice, chat.sid, "alice", ParticipantChanges(attributes={"a": 1}))
    await backend.participants.delete(alice, chat.sid, "bob")
    await backend.conversations.update(alice, chat.sid, ConversationChanges(friendly_name="Room 2"))
    await backend.conversations.delete(alice, chat.sid)
    heard = [each for each in await receiver.take(10) if each.event != "onUserAdded"]
    assert [
        "onConversationAdded",
        "onParticipantAdded",
        "onParticipantAdded",
        "onMessageAdded",
        "onMessageUpdated",
        "onMessageRemoved",
        "onParticipantUpdated",
        "onParticipantRemoved",
        "onConversationUpdated",
        "onConversationRemoved",
    ] == [each.event for each in [*heard, *(await receiver.take(10 - len(heard)))]]
    told = {each.event: each.told for each in receiver.heard}
    assert ("hi", "ho", "ho") == tuple(
        told[each]["Body"] for each in ("onMessageAdded", "onMessageUpdated", "onMessageRemoved")
    )
    assert ("Room", "Room 2") == (
        told["onConversationAdded"]["FriendlyName"],
        told["onConversationRemoved"]["FriendlyName"],
    )
    assert "DateRemoved" in told["onConversationRemoved"]
    assert ("bob", "alice") == (
        told["onParticipantRemoved"]["Identity"],
        told["onParticipantRemoved"]["ClientIdentity"],
    )


async def test_what_the_account_does_is_told_only_where_it_asks_for_it(
    backend: TellingBackend, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    quiet = await backend.messages.create(SILENT, chat.sid, draft("quiet", author="bot"))
    await backend.messages.update(SILENT, chat.sid, quiet.sid, MessageChanges(body="quieter"))
    await backend.participants.create(SILENT, chat.sid, ParticipantDraft(identity="carol"))
    await backend.participants.delete(SILENT, chat.sid, "carol")
    await backend.conversations.update(SILENT, chat.sid, ConversationChanges(friendly_name="Room 2"))
    await backend.messages.delete(SILENT, chat.sid, quiet.sid)
    await backend.messages.create(TELLING, chat.sid, draft("loud", author="bot"))
    heard = await receiver.next()
    assert ("onMessageAdded", "loud", "API", "bot") == (
        heard.event,
        heard.told["Body"],
        heard.told["Source"],
        heard.told["Author"],
    )
    assert "ClientIdentity" not in heard.told
    assert 1 == len(receiver.heard)


async def test_what_the_account_does_as_a_user_is_told_as_its_own_doing(
    backend: TellingBackend, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    await backend.participants.create(
        on_behalf_of("bob", tells_webhooks=True), chat.sid, ParticipantDraft(identity="carol")
    )
    heard = await receiver.next("onParticipantAdded")
    assert ("API", None) == (heard.told["Source"], heard.told.get("ClientIdentity"))


async def test_only_events_that_the_filters_name_are_told(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, "onMessageRemoved")
    message = await backend.messages.create(alice, chat.sid, draft("hi"))
    await backend.messages.delete(alice, chat.sid, message.sid)
    assert "onMessageRemoved" == (await receiver.next()).event


async def test_the_service_s_webhook_is_called_in_place_of_the_account_s(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url + "/account")
    await configure_service(backend, receiver.url + "/service")
    await backend.messages.create(alice, chat.sid, draft("hi"))
    await backend.messages.create(alice, chat.sid, draft("ho"))
    assert ["/service", "/service"] == [each.path for each in await receiver.take(2)]


async def test_a_conversation_s_webhook_is_called_as_well_and_says_which_one_it_is(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url + "/account", "onMessageAdded")
    await add_webhook(backend, chat.sid, receiver.url + "/scoped", "onMessageAdded")
    other = await room(backend, alice, "alice")
    await backend.messages.create(alice, other.sid, draft("elsewhere"))
    await backend.messages.create(alice, chat.sid, draft("here"))
    heard = await receiver.take(3)
    (scoped,) = [each for each in heard if each.path == "/scoped"]
    assert ("here", "webhook", "WH" + "9" * 32) == (
        scoped.told["Body"],
        scoped.told["WebhookType"],
        scoped.told["WebhookSid"],
    )
    assert {"elsewhere", "here"} == {each.told["Body"] for each in heard if each.path == "/account"}


async def test_a_trigger_is_called_at_its_words_alone(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await add_webhook(backend, chat.sid, receiver.url, target="trigger", triggers=("help",))
    for body in ("helpless", "nothing", "Help, please"):
        await backend.messages.create(alice, chat.sid, draft(body))
    heard = await receiver.next()
    assert ("Help, please", "trigger") == (heard.told["Body"], heard.told["WebhookType"])


async def test_a_conversation_s_webhook_hears_of_its_end_and_is_forgotten(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await add_webhook(backend, chat.sid, receiver.url, "onConversationRemoved")
    await backend.conversations.delete(alice, chat.sid)
    assert chat.sid == (await receiver.next()).told["ConversationSid"]
    assert [] == await backend.documents.list(f"scoped-webhooks {chat.sid}")


async def test_a_new_webhook_is_told_of_earlier_messages_where_it_asks_for_them(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    for body in ("0", "1", "2"):
        await backend.messages.create(alice, chat.sid, draft(body))
    await add_webhook(backend, chat.sid, receiver.url, "onMessageAdded", replay_after=1)
    await backend.messages.create(alice, chat.sid, draft("3"))
    assert ["1", "2", "3"] == [each.told["Body"] for each in await receiver.take(3)]


async def test_a_new_user_is_told_once_whether_they_sign_in_or_are_added(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, "onUserAdded")
    await sign_in(backend, "carol")
    await sign_in(backend, "carol")
    await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="dave"))
    await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="carol"))
    await backend.users.create(TELLING, UserDraft(identity="eve"))
    heard = await receiver.take(3)
    assert ["carol", "dave", "eve"] == [each.told["Identity"] for each in heard]
    assert ["SDK", "SDK", "API"] == [each.told["Source"] for each in heard]


async def test_a_changed_user_is_told(backend: TellingBackend, alice: Actor, receiver: Receiver) -> None:
    await configure(backend, receiver.url)
    await backend.users.update(alice, "alice", UserChanges(friendly_name="Älice"))
    heard = await receiver.next()
    assert ("onUserUpdated", "Älice", "alice") == (
        heard.event,
        heard.told["FriendlyName"],
        heard.told["Identity"],
    )


async def test_reading_on_is_told_and_with_it_what_has_come_to_be_read(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    bob = await sign_in(backend, "bob")
    messages = [await backend.messages.create(alice, chat.sid, draft(str(each))) for each in range(2)]
    await configure(backend, receiver.url)
    for _ in range(2):
        await backend.user_conversations.update(
            bob, chat.sid, UserConversationChanges(last_read_message_index=1, advance_only=True)
        )
    heard = await receiver.take(3)
    assert ["onParticipantUpdated", "onDeliveryUpdated", "onDeliveryUpdated"] == [
        each.event for each in heard
    ]
    assert ("bob", "1") == (heard[0].told["Identity"], heard[0].told["LastReadMessageIndex"])
    assert {each.sid for each in messages} == {each.told["MessageSid"] for each in heard[1:]}
    assert {"read"} == {each.told["Status"] for each in heard[1:]}


async def test_a_change_of_state_by_the_account_is_told_with_both_states(
    backend: TellingBackend, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    await backend.conversations.update(SILENT, chat.sid, ConversationChanges(state="inactive"))
    await backend.conversations.update(TELLING, chat.sid, ConversationChanges(state="closed"))
    heard = await receiver.next("onConversationStateUpdated")
    assert ("inactive", "closed", "API", "API") == tuple(
        heard.told[each] for each in ("StateFrom", "StateTo", "Reason", "Source")
    )


async def test_a_message_tells_the_messaging_service_of_its_conversation(
    backend: TellingBackend, alice: Actor, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    extras = {"messaging_service_sid": "MG" + "1" * 32}
    chat = await backend.conversations.create(SILENT, ConversationDraft(extras=extras))
    await backend.participants.create(SILENT, chat.sid, ParticipantDraft(identity="alice"))
    await backend.messages.create(alice, chat.sid, draft("hi"))
    assert "MG" + "1" * 32 == (await receiver.next()).told["MessagingServiceSid"]


async def test_what_another_process_configures_counts_within_a_second(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    await backend.messages.create(alice, chat.sid, draft("before"))
    await configure(deployment.backend(), receiver.url, "onMessageAdded")
    await asyncio.sleep(FRESH / SPEED)
    await backend.messages.create(alice, chat.sid, draft("after"))
    assert "after" == (await receiver.next()).told["Body"]
