"""What is kept of what was not alike."""

from __future__ import annotations

import json

import pytest

from tests.rollout.clock import Clock
from tests.rollout.memory_documents import MemoryDocuments
from tests.rollout.test_comparison import message
from twilio_compat.records import JSONObject
from twilio_compat.rollout.comparing import mismatches as module
from twilio_compat.rollout.comparing.comparison import Difference, compare
from twilio_compat.rollout.comparing.mismatches import AGAIN, SHOWN, Mismatches
from twilio_compat.rollout.staging.stages import Side, Stage

SID = "CH" + "1" * 32
SECRET = "what somebody wrote"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def mismatches(documents: MemoryDocuments, clock: Clock) -> Mismatches:
    return Mismatches(documents, clock=clock, now=clock.now)


async def note(mismatches: Mismatches, *differences: Difference, sid: str = SID) -> bool:
    return await mismatches.note(sid, "messages.get", Stage.SHADOW, Side.ACS, differences)


async def test_one_is_kept_with_what_both_sides_say(mismatches: Mismatches, clock: Clock) -> None:
    assert await note(mismatches, Difference("index", "index", 3, 4))
    (found,) = await mismatches.list()
    shown: JSONObject = {"path": "index", "kind": "index", "authority": 3, "mirror": 4}
    assert ((shown,), 1, clock.now()) == (found.differences, found.count, found.at)
    assert (SID, "messages.get", Stage.SHADOW, Side.ACS) == (
        found.conversation_sid,
        found.operation,
        found.stage,
        found.mirror,
    )


async def test_what_people_wrote_is_not_kept(mismatches: Mismatches, documents: MemoryDocuments) -> None:
    one = message(body=SECRET, subject=SECRET, attributes={"note": SECRET})
    await note(mismatches, *compare([one], []), *compare(one, message(subject="other")))
    (found,) = await mismatches.list()
    assert 4 == found.count
    kept = documents.content(module.KIND, "001")
    assert SECRET not in json.dumps(kept)
    assert len(SECRET) == found.differences[0]["authority"]["body"]["length"]  # type: ignore[index, call-overload]


async def test_it_is_kept_where_the_deployment_wants_it(documents: MemoryDocuments) -> None:
    mismatches = Mismatches(documents, shows_bodies=True)
    await note(mismatches, *compare(message(body=SECRET), message()))
    (found,) = await mismatches.list()
    assert SECRET == found.differences[0]["authority"]


async def test_two_that_wrote_the_same_can_be_seen_to_have_and_no_more(documents: MemoryDocuments) -> None:
    shown = [module.Redaction({"body"}).shown(SECRET, "body") for _ in range(2)]
    one = module.Redaction({"body"})
    assert one.shown(SECRET, "body") == one.shown(SECRET, "body")
    assert shown[0] != shown[1]


async def test_no_more_are_kept_than_there_are_places_for(
    mismatches: Mismatches, documents: MemoryDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    others = Mismatches(documents)
    for number in range(4):
        await note(mismatches if number % 2 else others, Difference("index", "index"), sid=f"CH{number}")
    assert ["CH1", "CH2", "CH3"] == [each.conversation_sid for each in await mismatches.list()]


async def test_the_same_is_kept_once_a_minute(mismatches: Mismatches, clock: Clock) -> None:
    same = Difference("index", "index", 1, 2)
    assert [True, False] == [await note(mismatches, same), await note(mismatches, same)]
    assert await note(mismatches, same, sid="CH2")
    clock.move(AGAIN)
    assert await note(mismatches, same)


async def test_of_many_differences_the_first_are_kept_and_all_counted(mismatches: Mismatches) -> None:
    await note(mismatches, *(Difference(f"items[{each}].index", "index") for each in range(SHOWN + 5)))
    (found,) = await mismatches.list()
    assert (SHOWN, SHOWN + 5) == (len(found.differences), found.count)


async def test_they_can_be_forgotten_and_come_again(mismatches: Mismatches) -> None:
    await note(mismatches, Difference("index", "index"))
    assert 1 == await mismatches.clear()
    assert [] == await mismatches.list()
    assert await note(mismatches, Difference("index", "index"))
