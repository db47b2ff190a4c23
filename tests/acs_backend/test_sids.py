"""SIDs are derived, so every process has the same ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_backend import sids


def test_each_kind_of_thing_has_a_sid_with_its_own_prefix() -> None:
    made = [
        sids.conversation_sid("19:a@thread.v2"),
        sids.message_sid("19:a@thread.v2", 1),
        sids.participant_sid("19:a@thread.v2", "8:acs:x"),
        sids.user_sid("8:acs:x"),
        sids.media_sid("blob"),
    ]
    assert ["CH", "IM", "MB", "US", "ME"] == [sid[:2] for sid in made]
    assert all(sids.is_sid(sid, sid[:2]) for sid in made)


def test_a_sid_is_the_same_in_every_process() -> None:
    assert "CH75154674a1e49f99cd0d8b06f006ec61" == sids.conversation_sid("19:a@thread.v2")


@given(st.text(), st.integers(), st.text(), st.integers())
def test_different_messages_have_different_sids(a: str, i: int, b: str, j: int) -> None:
    assert ((a, i) == (b, j)) == (sids.message_sid(a, i) == sids.message_sid(b, j))


@pytest.mark.parametrize(
    "text", ["", "CH", "CH123", "IM" + "0" * 32, "CH" + "0" * 33, "CH" + "G" * 32, "CH" + "0" * 32 + "\n"]
)
def test_what_looks_otherwise_is_no_conversation_sid(text: str) -> None:
    assert not sids.is_sid(text, sids.CONVERSATION)
