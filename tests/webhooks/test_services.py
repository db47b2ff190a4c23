"""Each service of an account has its own webhooks, or the account's."""

from __future__ import annotations

import pytest

from tests.acs_backend.deployment import draft
from tests.webhooks.clock import until
from tests.webhooks.deployment import (
    WebhookDeployment,
    add_webhook,
    configure,
    configure_service,
    service_token,
)
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_telling import SILENT, room
from twilio_compat.account import account_actor
from twilio_compat.records import Actor, ConversationDraft, ConversationRecord, Timers
from twilio_compat.webhooks import watcher
from twilio_compat.webhooks.backend import TellingBackend


@pytest.fixture
async def tenant(backend: TellingBackend) -> TellingBackend:
    return await backend.of((await backend.services.create("Tenant")).sid)


@pytest.fixture
async def carol(backend: TellingBackend, tenant: TellingBackend) -> Actor:
    return await backend.sign_in(service_token("carol", tenant.service_sid))


@pytest.fixture
async def chat(tenant: TellingBackend, carol: Actor) -> ConversationRecord:
    return await room(tenant, carol, "carol", "dave")


async def test_the_account_s_webhook_is_called_for_every_service(
    backend: TellingBackend,
    tenant: TellingBackend,
    carol: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await tenant.messages.create(carol, chat.sid, draft("hi"))
    heard = await receiver.next()
    assert heard.is_genuine
    assert (tenant.service_sid, "carol") == (heard.told["ChatServiceSid"], heard.told["ClientIdentity"])


async def test_a_service_s_own_webhook_is_called_for_that_service_alone(
    backend: TellingBackend,
    tenant: TellingBackend,
    carol: Actor,
    chat: ConversationRecord,
    alice: Actor,
    receiver: Receiver,
) -> None:
    await configure(backend, receiver.url + "/account", "onMessageAdded")
    await configure_service(tenant, receiver.url + "/tenant", "onMessageAdded")
    other = await room(backend, alice, "alice")
    await tenant.messages.create(carol, chat.sid, draft("here"))
    await backend.messages.create(alice, other.sid, draft("there"))
    assert {("/tenant", "here"), ("/account", "there")} == {
        (each.path, each.told["Body"]) for each in await receiver.take(2)
    }


async def test_a_conversation_s_webhook_is_found_in_its_service(
    tenant: TellingBackend, carol: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await add_webhook(tenant, chat.sid, receiver.url, "onMessageAdded")
    await tenant.messages.create(carol, chat.sid, draft("hi"))
    assert "WH" + "9" * 32 == (await receiver.next()).told["WebhookSid"]


async def test_native_clients_of_a_service_are_watched_by_a_process_that_never_used_it(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    tenant: TellingBackend,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    await configure_service(tenant, receiver.url, "onMessageAdded")
    dave = await deployment.native(await tenant.issue_identity("dave", with_token=True))
    await backend.close()
    other = deployment.backend()
    other.look_after()
    documents = (await other.of(tenant.service_sid)).documents
    await until(lambda: documents.get(watcher.KIND, watcher.NAME))
    await (await dave.only_thread()).send_message("from ACS")
    told = (await receiver.next()).told
    assert (tenant.service_sid, "from ACS") == (told["ChatServiceSid"], told["Body"])


async def test_timers_of_a_service_are_told_by_a_process_that_never_used_it(
    deployment: WebhookDeployment, backend: TellingBackend, tenant: TellingBackend, receiver: Receiver
) -> None:
    await configure_service(tenant, receiver.url)
    account = account_actor(tenant.service_sid)
    timed = await tenant.conversations.create(account, ConversationDraft(timers=Timers(inactive="PT1M")))
    await backend.close()
    deployment.backend(ahead=120).look_after()
    heard = await receiver.next("onConversationStateUpdated")
    assert (timed.sid, tenant.service_sid) == (heard.told["ConversationSid"], heard.told["ChatServiceSid"])


async def test_what_is_left_of_a_service_that_is_gone_is_told_all_the_same(
    backend: TellingBackend,
    tenant: TellingBackend,
    carol: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    await configure_service(tenant, receiver.url, "onMessageAdded")
    receiver.answer(503)
    await tenant.messages.create(carol, chat.sid, draft("hi"))
    await receiver.next()
    await backend.services.delete(tenant.service_sid)
    receiver.answer(200)
    heard = await receiver.next()
    assert ("hi", "1") == (heard.told["Body"], heard.told["RetryCount"])


async def test_closing_a_service_closes_nothing_of_the_others(
    backend: TellingBackend, tenant: TellingBackend, alice: Actor
) -> None:
    await tenant.close()
    assert "Room" == (await room(backend, alice, "alice")).friendly_name
    assert (await tenant.conversations.create(SILENT, ConversationDraft())).sid
