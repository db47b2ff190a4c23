"""What a thing is called on either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.records import (
    ConversationRecord,
    ConversationState,
    DeliveryReceiptRecord,
    DeliveryRecord,
    Direction,
    LastMessage,
    MediaRecord,
    MessagePage,
    MessageRecord,
    ParticipantRecord,
    UserConversationRecord,
)
from twilio_compat.rollout.sid_map import UNMAPPED, Pair, SidMap

NOW = datetime(2030, 1, 1, tzinfo=UTC)

CONVERSATION = ConversationRecord(
    sid="CHp",
    friendly_name=None,
    unique_name=None,
    attributes={},
    created_by="system",
    date_created=NOW,
    date_updated=NOW,
    state=ConversationState(current="active", date_updated=NOW),
    last_message=LastMessage(index=11, date_created=NOW),
    last_read_message_index=10,
)
STANDING = UserConversationRecord(
    conversation_sid="CHp",
    unread_messages_count=1,
    last_read_message_index=10,
    notification_level="default",
    participant_sid="MBp",
)
MEMBER = ParticipantRecord(
    sid="MBp",
    conversation_sid="CHp",
    identity="alice",
    attributes={},
    date_created=NOW,
    date_updated=NOW,
    last_read_message_index=10,
)
MESSAGE = MessageRecord(
    sid="IMp",
    conversation_sid="CHp",
    index=11,
    author="alice",
    body="hello",
    attributes={},
    date_created=NOW,
    date_updated=NOW,
    media=(MediaRecord(sid="MEp", content_type="text/plain", size=1),),
    participant_sid="MBp",
    delivery=DeliveryRecord(recipients=frozenset({"MBp", "MBsame"}), read_by=frozenset({"MBp"})),
)
RECEIPT = DeliveryReceiptRecord(
    sid="DY1",
    conversation_sid="CHp",
    message_sid="IMp",
    participant_sid="MBp",
    status="read",
    date_created=NOW,
    date_updated=NOW,
)
PAIRS = [
    Pair(what="conversation", public="CHp", twilio="CHt"),
    Pair(what="participant", public="MBp", twilio="MBt"),
    Pair(
        what="message",
        public="IMp",
        twilio="IMt",
        public_index=11,
        twilio_index=23,
        media=(("MEp", "MEt"),),
    ),
    Pair(what="message", public="IMp10", twilio="IMt10", public_index=10, twilio_index=20),
]


def test_whole_records_are_translated_there_and_back() -> None:
    to = SidMap(PAIRS)
    message = replace(
        MESSAGE,
        sid="IMt",
        conversation_sid="CHt",
        index=23,
        media=(MediaRecord(sid="MEt", content_type="text/plain", size=1),),
        participant_sid="MBt",
        delivery=DeliveryRecord(recipients=frozenset({"MBt", "MBsame"}), read_by=frozenset({"MBt"})),
    )
    conversation = replace(
        CONVERSATION,
        sid="CHt",
        last_message=LastMessage(index=23, date_created=NOW),
        last_read_message_index=20,
    )
    standing = replace(STANDING, conversation_sid="CHt", participant_sid="MBt", last_read_message_index=20)
    member = replace(MEMBER, sid="MBt", conversation_sid="CHt", last_read_message_index=20)
    receipt = replace(RECEIPT, conversation_sid="CHt", message_sid="IMt", participant_sid="MBt")
    page, there = (MessagePage(items=(each,), has_older=True, has_newer=False) for each in (MESSAGE, message))
    assert (conversation, CONVERSATION) == (
        to.twilio.conversation(CONVERSATION),
        to.public.conversation(conversation),
    )
    assert (standing, STANDING) == (
        to.twilio.user_conversation(STANDING),
        to.public.user_conversation(standing),
    )
    assert (member, MEMBER) == (to.twilio.participant(MEMBER), to.public.participant(member))
    assert (message, MESSAGE) == (to.twilio.message(MESSAGE), to.public.message(message))
    assert (there, page) == (to.twilio.page(page), to.public.page(there))
    assert (receipt, RECEIPT) == (to.twilio.receipt(RECEIPT), to.public.receipt(receipt))


def test_what_may_be_missing_may_be_missing() -> None:
    to = SidMap(PAIRS)
    bare = replace(MESSAGE, media=(), participant_sid=None, delivery=None)
    assert (None, None) == ((found := to.twilio.message(bare)).participant_sid, found.delivery)
    assert to.twilio.conversation(replace(CONVERSATION, last_message=None)).last_message is None
    assert (
        to.twilio.participant(replace(MEMBER, last_read_message_index=None)).last_read_message_index is None
    )


def test_without_pairs_records_are_returned_as_they_are() -> None:
    for names in (UNMAPPED.public, UNMAPPED.twilio):
        assert CONVERSATION is names.conversation(CONVERSATION)
        assert STANDING is names.user_conversation(STANDING)
        assert MEMBER is names.participant(MEMBER)
        assert MESSAGE is names.message(MESSAGE)
        page = MessagePage(items=(MESSAGE,), has_older=False, has_newer=False)
        assert page is names.page(page)
        assert RECEIPT is names.receipt(RECEIPT)
        assert ("IM1", 7, 7, None) == (
            names.sid("IM1"),
            names.index(7),
            names.horizon(7),
            names.horizon(None),
        )


def test_more_pairs_make_another_map() -> None:
    to = SidMap(PAIRS[:2]).with_more(PAIRS[2:])
    assert ("IMt", "MBt") == (to.twilio.sid("IMp"), to.twilio.sid("MBp"))
    assert to is to.with_more([])


def rungs(*indexes: tuple[int, int]) -> SidMap:
    """Return a map of messages with these indexes, public and Twilio's."""
    return SidMap(
        [
            Pair(what="message", public=f"IMp{n}", twilio=f"IMt{n}", public_index=public, twilio_index=twilio)
            for n, (public, twilio) in enumerate(indexes)
        ]
    )


@pytest.mark.parametrize(
    ("public", "twilio"), [(0, 0), (9, 9), (10, 20), (11, 23), (12, 26), (20, 26), (27, 27), (40, 40)]
)
def test_a_horizon_in_public_is_one_at_twilio(public: int, twilio: int) -> None:
    assert twilio == rungs((10, 20), (11, 23), (12, 26)).twilio.horizon(public)


@pytest.mark.parametrize(
    ("twilio", "public"), [(9, 9), (15, 9), (20, 10), (21, 10), (22, 10), (23, 11), (26, 12), (27, 27)]
)
def test_a_horizon_at_twilio_is_one_in_public(twilio: int, public: int) -> None:
    assert public == rungs((10, 20), (11, 23), (12, 26)).public.horizon(twilio)


def test_where_acs_was_ahead_twilios_later_indexes_stay_above() -> None:
    to = rungs((5, 5), (7, 6))
    assert [8, 9] == [to.public.index(7), to.public.index(8)]
    assert [7, 8] == [to.twilio.index(8), to.twilio.index(9)]


def test_a_message_that_was_gone_too_soon_keeps_its_index_to_itself() -> None:
    """0 to 5 are from Twilio; 6 was mirrored, 7 was deleted on ACS before; the next one is Twilio's 7."""
    to = rungs((6, 6))
    gone = to.gone("IMgone", 7)
    assert ("IMgone", "IMgone", 7, 6, True) == (
        gone.public,
        gone.twilio,
        gone.public_index,
        gone.twilio_index,
        gone.is_gone,
    )
    to = to.with_more([gone])
    assert [6, 8] == [to.public.index(each) for each in (6, 7)]
    assert [6, 6, 7] == [to.twilio.horizon(each) for each in (6, 7, 8)]


def test_where_nothing_is_below_a_horizon_there_is_none() -> None:
    to = UNMAPPED.with_more([UNMAPPED.gone("IMgone", 0)])
    assert (None, 0) == (to.twilio.horizon(0), to.twilio.horizon(1))
    assert None is rungs((0, 7)).public.horizon(5)


def test_a_message_that_was_mirrored_late_is_not_called_read() -> None:
    """10 was given up at first, and mirrored after 11."""
    to = rungs((10, 30), (11, 23))
    assert [10, 30] == [to.twilio.horizon(10), to.twilio.horizon(11)]
    assert [9, 11] == [to.public.horizon(23), to.public.horizon(30)], "11 alone cannot be said"
    assert [30, 23] == [to.twilio.index(10), to.twilio.index(11)]


@pytest.mark.parametrize(
    ("index", "direction", "anchor"),
    [
        (11, Direction.BACKWARDS, 23),
        (11, Direction.FORWARD, 21),
        (12, Direction.BACKWARDS, 23),
        (12, Direction.FORWARD, 24),
        (0, Direction.FORWARD, 0),
    ],
)
def test_a_page_begins_where_it_begins_on_the_other_side(
    index: int, direction: Direction, anchor: int
) -> None:
    assert anchor == rungs((10, 20), (11, 23)).twilio.anchor(index, direction)


# A model: messages are born on either side in turn, and what each is called is kept beside the map.


@dataclass
class History:
    """A conversation that goes there and back. ``told`` has the two indexes of each message that is on both sides."""

    map: SidMap = UNMAPPED
    told: list[tuple[int, int]] = field(default_factory=list)
    public: int = -1
    twilio: int = -1

    def born_at_twilio(self, gap: int) -> None:
        self.twilio += 1 + gap
        index = self.map.public.index(self.twilio)
        assert index > self.public, "no index is given twice, and they ascend"
        self.public = index
        self.told.append((self.public, self.twilio))

    def born_on_acs(self, gap: int) -> None:
        self.public += 1
        self.twilio += 1 + gap
        self._pair(Pair(what="message", public=f"IMp{self.public}", twilio=f"IMt{self.twilio}"))
        self.told.append((self.public, self.twilio))

    def gone_too_soon(self) -> None:
        self.public += 1
        self.map = self.map.with_more([self.map.gone(f"IMp{self.public}", self.public)])

    def _pair(self, pair: Pair) -> None:
        numbered = replace(pair, public_index=self.public, twilio_index=self.twilio)
        self.map = self.map.with_more([numbered])


steps = st.lists(
    st.tuples(st.sampled_from(["twilio", "acs", "gone"]), st.integers(0, 3)), min_size=1, max_size=25
)


def play(story: Sequence[tuple[str, int]]) -> History:
    history = History()
    for where, gap in story:
        if where == "twilio":
            history.born_at_twilio(gap)
        elif where == "acs":
            history.born_on_acs(gap)
        else:
            history.gone_too_soon()
    return history


@given(steps)
def test_either_index_of_a_message_tells_the_other(story: Sequence[tuple[str, int]]) -> None:
    history = play(story)
    assert history.told == [(public, history.map.twilio.index(public)) for public, _ in history.told]
    assert history.told == [(history.map.public.index(twilio), twilio) for _, twilio in history.told]


@given(steps, st.integers(0, 120))
def test_who_has_read_something_has_read_the_same_on_the_other_side(
    story: Sequence[tuple[str, int]], horizon: int
) -> None:
    history = play(story)
    there, back = history.map.twilio.horizon(horizon), history.map.public.horizon(horizon)
    for public, twilio in history.told:
        assert (public <= horizon) == (there is not None and twilio <= there)
        assert (twilio <= horizon) == (back is not None and public <= back)


@given(st.permutations(range(8)), st.integers(0, 20))
def test_whatever_the_order_nothing_is_called_read_that_was_not(order: list[int], horizon: int) -> None:
    told = [(public, 2 * place) for place, public in enumerate(order)]
    to = rungs(*told)
    there, back = to.twilio.horizon(horizon), to.public.horizon(horizon)
    for public, twilio in told:
        assert there is None or twilio > there or public <= horizon
        assert back is None or public > back or twilio <= horizon
