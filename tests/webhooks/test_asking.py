"""Before a user does something a webhook is asked, and may change or refuse it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.acs_backend.deployment import bodies, draft, twilio_token
from tests.webhooks.deployment import WebhookDeployment, configure, sign_in
from tests.webhooks.receiver import Heard, Receiver
from tests.webhooks.samples import ACCOUNT_SID
from tests.webhooks.test_telling import SILENT, TELLING, room
from twilio_compat.account import RoleDraft
from twilio_compat.client import Client
from twilio_compat.errors import (
    ConfigurationError,
    ForbiddenError,
    LimitError,
    ServiceTimeoutError,
    TwilsockUpstreamError,
)
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    MessageChanges,
    ParticipantChanges,
    ParticipantDraft,
    UserChanges,
)
from twilio_compat.webhooks.backend import TellingBackend
from twilio_compat.webhooks.events import PRE_EVENTS


@pytest.fixture
async def chat(backend: TellingBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice", "bob")


@pytest.fixture
async def asked(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> Receiver:
    """Return somebody who is asked about everything, from when there is a conversation on."""
    await configure(backend, receiver.url + "/post", *PRE_EVENTS, pre=receiver.url + "/pre")
    return receiver


def wanting(**wanted: Any) -> str:
    return json.dumps(wanted)


async def test_a_message_about_to_be_sent_is_told_as_twilio_tells_it(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, asked: Receiver
) -> None:
    sent = await backend.messages.create(alice, chat.sid, draft("Grüße 👋🏽"))
    (heard,) = asked.heard
    assert heard.is_genuine
    assert {
        "AccountSid": ACCOUNT_SID,
        "EventType": "onMessageAdd",
        "Source": "SDK",
        "ClientIdentity": "alice",
        "RetryCount": "0",
        "ChatServiceSid": backend.service_sid,
        "ConversationSid": chat.sid,
        "Author": "alice",
        "Body": "Grüße 👋🏽",
        "Attributes": "{}",
        "ParticipantSid": sent.participant_sid,
    } == heard.told


async def test_it_is_asked_with_a_get_where_that_is_configured(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, "", "onMessageAdd", pre=receiver.url + "/pre?x=1", method="GET")
    receiver.answer(text=wanting(body="***"))
    assert "***" == (await backend.messages.create(alice, chat.sid, draft("hi 👋"))).body
    (heard,) = receiver.heard
    assert ("GET", True, "hi 👋") == (heard.method, heard.is_genuine, heard.told["Body"])


async def test_a_message_is_sent_as_the_webhook_wants_it(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, asked: Receiver
) -> None:
    asked.answer(text=wanting(body="*** 🙊", attributes='{"checked": true}'))
    sent = await backend.messages.create(alice, chat.sid, draft("badword"))
    assert ("*** 🙊", {"checked": True}, "alice") == (sent.body, sent.attributes, sent.author)
    kept = await backend.messages.get(alice, chat.sid, sent.sid)
    assert ("*** 🙊", {"checked": True}) == (kept.body, kept.attributes)


async def test_a_message_can_be_sent_as_written_by_somebody_else(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, asked: Receiver
) -> None:
    asked.answer(text=wanting(author="anonymous"))
    sent = await backend.messages.create(alice, chat.sid, draft("hi"))
    assert "anonymous" == sent.author
    assert "anonymous" == (await backend.messages.get(alice, chat.sid, sent.sid)).author


async def test_nobody_writes_as_somebody_else_who_may_not_write_at_all(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, asked: Receiver
) -> None:
    mute = await backend.roles.create(
        RoleDraft(friendly_name="mute", type="conversation", permissions=("leaveConversation",))
    )
    bob = await sign_in(backend, "bob")
    await backend.participants.update(SILENT, chat.sid, "bob", ParticipantChanges(role_sid=mute.sid))
    stranger = await sign_in(backend, "stranger")
    asked.answer(text=wanting(author="anonymous"))
    for who, code in ((bob, 50107), (stranger, 50430)):
        with pytest.raises(ForbiddenError) as caught:
            await backend.messages.create(who, chat.sid, draft("hi"))
        assert code == caught.value.code
    assert 0 == await backend.messages.count(alice, chat.sid)


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_what_the_webhook_refuses_does_not_happen(
    status: int, backend: TellingBackend, alice: Actor, chat: ConversationRecord, asked: Receiver
) -> None:
    asked.answer(status)
    with pytest.raises(ForbiddenError, match="Webhook disabled processing of command") as caught:
        await backend.messages.create(alice, chat.sid, draft("hi"))
    assert (403, 50056) == (caught.value.status, caught.value.code)
    assert 0 == await backend.messages.count(alice, chat.sid)
    assert "onMessageAdd" == (await asked.next()).event
    assert 0 == (await backend.errands.backlog("webhooks")).waiting


async def test_everything_that_has_a_pre_event_can_be_refused(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, asked: Receiver
) -> None:
    asked.answer(200)
    message = await backend.messages.create(alice, chat.sid, draft("hi"))
    asked.answer(403)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "onMessageUpdate": lambda: backend.messages.update(
            alice, chat.sid, message.sid, MessageChanges(body="x")
        ),
        "onMessageRemove": lambda: backend.messages.delete(alice, chat.sid, message.sid),
        "onParticipantAdd": lambda: backend.participants.create(
            alice, chat.sid, ParticipantDraft(identity="c")
        ),
        "onParticipantUpdate": lambda: backend.participants.update(
            alice, chat.sid, "alice", ParticipantChanges(attributes={"a": 1})
        ),
        "onParticipantRemove": lambda: backend.participants.delete(alice, chat.sid, "bob"),
        "onConversationAdd": lambda: backend.conversations.create(alice, ConversationDraft(unique_name="u")),
        "onConversationUpdate": lambda: backend.conversations.update(
            alice, chat.sid, ConversationChanges(friendly_name="New")
        ),
        "onConversationRemove": lambda: backend.conversations.delete(alice, chat.sid),
        "onUserUpdate": lambda: backend.users.update(alice, "alice", UserChanges(friendly_name="A")),
    }
    assert PRE_EVENTS == {"onMessageAdd", *calls}
    for event, call in calls.items():
        with pytest.raises(ForbiddenError):
            await call()
        told = asked.heard[-1].told
        assert (event, "alice") == (told["EventType"], told["ClientIdentity"])
    assert "x" == asked.heard[-9].told["Body"]
    assert ("New", "Room") == (
        next(each.told["FriendlyName"] for each in asked.heard if each.event == "onConversationUpdate"),
        (await backend.conversations.get(alice, chat.sid)).friendly_name,
    )
    assert ["alice", "bob"] == [each.identity for each in await backend.participants.list(alice, chat.sid)]
    assert "hi" == (await backend.messages.get(alice, chat.sid, message.sid)).body


async def test_a_conversation_is_named_as_the_webhook_wants_it(
    backend: TellingBackend, alice: Actor, asked: Receiver
) -> None:
    asked.answer(text=wanting(friendly_name="Renamed", attributes='{"a": 1}', unique_name="stolen"))
    made = await backend.conversations.create(alice, ConversationDraft(unique_name="mine"))
    assert ("Renamed", {"a": 1}, "mine") == (made.friendly_name, made.attributes, made.unique_name)
    asked.answer(text=wanting(friendly_name="Again"))
    changed = await backend.conversations.update(alice, made.sid, ConversationChanges(attributes={}))
    assert ("Again", {}) == (changed.friendly_name, changed.attributes)


async def test_a_change_of_a_message_is_made_as_the_webhook_wants_it(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, asked: Receiver
) -> None:
    message = await backend.messages.create(alice, chat.sid, draft("hi"))
    asked.answer(text=wanting(body="censored"))
    changed = await backend.messages.update(alice, chat.sid, message.sid, MessageChanges(body="badword"))
    assert "censored" == changed.body
    assert ("badword", message.sid) == (asked.heard[-1].told["Body"], asked.heard[-1].told["MessageSid"])


@pytest.mark.parametrize(
    ("wanted", "code"), [({"attributes": "{"}, 50304), ({"body": "x" * 40_000}, 50504), ({"body": 1}, 20422)]
)
async def test_a_wish_that_does_not_fit_is_told_to_the_caller(
    wanted: dict[str, Any],
    code: int,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    asked: Receiver,
) -> None:
    asked.answer(text=json.dumps(wanted))
    with pytest.raises(LimitError) as caught:
        await backend.messages.create(alice, chat.sid, draft("hi"))
    assert code == caught.value.code
    assert 0 == await backend.messages.count(alice, chat.sid)


async def test_a_webhook_that_does_not_answer_in_time_lets_it_go_on(
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    asked: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def respond(heard: Heard) -> web.Response:
        await asyncio.Event().wait()
        return web.Response(status=403)

    asked.respond = respond
    with caplog.at_level(logging.WARNING):
        assert "hi" == (await backend.messages.create(alice, chat.sid, draft("hi"))).body
    assert "onMessageAdd went on without its webhook. No answer within 1 seconds" in caplog.text


async def test_a_webhook_that_is_not_there_lets_it_go_on(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord
) -> None:
    await configure(backend, "", "onMessageAdd", pre="http://127.0.0.1:9/")
    assert "hi" == (await backend.messages.create(alice, chat.sid, draft("hi"))).body


async def test_others_go_on_while_one_waits_for_the_webhook(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, asked: Receiver
) -> None:
    released = asyncio.Event()

    async def respond(heard: Heard) -> web.Response:
        if heard.told["Body"] == "slow":
            await released.wait()
        return web.Response()

    asked.respond = respond
    slow = asyncio.create_task(backend.messages.create(alice, chat.sid, draft("slow")))
    await asked.next()
    await backend.messages.create(alice, chat.sid, draft("quick"))
    released.set()
    await slow
    assert ["quick", "slow"] == await bodies(backend, alice, chat)  # type: ignore[arg-type]


async def test_the_account_is_never_asked(
    backend: TellingBackend, chat: ConversationRecord, asked: Receiver
) -> None:
    asked.answer(403)
    await backend.messages.create(TELLING, chat.sid, draft("hi"))
    await backend.conversations.update(SILENT, chat.sid, ConversationChanges(friendly_name="New"))
    assert [] == asked.heard


async def test_a_pre_event_that_the_filters_do_not_name_is_not_asked_about(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, "", "onMessageUpdate", pre=receiver.url)
    receiver.answer(403)
    await backend.messages.create(alice, chat.sid, draft("hi"))
    assert [] == receiver.heard


async def test_a_message_that_is_sent_again_is_asked_about_once_and_sent_once(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    asked: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked.answer(text=wanting(body="censored"))
    message = draft("badword")
    inner = backend._backend.messages
    create = inner.create

    async def lost(*arguments: Any) -> Any:
        await create(*arguments)
        raise ServiceTimeoutError("No answer within the deadline; whether the message was sent is unknown")

    monkeypatch.setattr(inner, "create", lost)
    with pytest.raises(ServiceTimeoutError):
        await backend.messages.create(alice, chat.sid, message)
    monkeypatch.undo()
    asked.answer(403)
    sent = await backend.messages.create(alice, chat.sid, message)
    assert ("censored", 1) == (sent.body, await backend.messages.count(alice, chat.sid))
    assert 1 == len(asked.heard)


async def test_nothing_is_asked_that_nobody_could_sign(
    deployment: WebhookDeployment, backend: TellingBackend, chat: ConversationRecord, asked: Receiver
) -> None:
    other = deployment.backend(twilio_auth_token=None)
    alice = await sign_in(other, "alice")
    with pytest.raises(
        ConfigurationError, match="TWILIO_AUTH_TOKEN is not set; it is needed to sign webhooks"
    ):
        await other.messages.create(alice, chat.sid, draft("hi"))


async def test_the_client_hears_of_a_refusal_as_of_any_other(
    backend: TellingBackend, chat: ConversationRecord, asked: Receiver
) -> None:
    async with Client(twilio_token("alice"), {"backend": backend}) as client:
        conversation = await client.getConversationBySid(chat.sid)
        asked.answer(403)
        with pytest.raises(TwilsockUpstreamError) as caught:
            await conversation.sendMessage("hi")
        assert (403, "Forbidden", 50056) == (
            caught.value.status,
            caught.value.message,
            caught.value.body["code"],
        )
        asked.answer(text=wanting(body="***"))
        index = await conversation.sendMessage("badword")
        page = await conversation.getMessages()
        assert [(index, "***")] == [(each.index, each.body) for each in page.items]
