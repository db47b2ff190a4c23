"""What goes on in the background goes on in one process, and in the next one when that is gone."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

import pytest
from aiohttp import web

from tests.acs_backend.deployment import draft, next_of
from tests.support.requirements import ROOT
from tests.webhooks.clock import until
from tests.webhooks.deployment import WebhookDeployment, configure
from tests.webhooks.receiver import Heard, Receiver
from tests.webhooks.test_telling import SILENT, room
from twilio_compat.events import ConversationUpdated
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    ParticipantDraft,
    Timers,
)
from twilio_compat.webhooks.backend import TellingBackend
from twilio_compat.webhooks.courier import HOLD
from twilio_compat.webhooks.news import QUEUE
from twilio_compat.webhooks.worker import LEASE, LEASE_NAME

STATES = "onConversationStateUpdated"


@pytest.fixture
async def chat(backend: TellingBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice", "bob")


async def has_lease(backend: TellingBackend) -> bool:
    """Say whether somebody has the lease, as somebody else sees it."""
    if not await backend.leases.hold(LEASE_NAME, "somebody else", seconds=0.001):
        return True
    await backend.leases.release(LEASE_NAME, "somebody else")
    return False


async def lacks_lease(backend: TellingBackend) -> bool:
    return not await has_lease(backend)


# Timers


async def test_a_conversation_whose_timer_runs_out_is_moved_on_and_told(
    deployment: WebhookDeployment, backend: TellingBackend, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    timed = ConversationDraft(friendly_name="Room", timers=Timers(inactive="PT1M", closed="PT10M"))
    chat = await backend.conversations.create(SILENT, timed)
    deployment.backend(ahead=120).look_after()
    heard = await receiver.next()
    assert (STATES, chat.sid, "active", "inactive", "TIMER", None) == (
        heard.event,
        heard.told["ConversationSid"],
        heard.told["StateFrom"],
        heard.told["StateTo"],
        heard.told["Reason"],
        heard.told.get("Source"),
    )
    assert 1 == len(receiver.heard)


async def test_a_message_that_makes_a_conversation_active_again_is_told_as_an_event(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, STATES)
    await backend.conversations.update(SILENT, chat.sid, ConversationChanges(state="inactive"))
    await backend.messages.create(alice, chat.sid, draft("hi"))
    heard = await receiver.next()
    assert ("inactive", "active", "EVENT") == tuple(
        heard.told[each] for each in ("StateFrom", "StateTo", "Reason")
    )


async def test_timers_run_without_webhooks(
    deployment: WebhookDeployment, backend: TellingBackend, alice: Actor
) -> None:
    chat = await backend.conversations.create(
        SILENT, ConversationDraft(friendly_name="Room", timers=Timers(inactive="PT1M"))
    )
    await backend.participants.create(SILENT, chat.sid, ParticipantDraft(identity="alice"))
    async with backend.subscribe(alice) as events:
        await anext(events)
        later = deployment.backend(ahead=120)
        later.look_after()
        assert "inactive" == (await next_of(events, ConversationUpdated)).conversation.state.current
        assert not await has_lease(later)


async def test_moves_that_a_face_asks_for_are_told_too(
    deployment: WebhookDeployment, backend: TellingBackend, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    await backend.conversations.create(SILENT, ConversationDraft(timers=Timers(inactive="PT1M")))
    (move,) = await deployment.backend(ahead=120).conversations.move_due()
    assert "active" == move.before
    assert STATES == (await receiver.next()).event


# One at a time


async def test_one_process_has_the_lease_and_gives_it_back_at_the_end(
    deployment: WebhookDeployment, backend: TellingBackend, receiver: Receiver
) -> None:
    await configure(backend, receiver.url)
    await until(lambda: has_lease(backend))
    observer = deployment.backend()
    await backend.close()
    assert not await has_lease(observer)


async def test_without_webhooks_nobody_has_the_lease(backend: TellingBackend, receiver: Receiver) -> None:
    await configure(backend, receiver.url)
    await until(lambda: has_lease(backend))
    await configure(backend, "")
    await until(lambda: lacks_lease(backend))


async def test_what_a_dead_process_has_left_is_told_by_the_next_one_with_the_lease(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await until(lambda: has_lease(backend))
    await backend.close()
    dead = deployment.backend()
    assert await dead.leases.hold(LEASE_NAME, "dead", seconds=LEASE)
    receiver.answer(503)
    await dead.messages.create(alice, chat.sid, draft("1"))
    await dead.messages.create(alice, chat.sid, draft("2"))
    await receiver.next()
    await dead.close()
    receiver.answer(200)
    deployment.backend(ahead=HOLD + LEASE).look_after()
    assert [("1", "1"), ("2", "0")] == [
        (each.told["Body"], each.told["RetryCount"]) for each in await receiver.take(2)
    ]


async def test_a_process_without_webhooks_of_its_own_finds_those_that_another_one_configured(
    deployment: WebhookDeployment, backend: TellingBackend, alice: Actor, receiver: Receiver
) -> None:
    async with backend.subscribe(alice):
        await configure(other := deployment.backend(), receiver.url)
        await other.close()
        await until(lambda: has_lease(backend))


# Ending


async def test_a_process_that_ends_at_once_has_told_what_it_did(
    backend: TellingBackend, alice: Actor, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    for number in range(5):
        await backend.messages.create(alice, chat.sid, draft(str(number)))
    await backend.close()
    assert [*map(str, range(5))] == receiver.bodies()


async def test_closing_does_not_wait_long_for_a_receiver_that_does_not_answer(
    deployment: WebhookDeployment,
    backend: TellingBackend,
    alice: Actor,
    chat: ConversationRecord,
    receiver: Receiver,
) -> None:
    async def respond(heard: Heard) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    receiver.respond = respond
    await configure(backend, receiver.url, "onMessageAdded")
    for number in range(5):
        await backend.messages.create(alice, chat.sid, draft(str(number)))
    async with asyncio.timeout(30):
        await backend.close()
        await backend.close()
    assert 5 == (await deployment.backend().errands.backlog(QUEUE)).waiting


async def test_nothing_is_left_running(backend: TellingBackend, receiver: Receiver) -> None:
    before = asyncio.all_tasks()
    await configure(backend, receiver.url)
    await until(lambda: has_lease(backend))
    await backend.close()
    assert asyncio.all_tasks() <= before


# Processes


@asynccontextmanager
async def process(
    deployment: WebhookDeployment, chat: ConversationRecord, bodies: Sequence[str], *, ends: bool
) -> AsyncIterator[Process]:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.webhooks.script", stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    assert running.stdin is not None
    command = {
        "settings": asdict(deployment.settings),
        "conversation": chat.sid,
        "bodies": bodies,
        "ends": ends,
    }
    running.stdin.write(json.dumps(command).encode() + b"\n")
    try:
        yield running
    finally:
        running.stdin.close()
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def test_a_script_that_sends_and_ends_has_told_it(
    deployment: WebhookDeployment, backend: TellingBackend, chat: ConversationRecord, receiver: Receiver
) -> None:
    await configure(backend, receiver.url, "onMessageAdded")
    await backend.close()
    async with process(deployment, chat, ["1", "2", "3"], ends=True) as running:
        assert 0 == await asyncio.wait_for(running.wait(), 30)
    assert ["1", "2", "3"] == receiver.bodies()


async def test_a_process_that_is_killed_leaves_nothing_untold(
    deployment: WebhookDeployment, backend: TellingBackend, chat: ConversationRecord, receiver: Receiver
) -> None:
    async def respond(heard: Heard) -> web.Response:
        if len(receiver.heard) == 3:
            await asyncio.Event().wait()
        return web.Response()

    receiver.respond = respond
    await configure(backend, receiver.url, "onMessageAdded")
    await backend.close()
    bodies = [*map(str, range(20))]
    async with process(deployment, chat, bodies, ends=False) as running:
        assert running.stdout is not None
        acknowledged = [(await running.stdout.readline()).decode().strip() for _ in bodies]
        await receiver.take(3)
        running.kill()
        await running.wait()
    assert bodies == acknowledged
    deployment.backend(ahead=HOLD + LEASE).look_after()
    await receiver.take(18)
    assert [*bodies[:3], *bodies[2:]] == receiver.bodies()
    third = [each for each in receiver.heard if each.told["Body"] == "2"]
    assert 1 == len({each.headers["i-twilio-idempotency-token"] for each in third})
