"""Moving conversations between both sides as they are: the official client to Twilio, the emulator, and the real mirror."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.rollout.command_line import CommandLine
from tests.rollout.deployment import (
    ACCOUNT,
    RolloutDeployment,
    drained,
    rollout_deployment,
)
from twilio_compat.account import AccountBackend
from twilio_compat.records import (
    ConversationChanges,
    ConversationDraft,
    Direction,
    MediaUpload,
    MessageChanges,
    MessageDraft,
    MessageRecord,
    ParticipantChanges,
    ParticipantDraft,
    UserChanges,
)
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.comparing.reconcile import Report, reconcile
from twilio_compat.rollout.moving.copying import Mover
from twilio_compat.rollout.staging.stages import Side, Stage

WRITTEN = datetime(2024, 5, 1, 12, tzinfo=UTC)
DEADLINE = 0.2
OFF, DUALWRITE, SHADOW, LIVE, RAMPDOWN, COMPLETE = Stage


@pytest.fixture
async def deployment(store: str) -> AsyncIterator[RolloutDeployment]:
    async with rollout_deployment(store, rate_limits="off") as found:
        yield found


async def conversation(backend: AccountBackend, messages: int) -> str:
    """Make an old conversation, past the library: gaps, emoji, files, texts and attributes that fill ACS's kilobyte."""
    made = await backend.conversations.create(
        ACCOUNT,
        ConversationDraft(
            unique_name="order-1",
            friendly_name="Order 🙂",
            attributes={"n": [1]},
            date_created=WRITTEN,
            date_updated=WRITTEN,
        ),
    )
    for each in ("bob", "alice"):
        await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity=each))
    await backend.users.update(ACCOUNT, "bob", UserChanges(friendly_name="Bob"))
    for number in range(messages):
        await write(backend, made.sid, number)
    changes = ParticipantChanges(last_read_message_index=1, last_read_timestamp=WRITTEN)
    await backend.participants.update(ACCOUNT, made.sid, "bob", changes)
    return made.sid


async def write(backend: AccountBackend, sid: str, number: int) -> None:
    files = []
    if number % 10 == 1:
        upload = MediaUpload(
            content=b"x" * (100 + number), content_type="image/png", filename=f"{number}.png"
        )
        files = [await backend.media.upload(ACCOUNT, upload)]
    draft = MessageDraft(
        mutation_id=f"{sid} {number}",
        body=(f"message {number} 👋🏽", "ä" * 700, "short")[number % 3] if not files else None,
        media=tuple(files),
        author="alice" if number % 2 else "bob",
        attributes={"number": number, "more": "é" * (400 if number % 7 == 0 else 1)},
        date_created=WRITTEN + timedelta(minutes=number),
        date_updated=WRITTEN + timedelta(minutes=number),
        is_first=True,
    )
    sent = await backend.messages.create(ACCOUNT, sid, draft)
    if number % 10 == 7:
        await backend.messages.delete(ACCOUNT, sid, sent.sid)


def mover(backend: RolloutBackend) -> Mover:
    backend.look_after()
    return Mover(backend.office, backend.parts.mirror, deadline=DEADLINE)


async def compared(backend: RolloutBackend, sid: str) -> Report:
    """Compare both sides."""
    return await reconcile(backend.office, await backend.office.pins.of(await backend.office.target(sid)))


async def is_same(backend: RolloutBackend, sid: str) -> Report:
    await drained(backend, sid)
    report = await compared(backend, sid)
    assert [] == report.differences
    return report


async def test_a_conversation_is_moved_to_acs(deployment: RolloutDeployment) -> None:
    sid = await conversation(deployment.twilio.backend, 25)
    backend = deployment.open()
    report = await mover(backend).move(sid, SHADOW)
    assert report is not None
    assert (23, 3, 2) == (
        report.messages[Side.ACS],
        report.files[Side.ACS],
        report.participants[Side.ACS],
    )
    await is_same(backend, sid)
    user = await backend.office.sides.acs.users.get(ACCOUNT, "bob")
    assert "Bob" == user.friendly_name


async def test_it_can_go_all_the_way_and_what_was_written_since_is_copied_back(
    deployment: RolloutDeployment,
) -> None:
    sid = await conversation(deployment.twilio.backend, 8)
    backend = deployment.open()
    await mover(backend).move(sid, COMPLETE)
    since = [await _send(backend, sid, f"on ACS {number}") for number in range(5)]
    await backend.messages.update(ACCOUNT, sid, since[1], MessageChanges(body="edited"))
    await backend.messages.delete(ACCOUNT, sid, since[2])
    old = (await backend.messages.page(ACCOUNT, sid, size=1, anchor=0, direction=Direction.FORWARD)).items[0]
    await backend.messages.update(ACCOUNT, sid, old.sid, MessageChanges(body="edited long after"))
    await backend.participants.create(ACCOUNT, sid, ParticipantDraft(identity="carol"))
    plan = await mover(backend).plan(sid, RAMPDOWN)
    assert (Side.TWILIO, 1, 5) == (plan.side, plan.missing_participants, plan.missing)
    report = await mover(backend).move(sid, RAMPDOWN)
    assert report is not None
    assert 3 == report.participants[Side.TWILIO]
    assert report.messages[Side.ACS] == report.messages[Side.TWILIO]
    await is_same(backend, sid)
    await mover(backend).move(sid, OFF)
    texts = [each.body for each in await _listed(deployment.twilio.backend, sid)]
    assert ["on ACS 0", "edited", "on ACS 3", "on ACS 4"] == texts[-4:]
    assert "edited long after" == texts[0]


async def test_a_closed_conversation_is_moved(deployment: RolloutDeployment) -> None:
    sid = await conversation(deployment.twilio.backend, 5)
    await deployment.twilio.backend.conversations.update(ACCOUNT, sid, ConversationChanges(state="closed"))
    backend = deployment.open()
    await mover(backend).move(sid, DUALWRITE)
    await is_same(backend, sid)
    assert "closed" == (await backend.office.sides.acs.conversations.get(ACCOUNT, sid)).state.current


async def test_what_is_written_meanwhile_is_on_both_sides(deployment: RolloutDeployment) -> None:
    sid = await conversation(deployment.twilio.backend, 20)
    backend, other = deployment.open(), deployment.open()
    moving = asyncio.create_task(mover(backend).move(sid, DUALWRITE))
    written = 0
    while not moving.done() and written < 40:
        await _send(other, sid, f"meanwhile {written}")
        written += 1
    await moving
    report = await is_same(backend, sid)
    assert 18 + written == report.messages[Side.ACS]
    assert written > 3


async def test_a_mover_that_is_killed_is_gone_on_for(deployment: RolloutDeployment) -> None:
    """By a signal that leaves it no time, in the middle of the copy; the next one waits until its lease is over."""
    sid = await conversation(deployment.twilio.backend, 60)
    backend = deployment.open()
    process = await CommandLine(deployment).start("move", sid, "--yes", "--json")
    assert process.stdout is not None
    async for line in process.stdout:
        if b'"written": 2' in line or b'"written": 3' in line:
            break
    process.send_signal(signal.SIGKILL)
    await process.wait()
    copied = (await compared(backend, sid)).messages[Side.ACS]
    assert 0 < copied < 54
    await backend.leases.release(f"rollout-copy {sid}", "")
    plan = await mover(backend).plan(sid, DUALWRITE)
    assert 54 - copied == plan.missing


@pytest.mark.timeout(300)
async def test_a_thousand_messages_are_moved(deployment: RolloutDeployment) -> None:
    sid = await conversation(deployment.twilio.backend, 1000)
    backend = deployment.open()
    began = time.perf_counter()
    report = await mover(backend).move(sid, DUALWRITE)
    seconds = time.perf_counter() - began
    print(f"\n1,000 messages: {seconds:.1f} s, {1000 / seconds:.0f} per second")
    assert report is not None
    assert (900, 100) == (report.messages[Side.ACS], report.files[Side.ACS])
    assert report.is_equal


async def _send(backend: RolloutBackend, sid: str, body: str) -> str:
    draft = MessageDraft(mutation_id=f"{sid} {body}", body=body, author="bob", is_first=True)
    return (await backend.messages.create(ACCOUNT, sid, draft)).sid


async def _listed(backend: AccountBackend, sid: str) -> Sequence[MessageRecord]:
    page = await backend.messages.page(ACCOUNT, sid, size=100, anchor=None, direction=Direction.BACKWARDS)
    return page.items
