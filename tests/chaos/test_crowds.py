"""Eight people write, read and listen at once, and whatever goes wrong, each message is there once, for all of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from azure.communication.chat.aio import ChatThreadClient
from azure.core.exceptions import AzureError

from acs_emulator.faults import Kind
from tests.chaos.crowd import LAST, THERE, Crowd
from tests.chaos.party import Line

TURNS = 2
READING = ("ListChatMessages", "GetChatMessage", "ListChatThreads", "GetChatThreadProperties")

UNCLEAR = (Kind.DROP_ANSWER, Kind.ARRIVE_LATE, Kind.FAIL_ANSWER)
"""After these nobody knows whether a message was sent."""

every_kind = pytest.mark.parametrize("kind", Kind)


def check(transcript: list[Line], said: dict[str, int]) -> None:
    """Check that what was acknowledged, and nothing else, is there once and with its index."""
    assert sorted([*said, LAST]) == sorted(body for _, body in transcript)
    assert said.items() <= {body: index for index, body in transcript}.items()


@every_kind
async def test_no_send_is_lost_or_doubled_and_all_hear_the_same(crowd: Crowd, kind: Kind) -> None:
    suffered = crowd.suffer(kind, "SendChatMessage", probability=0.4)
    said = await crowd.talk(TURNS)
    assert suffered.hits
    crowd.faults.clear()
    heard = [*await crowd.hear_out()]
    transcript = await crowd.transcript()
    check(transcript, said)
    assert list(range(len(transcript))) == [index for index, _ in transcript]
    assert [transcript] * 8 == heard


@every_kind
async def test_no_send_is_lost_or_doubled_where_nobody_else_writes(household: Crowd, kind: Kind) -> None:
    suffered = household.suffer(kind, "SendChatMessage", probability=0.4)
    said = await household.talk(TURNS)
    assert suffered.hits
    household.faults.clear()
    heard = [*await household.hear_out()]
    transcript = await household.transcript()
    check(transcript, said)
    assert list(range(len(transcript))) == [index for index, _ in transcript]
    assert [transcript] * 8 == heard


@every_kind
async def test_readers_and_listeners_miss_nothing_while_reading_fails(crowd: Crowd, kind: Kind) -> None:
    suffered = crowd.suffer(kind, *READING, probability=0.15)
    said, read = await crowd.talk_and_read(TURNS)
    heard = [*await crowd.hear_out()]
    assert suffered.hits
    crowd.faults.clear()
    transcript = await crowd.transcript()
    check(transcript, said)
    assert list(range(len(transcript))) == [index for index, _ in transcript]
    assert [transcript] * 8 == heard
    assert all(each == transcript[: len(each)][::-1] for each in read)


async def write(thread: ChatThreadClient, times: int) -> None:
    """Write as an ACS client that gives up at once; who knows what was sent."""
    for number in range(times):
        with suppress(AzureError):
            await thread.send_message(f"native {number}", retry_total=0)


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_messages_of_an_acs_client_in_between_have_indexes_like_all(crowd: Crowd, kind: Kind) -> None:
    thread = await crowd.native()
    crowd.suffer(kind, "SendChatMessage", "ListChatMessages", probability=0.2)
    said, _ = await asyncio.gather(crowd.talk(TURNS), write(thread, 4))
    crowd.faults.clear()
    heard = [*await crowd.hear_out()]
    transcript = await crowd.transcript()
    check([each for each in transcript if not each[1].startswith("native")], said)
    assert list(range(len(transcript))) == [index for index, _ in transcript]
    assert [transcript] * 8 == heard


@pytest.mark.parametrize("kind", [Kind.DELAY, Kind.DROP_ANSWER])
async def test_a_process_that_is_killed_in_the_midst_takes_nothing_acknowledged_with_it(
    doomed_crowd: Crowd, kind: Kind
) -> None:
    crowd = doomed_crowd
    crowd.suffer(kind, "SendChatMessage", "ListChatMessages", probability=0.2)
    said = await crowd.talk_until_the_neighbours_are_killed(10)
    crowd.faults.clear()
    heard = [*await crowd.hear_out()]
    transcript = await crowd.transcript()
    assert list(range(len(transcript))) == [index for index, _ in transcript]
    check([each for each in transcript if not each[1].startswith(THERE)], said)
    assert len(transcript) == len({body for _, body in transcript})
    assert [transcript] * 4 == heard
