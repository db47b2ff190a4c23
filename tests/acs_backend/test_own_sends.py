"""What was sent in this process is explained exactly when nothing else happened."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from acs_backend.event_sources.own_sends import KEPT, OwnSends
from acs_backend.event_sources.thread_cursor import ThreadCursor, ThreadGlance
from acs_backend.ledger.entries import Entry, Kind
from tests.acs_backend.thread_model import Line, ThreadModel
from twilio_compat.records import MessageRecord

THREAD = "19:thread@thread.v2"
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def record_of(line: Line) -> MessageRecord:
    return MessageRecord(
        sid=f"IM{line.message_id}",
        conversation_sid="CH",
        index=line.message_id,
        author="alice",
        body="hello",
        attributes={},
        date_created=WHEN,
        date_updated=WHEN,
    )


def entry_of(line: Line) -> Entry:
    return Entry(line.message_id, line.sequence, line.version, Kind.MESSAGE, line.deleted, line.mutation_id)


def listing_of(model: ThreadModel) -> list[Entry]:
    return [entry_of(each) for each in sorted(model.lines, key=lambda line: -line.sequence)]


def cursor_at(model: ThreadModel) -> ThreadCursor:
    glance = ThreadGlance("topic", WHEN)
    return ThreadCursor(glance, version=model.now, sequence=model.sequence)


actions = st.lists(
    st.sampled_from(["own"] * 6 + ["flying", "foreign", "edit", "delete", "old edit"]), max_size=8
)


@given(actions)
def test_an_explanation_tells_all_there_is_up_to_its_top_and_nothing_else(done: list[str]) -> None:
    model, own, in_flight = ThreadModel(), OwnSends(), set[str]()
    old = model.add("old")
    cursor = cursor_at(model)
    mine: list[Line] = []
    for number, action in enumerate(done):
        mutation_id = f"mutation {number}"
        if action == "own":
            mine.append(line := model.add(mutation_id))
            own.add(THREAD, line.message_id, record_of(line))
        elif action == "flying":
            model.add(mutation_id)
            in_flight.add(mutation_id)
        elif action == "foreign":
            model.add("another process's")
        elif action == "old edit":
            model.change(old)
        elif mine:
            model.change(mine[-1], delete=action == "delete")
    listing = listing_of(model)
    found = own.explain(THREAD, cursor, listing, in_flight)
    news = sorted((each for each in listing if cursor.behind(each)), key=lambda each: each.sequence)
    if found is not None:
        below = [each for each in news if each.sequence <= found.top.sequence]
        above = news[len(below) :]
        assert [each.message_id for each in below] == [each.index for each in found.news]
        assert {each.mutation_id for each in above} <= in_flight | {each.mutation_id for each in mine}
        assert found.is_complete == (above == [])
    elif news:
        assert set(done) - {"own"}


def test_what_was_told_is_forgotten_and_what_is_younger_is_kept() -> None:
    model, own = ThreadModel(), OwnSends()
    lines = [model.add(f"mutation {number}") for number in range(3)]
    for each in lines:
        own.add(THREAD, each.message_id, record_of(each))
    own.drop(THREAD, up_to=lines[1].message_id)
    start = ThreadCursor(ThreadGlance("topic", WHEN), version=lines[1].version, sequence=lines[1].sequence)
    found = own.explain(THREAD, start, listing_of(model), ())
    assert found is not None
    assert [record_of(lines[2])] == list(found.news)
    own.drop(THREAD)
    assert not own.any(THREAD)


def test_more_than_can_be_kept_is_read_back() -> None:
    model, own = ThreadModel(), OwnSends()
    cursor = cursor_at(model)
    for number in range(KEPT + 1):
        line = model.add(f"mutation {number}")
        own.add(THREAD, line.message_id, record_of(line))
    assert own.explain(THREAD, cursor, listing_of(model), ()) is None
