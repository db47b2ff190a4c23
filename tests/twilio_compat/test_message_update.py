"""What changes in a message when news of it, or of who has read it, come in any order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_backend import EPOCH
from twilio_compat.message_update import merged, read_by_now, read_up_to, reasons
from twilio_compat.records import DeliveryRecord, MessageRecord

MEMBERS = ("MBalice", "MBbob", "MBcarol")

names = st.none() | st.sampled_from(["", "a", "b"])
records = st.builds(
    MessageRecord,
    sid=st.just("IM"),
    conversation_sid=st.just("CH"),
    index=st.just(3),
    author=names,
    body=names,
    attributes=st.sampled_from([{}, {"a": 1}]),
    date_created=st.just(EPOCH),
    date_updated=st.just(EPOCH),
    subject=names,
    last_updated_by=names,
    delivery=st.none()
    | st.builds(
        DeliveryRecord,
        recipients=st.frozensets(st.sampled_from(MEMBERS), min_size=1),
        read_by=st.just(frozenset()),
    ),
)
horizons = st.none() | st.integers(0, 6)


def kept(record: MessageRecord) -> tuple[object, ...]:
    """Return what an update that leaves it out does not take away."""
    return (record.body, record.subject, record.author, record.last_updated_by, record.delivery)


@given(records, records)
def test_an_update_takes_nothing_away_and_comes_into_force_once(
    old: MessageRecord, new: MessageRecord
) -> None:
    after = merged(old, new)
    assert all(value is not None for value, before in zip(kept(after), kept(old), strict=True) if before)
    assert new.attributes == after.attributes
    assert [] == reasons(after, merged(after, new))


@given(records, st.lists(st.tuples(st.sampled_from(MEMBERS), horizons)))
def test_who_has_read_a_message_follows_from_the_last_horizon_of_each(
    record: MessageRecord, news: list[tuple[str, int | None]]
) -> None:
    after = record
    for member, index in news:
        after = read_up_to(after, member, index)
    last = {member: index for member, index in dict(news).items() if index is not None}
    readers = {member for member, index in last.items() if index >= record.index}
    delivery = after.delivery
    assert (delivery is None) == (record.delivery is None)
    if delivery is not None:
        assert readers & delivery.recipients == delivery.read_by
        assert delivery == read_by_now(record, last).delivery


@given(records, st.sampled_from(MEMBERS), horizons)
def test_a_horizon_changes_nothing_but_the_receipts(
    record: MessageRecord, member: str, index: int | None
) -> None:
    assert set(reasons(record, read_up_to(record, member, index))) <= {"deliveryReceipt"}
