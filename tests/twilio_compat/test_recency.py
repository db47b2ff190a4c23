"""A state is as new as its dates say, or as it says beside dates that were imported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twilio_compat.participant import is_older
from twilio_compat.recency import moment
from twilio_compat.records import ParticipantRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2019, 1, 1, tzinfo=UTC)


def member(
    date_updated: datetime, *, changed_at: datetime | None = None, read: datetime | None = None
) -> ParticipantRecord:
    return ParticipantRecord(
        sid="MB" + "0" * 32,
        conversation_sid="CH" + "0" * 32,
        identity="bob",
        attributes={},
        date_created=LONG_AGO,
        date_updated=date_updated,
        last_read_timestamp=read,
        changed_at=changed_at,
    )


def test_the_dates_tell_when_a_state_came_to_be() -> None:
    assert NOW == moment(member(NOW))


def test_a_date_that_was_imported_does_not() -> None:
    assert NOW == moment(member(LONG_AGO, changed_at=NOW))


def test_a_state_with_a_date_from_long_ago_may_be_the_newer_one() -> None:
    assert not is_older(member(LONG_AGO, changed_at=NOW + timedelta(seconds=1)), member(NOW))


def test_of_two_states_of_one_moment_the_read_horizon_tells() -> None:
    earlier, later = member(NOW, read=LONG_AGO), member(NOW, read=NOW)
    assert is_older(earlier, later)
    assert not is_older(later, earlier)
    assert not is_older(member(NOW + timedelta(seconds=1), read=LONG_AGO), later)
