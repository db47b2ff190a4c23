"""What may be told of a thread's next index, while the store is looked at and written to."""

from __future__ import annotations

from acs_backend.ledger.foresight import NOTICE, Foresight
from acs_backend.ledger.ledger import Arrival, End

THREAD = "19:thread@thread.v2"


def tell(foresight: Foresight, message_id: int, *, now: float = 0.0, period: int = 1) -> int | None:
    row = foresight.tell(THREAD, Arrival(message_id, f"mutation {message_id}"), period=period, now=now)
    return None if row is None else row.index


def looked(end: End, *, at: float = 0.0) -> Foresight:
    foresight = Foresight()
    foresight.learn(THREAD, end, period=1, looked_at=at)
    return foresight


def test_indexes_are_told_one_after_the_other() -> None:
    foresight = looked(End(5, newest_id=50))
    assert [5, 6] == [tell(foresight, each) for each in (60, 70)]


def test_a_look_holds_for_as_long_as_whoever_ends_that_waits() -> None:
    assert 5 == tell(looked(End(5, newest_id=50), at=1.0), 60, now=1.0 + NOTICE * 0.99)
    assert None is tell(looked(End(5, newest_id=50), at=1.0), 60, now=1.0 + NOTICE)


def test_what_was_not_told_keeps_back_what_comes_after_it() -> None:
    foresight = looked(End(5, newest_id=50))
    assert [None, None] == [tell(foresight, 60, period=2), tell(foresight, 70)]


def test_what_is_told_while_the_store_is_written_to_comes_on_top_of_what_was_written() -> None:
    foresight = looked(End(5, newest_id=50))
    tell(foresight, 60)
    assert [60] == [each.arrival.message_id for each in foresight.take()]
    tell(foresight, 70)
    foresight.learn(THREAD, End(6, newest_id=60), period=1, looked_at=1.0)
    assert 7 == tell(foresight, 80, now=1.0)
    assert [70, 80] == [each.arrival.message_id for each in foresight.take()]


def test_what_is_told_and_was_brought_in_by_the_listing_of_another_process_counts_once() -> None:
    foresight = looked(End(5, newest_id=50))
    tell(foresight, 60)
    foresight.take()
    tell(foresight, 70)
    foresight.learn(THREAD, End(7, newest_id=70), period=1, looked_at=1.0)
    assert 7 == tell(foresight, 80, now=1.0)
