"""Reading all messages of a conversation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from tests.rollout.two_sides import TwoSides, two_sides
from tests.support.twilio_stand_in import twilio_stand_in
from tests.twilio_backend.deployment import Deployment
from twilio_compat.account import AccountBackend, account_actor
from twilio_compat.errors import NotFoundError
from twilio_compat.records import ConversationDraft, MessageDraft
from twilio_compat.rollout.moving import walking
from twilio_compat.rollout.place import Place
from twilio_compat.rollout.sids import UNMAPPED
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side
from twilio_compat.rollout.staging.target import Target

ACCOUNT = account_actor()
_numbers = count()


@pytest.fixture
async def sides(tmp_path: Path) -> AsyncIterator[TwoSides]:
    async with two_sides(tmp_path) as running:
        yield running


async def fill(backend: AccountBackend, messages: int) -> str:
    """Make a conversation of which each third message is deleted."""
    made = await backend.conversations.create(ACCOUNT, ConversationDraft())
    for number in range(messages):
        draft = MessageDraft(mutation_id=f"walk {next(_numbers)}", body=str(number), is_first=True)
        sent = await backend.messages.create(ACCOUNT, made.sid, draft)
        if number % 3 == 2:
            await backend.messages.delete(ACCOUNT, made.sid, sent.sid)
    return made.sid


def place(backend: AccountBackend, sid: str, side: Side = Side.ACS) -> Place:
    return Place(Pin(about=Target(conversation_sid=sid)), side, backend, UNMAPPED)


async def sizes(place: Place) -> tuple[list[int], list[int]]:
    """Return how many came at a time, and the indexes of all."""
    found = [batch async for batch in walking.batches(place)]
    return [len(each) for each in found], [message.index for each in found for message in each]


async def test_pages_of_acs_follow_each_other(sides: TwoSides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "SIZE", 4)
    sid = await fill(sides.acs, 12)
    assert ([4, 4], [0, 1, 3, 4, 6, 7, 9, 10]) == await sizes(place(sides.acs, sid))


async def test_an_empty_conversation_has_none(sides: TwoSides) -> None:
    sid = await fill(sides.acs, 0)
    assert [] == [each async for each in walking.each_message(place(sides.acs, sid))]


async def test_twilio_is_walked_through_once() -> None:
    async with twilio_stand_in() as twilio, Deployment(twilio) as deployment:
        sid = await fill(twilio.backend, 12)
        backend = deployment.backend()
        assert isinstance(backend.messages, walking.Walks)
        assert ([8], [0, 1, 3, 4, 6, 7, 9, 10]) == await sizes(place(backend, sid, Side.TWILIO))
        with pytest.raises(NotFoundError):
            await sizes(place(backend, "CH" + "9" * 32, Side.TWILIO))
