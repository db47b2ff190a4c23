"""What a process leaves that is killed between its request to ACS and the store, and what another makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from acs_backend import AcsBackend
from acs_emulator import Emulator
from tests.acs_backend.conftest import new_store
from tests.acs_backend.deployment import Deployment, next_of, room
from tests.acs_backend.middleman import Fault, Middleman, Seen
from tests.acs_backend.worker import Worker
from twilio_compat.errors import ConflictError, NotFoundError
from twilio_compat.events import ConversationUpdated, Synchronized
from twilio_compat.records import (
    Actor,
    ConversationChanges,
    ConversationDraft,
    ConversationRecord,
    ParticipantDraft,
)

BEFORE, AFTER = Fault.ERROR, Fault.ERROR_AFTER
"""Whether the request that the process was killed at had its effect at ACS."""
MOMENTS = pytest.mark.parametrize("moment", [BEFORE, AFTER], ids=["before ACS", "after ACS"])


@pytest.fixture
async def deployment(
    request: pytest.FixtureRequest, emulator: Emulator, tmp_path: Path
) -> AsyncIterator[Deployment]:
    """Run a test on SQLite, or on the kinds of store that it names."""
    request.param = getattr(request, "param", "sqlite")
    async with Deployment(emulator, await new_store(request, tmp_path)) as running:
        yield running


@pytest.fixture
async def chat(backend: AcsBackend, alice: Actor) -> ConversationRecord:
    return await room(backend, alice, "alice", "bob")


async def killed_at(
    request: str, moment: Fault, deployment: Deployment, middleman: Middleman, **command: object
) -> None:
    """Have a process carry out *command*, and kill it while it repeats a *request*, ``METHOD end-of-path``."""
    method, _, ending = request.partition(" ")
    arrived = 0
    repeated = asyncio.Event()

    def fault(seen: Seen) -> Fault | None:
        nonlocal arrived
        if seen.method != method or not seen.path.endswith(ending):
            return None
        arrived += 1
        if arrived == 2:
            repeated.set()
        return moment

    middleman.fault = fault
    through = middleman.connection_string(deployment.emulator.connection_string)
    worker = Worker()
    worker.tell(settings=asdict(replace(deployment.settings, connection_string=through)))
    worker.tell(**command)
    await repeated.wait()
    answers = await asyncio.to_thread(worker.kill)
    assert 1 == len(answers), "it was killed too late"


async def members(backend: AcsBackend, actor: Actor, chat: ConversationRecord) -> list[str]:
    return [each.identity for each in await backend.participants.list(actor, chat.sid)]


@MOMENTS
@pytest.mark.parametrize("deployment", ["sqlite", "postgresql"], indirect=True)
async def test_taking_a_name_away_is_either_done_or_not_and_the_next_name_counts(
    deployment: Deployment,
    middleman: Middleman,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    moment: Fault,
) -> None:
    bob = await deployment.native(await backend.issue_identity("bob", with_token=True))
    async with backend.subscribe(alice) as events:
        await next_of(events, Synchronized)
        await killed_at("PATCH ", moment, deployment, middleman, do="rename", sid=chat.sid, name=None)
        if moment is AFTER:
            assert (await next_of(events, ConversationUpdated)).conversation.friendly_name is None
        expected = None if moment is AFTER else "Room"
        assert expected == (await deployment.backend().conversations.get(alice, chat.sid)).friendly_name
        await (await bob.only_thread()).update_topic("Native")
        assert "Native" == (await next_of(events, ConversationUpdated)).conversation.friendly_name
        await backend.conversations.update(alice, chat.sid, ConversationChanges(friendly_name="Hall"))
        assert "Hall" == (await next_of(events, ConversationUpdated)).conversation.friendly_name
    assert "Hall" == (await deployment.backend().conversations.get(alice, chat.sid)).friendly_name


@MOMENTS
async def test_adding_a_member_is_either_done_or_can_be_repeated(
    deployment: Deployment,
    middleman: Middleman,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    moment: Fault,
) -> None:
    await killed_at(
        "POST participants/:add", moment, deployment, middleman, do="add", sid=chat.sid, identity="carol"
    )
    assert (moment is AFTER) == ("carol" in await members(backend, alice, chat))
    adding = backend.participants.create(alice, chat.sid, ParticipantDraft(identity="carol"))
    if moment is AFTER:
        with pytest.raises(ConflictError):
            await adding
    else:
        await adding
    assert ["alice", "bob", "carol"] == await members(backend, alice, chat)


@MOMENTS
async def test_removing_a_member_is_either_done_or_can_be_repeated(
    deployment: Deployment,
    middleman: Middleman,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    moment: Fault,
) -> None:
    await killed_at(
        "POST participants/:remove", moment, deployment, middleman, do="remove", sid=chat.sid, identity="bob"
    )
    removing = backend.participants.delete(alice, chat.sid, "bob")
    if moment is AFTER:
        with pytest.raises(NotFoundError):
            await removing
    else:
        await removing
    assert ["alice"] == await members(backend, alice, chat)
    added = await backend.participants.create(alice, chat.sid, ParticipantDraft(identity="bob"))
    assert (None, {}) == (added.last_read_message_index, added.attributes)


@MOMENTS
async def test_making_a_conversation_with_a_unique_name_can_be_repeated(
    deployment: Deployment, middleman: Middleman, backend: AcsBackend, alice: Actor, moment: Fault
) -> None:
    await killed_at("POST /chat/threads", moment, deployment, middleman, do="create", unique_name="support")
    with pytest.raises(NotFoundError):
        await backend.conversations.get_by_unique_name(alice, "support")
    made = await backend.conversations.create(alice, ConversationDraft(unique_name="support"))
    assert made == await backend.conversations.get_by_unique_name(alice, "support")


@MOMENTS
async def test_deleting_a_conversation_is_either_done_or_can_be_repeated(
    deployment: Deployment,
    middleman: Middleman,
    backend: AcsBackend,
    alice: Actor,
    chat: ConversationRecord,
    moment: Fault,
) -> None:
    await backend.conversations.update(alice, chat.sid, ConversationChanges(unique_name="support"))
    await killed_at("DELETE ", moment, deployment, middleman, do="delete", sid=chat.sid)
    deleting = backend.conversations.delete(alice, chat.sid)
    if moment is AFTER:
        with pytest.raises(NotFoundError):
            await deleting
    else:
        await deleting
    anew = await backend.conversations.create(alice, ConversationDraft(unique_name="support"))
    assert anew == await backend.conversations.get_by_unique_name(alice, "support")
