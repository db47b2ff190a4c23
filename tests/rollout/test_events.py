"""One stream of two: with two real adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rollout.two_sides import SERVICE_SID, two_sides
from twilio_compat.account import account_actor, on_behalf_of
from twilio_compat.backend import Backend
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.events import (
    ConversationJoined,
    Event,
    MessageAdded,
    SourceInterrupted,
    SourceRestored,
    Synchronized,
)
from twilio_compat.records import ConversationDraft, MessageDraft, ParticipantDraft
from twilio_compat.rollout.events import subscribe
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import Target

ACCOUNT = account_actor(SERVICE_SID)
ALICE = on_behalf_of("alice", SERVICE_SID)


async def _made(backend: Backend, sid: str | None = None) -> str:
    made = await backend.conversations.create(ACCOUNT, ConversationDraft(sid=sid))
    await backend.participants.create(ACCOUNT, made.sid, ParticipantDraft(identity="alice"))
    return made.sid


async def _written(
    backend: Backend, sid: str, body: str, message_sid: str | None = None, index: int | None = None
) -> str:
    draft = MessageDraft(mutation_id=body, body=body, author="alice", sid=message_sid, index=index)
    return (await backend.messages.create(ACCOUNT, sid, draft)).sid


async def _until(events: AsyncIterator[Event], kind: type[Event], number: int = 1) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(30):
        while len(found) < number:
            event = await anext(events)
            if isinstance(event, kind):
                found.append(event)
    return found


async def test_that_acs_is_not_asked_while_it_never_had_anything(tmp_path: Path) -> None:
    async with two_sides(tmp_path) as sides:
        sid = await _made(sides.twilio)
        await _made(sides.acs)
        async with subscribe(sides.office, ALICE) as events:
            [first] = await _until(events, Synchronized)
            await _written(sides.twilio, sid, "Hello")
            [added] = await _until(events, MessageAdded)
    assert isinstance(first, Synchronized)
    assert [sid] == [each.sid for each in first.conversations]
    assert isinstance(added, MessageAdded)
    assert "Hello" == added.message.body


async def test_that_each_side_tells_of_what_it_has(tmp_path: Path) -> None:
    async with two_sides(tmp_path) as sides:
        here = await _made(sides.twilio)
        there = await _made(sides.acs)
        await sides.office.pins.pin(Target(conversation_sid=there, service=SERVICE_SID), Stage.COMPLETE)
        async with subscribe(sides.office, ALICE) as events:
            [first] = await _until(events, Synchronized)
            await _written(sides.acs, there, "There")
            [one] = await _until(events, MessageAdded)
            await _written(sides.twilio, here, "Here")
            [two] = await _until(events, MessageAdded)
    assert isinstance(first, Synchronized)
    assert sorted([here, there]) == [each.sid for each in first.conversations]
    assert isinstance(one, MessageAdded)
    assert isinstance(two, MessageAdded)
    assert ["There", "Here"] == [one.message.body, two.message.body]


async def test_that_a_conversation_of_acs_comes_later_when_it_is_the_first(tmp_path: Path) -> None:
    async with two_sides(tmp_path) as sides:
        async with subscribe(sides.office, ALICE, period=0.05) as events:
            await _until(events, Synchronized)
            sid = await _made(sides.acs)
            await sides.office.pins.pin(Target(conversation_sid=sid, service=SERVICE_SID), Stage.COMPLETE)
            sides.clock.move(2)
            [joined] = await _until(events, ConversationJoined)
    assert isinstance(joined, ConversationJoined)
    assert sid == joined.conversation.sid


async def test_that_a_handover_tells_each_message_once_and_in_order(tmp_path: Path) -> None:
    async with two_sides(tmp_path) as sides:
        sid = await _made(sides.twilio)
        await _made(sides.acs, sid)
        pin = Target(conversation_sid=sid, service=SERVICE_SID)
        await sides.office.pins.pin(pin, Stage.SHADOW)
        async with subscribe(sides.office, ALICE, period=0.05) as events:
            await _until(events, Synchronized)
            one = await _written(sides.twilio, sid, "One")
            found = await _until(events, MessageAdded)
            await _written(sides.acs, sid, "One", one, 0)
            await sides.office.pins.set(sid, Stage.LIVE)
            async with asyncio.timeout(30):
                while (await sides.office.pins.of(pin)).stage is not Stage.LIVE:
                    await sides.clock.sleep(1)
            await _written(sides.acs, sid, "Two")
            sides.clock.move(2)
            found += await _until(events, MessageAdded)
            await _written(sides.acs, sid, "Three")
            await _written(sides.twilio, sid, "Unheard")
            found += await _until(events, MessageAdded)
    added = [each.message for each in found if isinstance(each, MessageAdded)]
    assert ["One", "Two", "Three"] == [each.body for each in added]
    assert [0, 1, 2] == [each.index for each in added]


async def test_that_news_wait_for_a_store_that_fails_and_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_sides(tmp_path) as sides:
        sid = await _made(sides.twilio)
        async with subscribe(sides.office, ALICE, period=0.05) as events:
            await _until(events, Synchronized)

            async def fail(*_: object) -> None:
                raise ServiceUnavailableError("The store cannot be reached")

            with monkeypatch.context() as patch:
                patch.setattr(sides.office.pins, "of", fail)
                for number in range(3):
                    await _written(sides.twilio, sid, f"message {number}")
                await _until(events, SourceInterrupted)
            await _until(events, SourceRestored)
            added = await _until(events, MessageAdded, 3)
    assert ["message 0", "message 1", "message 2"] == [
        each.message.body for each in added if isinstance(each, MessageAdded)
    ]


async def test_that_nothing_is_left_when_the_stream_is_left_or_its_reader_cancelled(tmp_path: Path) -> None:
    async with two_sides(tmp_path) as sides:
        await _made(sides.twilio)
        before = asyncio.all_tasks()
        async with subscribe(sides.office, ALICE, period=0.05) as events:
            await _until(events, Synchronized)
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert set() == {each for each in asyncio.all_tasks() - before if "subscribe" in repr(each)}


async def test_that_what_both_sides_tell_of_a_compared_conversation_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_sides(tmp_path) as sides:
        noted: list[tuple[Side, type[Event]]] = []
        monkeypatch.setattr(
            sides.office.shadow, "told", lambda side, event, _: noted.append((side, type(event)))
        )
        sid = await _made(sides.twilio)
        await sides.office.pins.pin(Target(conversation_sid=sid, service=SERVICE_SID), Stage.SHADOW)
        async with subscribe(sides.office, ALICE, period=0.05) as events:
            await _until(events, Synchronized)
            await _written(sides.twilio, sid, "Hello")
            await _until(events, MessageAdded)
    assert (Side.TWILIO, MessageAdded) in noted
