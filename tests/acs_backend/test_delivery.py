from __future__ import annotations

import pytest

from acs_backend import delivery
from acs_backend.store.messages import LedgerRow
from acs_backend.store.participants import Participant
from acs_backend.times import to_time
from twilio_compat.records import DeliveryRecord

ROW = LedgerRow(message_id=1_000, index=7, sid="IM" + "1" * 32)


def member(name: str, *, since: int = 0, read: int | None = None, at: int | None = None) -> Participant:
    return Participant(
        thread_id="19:t",
        acs_id=name,
        sid=f"MB-{name}",
        attributes={},
        created_at=since,
        updated_at=since,
        last_read_index=read,
        last_read_at=at,
    )


def among(*members: Participant) -> dict[str, Participant]:
    return {each.acs_id: each for each in members}


def test_a_message_is_for_all_who_were_there_but_its_author() -> None:
    members = among(member("author"), member("bob"), member("late", since=1_001))
    assert DeliveryRecord(recipients=frozenset({"MB-bob"})) == delivery.of(members, ROW, "author")


def test_a_message_to_nobody_has_no_delivery() -> None:
    assert delivery.of(among(member("author")), ROW, "author") is None
    assert [] == delivery.receipts("CH", among(member("author")), ROW, "author")


@pytest.mark.parametrize(("read", "expected"), [(None, "sent"), (6, "sent"), (7, "read"), (8, "read")])
def test_a_message_is_read_where_a_horizon_covers_it(read: int | None, expected: str) -> None:
    members = among(member("author"), member("bob", read=read, at=5_000))
    (receipt,) = delivery.receipts("CH", members, ROW, "author")
    told = delivery.of(members, ROW, "author")
    assert told is not None
    assert (expected, expected == "read") == (receipt.status, "MB-bob" in told.read_by)
    assert to_time(5_000 if expected == "read" else 1_000) == receipt.date_updated
    assert to_time(1_000) == receipt.date_created


def test_receipts_come_in_the_order_of_joining_and_keep_their_sids() -> None:
    members = among(member("carol", since=2), member("bob", since=1), member("author"))
    receipts = delivery.receipts("CH", members, ROW, "author")
    assert ["MB-bob", "MB-carol"] == [each.participant_sid for each in receipts]
    assert [each.sid for each in receipts] == [
        each.sid for each in delivery.receipts("CH", members, ROW, "author")
    ]
    assert {"DY"} == {each.sid[:2] for each in receipts}
    assert 2 == len({each.sid for each in receipts})
