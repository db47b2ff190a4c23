"""Code on twilio-python configures webhooks and is called, with nothing changed but the import of its client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.acs_backend.deployment import draft
from tests.webhooks.deployment import WebhookDeployment, sign_in
from tests.webhooks.receiver import AUTH_TOKEN, Receiver
from tests.webhooks.samples import ACCOUNT_SID
from twilio_compat.errors import ConfigurationError
from twilio_compat.rest import Client
from twilio_compat.webhooks.backend import TellingBackend


@pytest.fixture
def client(deployment: WebhookDeployment) -> Iterator[Client]:
    with Client(ACCOUNT_SID, AUTH_TOKEN, settings=deployment.settings) as client:
        yield client


def conversation(client: Client, *, url: str) -> str:
    """Configure a webhook, make a conversation with two members, and return its sid."""
    service = client.conversations.v1
    service.configuration.webhooks().update(
        post_webhook_url=url + "/post",
        pre_webhook_url=url + "/pre",
        filters=["onMessageAdd", "onMessageAdded", "onParticipantAdded"],
        method="POST",
    )
    made = service.conversations.create(friendly_name="Room")
    for identity in ("alice", "bob"):
        made.participants.create(identity=identity)
    made.webhooks.create(
        target="webhook",
        configuration_url=url + "/scoped",
        configuration_method="GET",
        configuration_filters=["onMessageAdded"],
    )
    return str(made.sid)


async def test_what_the_server_does_is_told_where_it_says_so_and_what_users_do_always(
    client: Client, backend: TellingBackend, receiver: Receiver
) -> None:
    sid = await asyncio.to_thread(conversation, client, url=receiver.url)
    messages = client.conversations.v1.conversations(sid).messages
    await asyncio.to_thread(messages.create, body="quiet", author="bot")
    await asyncio.to_thread(messages.create, body="loud 📣", author="bot", x_twilio_webhook_enabled="true")
    heard = {each.path: each for each in await receiver.take(2)}
    assert {"/post", "/scoped"} == set(heard)
    assert all(each.is_genuine for each in heard.values())
    assert {("loud 📣", "bot", "API", "1", ACCOUNT_SID)} == {
        (
            each.told["Body"],
            each.told["Author"],
            each.told["Source"],
            each.told["Index"],
            each.told["AccountSid"],
        )
        for each in heard.values()
    }
    alice = await sign_in(backend, "alice")
    await backend.messages.create(alice, sid, draft("hi"))
    assert ["/post", "/pre", "/scoped"] == sorted(each.path for each in await receiver.take(3))
    assert 5 == len(receiver.heard)


async def test_a_client_that_is_closed_at_once_has_told_what_it_did(
    client: Client, receiver: Receiver
) -> None:
    sid = await asyncio.to_thread(conversation, client, url=receiver.url)

    def send_and_close() -> None:
        messages = client.conversations.v1.conversations(sid).messages
        for number in range(3):
            messages.create(body=str(number), x_twilio_webhook_enabled="true")
        client.close()

    await asyncio.to_thread(send_and_close)
    assert ["0", "1", "2"] == [each.told["Body"] for each in receiver.heard if each.path == "/post"]


async def test_an_account_without_an_auth_token_cannot_have_webhooks(
    deployment: WebhookDeployment, receiver: Receiver
) -> None:
    settings = replace(deployment.settings, twilio_auth_token=None)
    with Client("SK" + "1" * 32, "secret", ACCOUNT_SID, settings=settings) as client:
        update = client.conversations.v1.configuration.webhooks().update
        with pytest.raises(
            ConfigurationError, match="TWILIO_AUTH_TOKEN is not set; it is needed to sign webhooks"
        ):
            await asyncio.to_thread(update, post_webhook_url=receiver.url, filters=["onMessageAdded"])
