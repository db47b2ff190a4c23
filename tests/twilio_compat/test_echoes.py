"""Reports of what one did oneself are recognised once, and not for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.journal import Journal, settle
from tests.support.memory_backend import MemoryService
from twilio_compat import Client
from twilio_compat.echoes import LIFETIME, Change, Echoes


def test_a_change_is_expected_once() -> None:
    echoes = Echoes(lambda: 0.0)
    echoes.expect("MB1", "joined")
    assert [False, False, True, False] == [
        echoes.take("MB2", "joined"),
        echoes.take("MB1", "left"),
        echoes.take("MB1", "joined"),
        echoes.take("MB1", "joined"),
    ]


def test_a_later_change_of_the_same_member_ends_the_wait_for_an_earlier_one() -> None:
    echoes = Echoes(lambda: 0.0)
    echoes.expect("MB1", "joined")
    echoes.expect("MB2", "joined")
    echoes.expect("MB1", "left")
    assert [True, False, True] == [
        echoes.take("MB1", "left"),
        echoes.take("MB1", "joined"),
        echoes.take("MB2", "joined"),
    ]


def test_what_does_not_come_is_forgotten() -> None:
    now = 0.0
    echoes = Echoes(lambda: now)
    echoes.expect("MB1", "joined")
    now = LIFETIME
    assert not echoes.take("MB1", "joined")


def test_a_synchronization_ends_all_waiting() -> None:
    echoes = Echoes(lambda: 0.0)
    echoes.expect("MB1", "joined")
    echoes.forget()
    assert not echoes.take("MB1", "joined")


@given(st.lists(st.tuples(st.sampled_from(["MB1", "MB2"]), st.sampled_from(["joined", "left"]))))
def test_a_source_that_tells_everything_in_order_is_recognised_to_the_last(
    changes: list[tuple[str, Change]],
) -> None:
    echoes = Echoes(lambda: 0.0)
    for change in changes:
        echoes.expect(*change)
    recognised = [echoes.take(*change) for change in changes]
    assert [True] * len(changes) == recognised


async def test_joining_and_leaving_in_one_breath_is_told_once_each(
    service: MemoryService, alice: Client
) -> None:
    room = await alice.createConversation(friendlyName="Room")
    journal = Journal(alice)
    with service.hold_news():
        await room.join()
        await room.leave()
        expected = [
            "conversationUpdated:lastReadMessageIndex",
            "conversationJoined:Room",
            "participantLeft:alice",
            "conversationLeft:Room",
            "conversationRemoved:Room",
        ]
        assert expected == journal.read()
    assert ([], "notParticipating") == (await journal.settled(), room.status)


async def test_a_list_fetched_before_one_left_does_not_bring_one_back(
    service: MemoryService, alice: Client
) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await settle()
    outdated = service.rooms[room.sid].seen_by("alice")
    with service.hold_news():
        await room.leave()
        alice._conversations._learn(outdated)
    await settle()
    assert "notParticipating" == room.status


async def test_coming_back_shows_the_last_message_sent_meanwhile(alice: Client, bob: Client) -> None:
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await room.add("bob")
    await room.leave()
    await settle()
    theirs = await bob.getConversationBySid(room.sid)
    await theirs.sendMessage("meanwhile")
    await room.join()
    await settle()
    assert room.lastMessage is not None
    assert 0 == room.lastMessage["index"]
