"""What the account says of a message is read back as it was said, and nobody else can say it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_backend import imprints, message_codec
from acs_backend.imprints import AUTHOR, DATES, KEYS, NOTHING, QUIET, SEAL, Imprint
from twilio_compat.records import MessageChanges, MessageDraft

SECRET, OTHER = b"1" * 32, b"2" * 32
THREAD, MESSAGE = "19:thread", "mutation-1"
LONG_AGO = datetime(2019, 5, 1, tzinfo=UTC)
LONG_AGO_MS = int(LONG_AGO.timestamp() * 1000)

times = st.none() | st.integers(-(10**13), 10**14)
authors = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
anything = st.builds(Imprint, author=authors, written_at=times, changed_at=times, is_quiet=st.booleans())


@given(anything)
def test_what_is_said_is_read(imprint: Imprint) -> None:
    assert imprint == imprints.read(imprints.written(imprint))


@given(anything)
def test_a_seal_counts_for_what_was_sealed(imprint: Imprint) -> None:
    keys = imprints.sealed(imprints.written(imprint), SECRET, THREAD, MESSAGE)
    assert imprint == imprints.read(keys)
    assert (imprint == NOTHING) == (keys == {})
    if keys:
        assert imprints.is_sealed(keys, SECRET, THREAD, MESSAGE)


@pytest.mark.parametrize(
    ("changed", "secret", "thread", "message"),
    [
        ({AUTHOR: "eve"}, SECRET, THREAD, MESSAGE),
        ({DATES: "[0,null]"}, SECRET, THREAD, MESSAGE),
        ({QUIET: "1"}, SECRET, THREAD, MESSAGE),
        ({SEAL: ""}, SECRET, THREAD, MESSAGE),
        ({SEAL: "\ud800é"}, SECRET, THREAD, MESSAGE),
        ({}, OTHER, THREAD, MESSAGE),
        ({}, SECRET, "19:another", MESSAGE),
        ({}, SECRET, THREAD, "mutation-2"),
    ],
)
def test_a_seal_counts_for_nothing_else(
    changed: dict[str, str], secret: bytes, thread: str, message: str
) -> None:
    keys = imprints.sealed({AUTHOR: "bob", DATES: "[1,2]"}, SECRET, THREAD, MESSAGE)
    assert not imprints.is_sealed(keys | changed, secret, thread, message)


def test_what_was_taken_away_breaks_a_seal() -> None:
    keys = imprints.sealed({AUTHOR: "bob", QUIET: "1"}, SECRET, THREAD, MESSAGE)
    del keys[QUIET]
    assert not imprints.is_sealed(keys, SECRET, THREAD, MESSAGE)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "[1]", "[1,2,3]", '["1",2]', "{", "[1.5,2]", "[" * 10_000]
)
def test_dates_that_cannot_be_read_are_none(text: str) -> None:
    assert NOTHING == imprints.read({DATES: text})


def test_a_draft_says_what_it_was_given() -> None:
    draft = MessageDraft(mutation_id="m", author="bob", date_created=LONG_AGO, is_quiet=True)
    assert Imprint(written_at=LONG_AGO_MS, is_quiet=True) == imprints.of_draft(draft, None)
    assert Imprint(author="bob", written_at=LONG_AGO_MS, is_quiet=True) == imprints.of_draft(draft, "bob")


def test_a_change_keeps_what_it_does_not_name_but_for_the_date_of_the_last_change() -> None:
    old = Imprint(author="bob", written_at=1, changed_at=2, is_quiet=True)
    assert replace(old, changed_at=None) == imprints.changed(old, MessageChanges(body="x"), None)
    dated = MessageChanges(date_created=LONG_AGO, date_updated=LONG_AGO)
    assert replace(old, written_at=LONG_AGO_MS, changed_at=LONG_AGO_MS) == imprints.changed(old, dated, None)
    assert "eve" == imprints.changed(old, MessageChanges(author="eve"), None).author
    assert old.author == imprints.changed(old, MessageChanges(author=""), None).author


def test_who_sent_a_message_need_not_be_said_to_be_its_author() -> None:
    old = Imprint(author="eve")
    assert None is imprints.changed(old, MessageChanges(author="bob"), "bob").author


@pytest.mark.parametrize(
    ("imprint", "version", "expected"),
    [
        (NOTHING, 100, (100, 100)),
        (NOTHING, 150, (100, 150)),
        (Imprint(written_at=5), 100, (5, 5)),
        (Imprint(written_at=5), 150, (5, 150)),
        (Imprint(written_at=5, changed_at=6), 100, (5, 6)),
        (Imprint(changed_at=6), 150, (100, 6)),
    ],
)
def test_dates_are_those_that_were_given_or_those_of_what_happened(
    imprint: Imprint, version: int, expected: tuple[int, int]
) -> None:
    assert expected == imprints.dates(imprint, 100, version)


@given(anything, st.integers(message_codec.SMALLEST_BUDGET, 1024))
def test_it_survives_any_budget(imprint: Imprint, budget: int) -> None:
    keys = imprints.sealed(imprints.written(imprint), SECRET, THREAD, MESSAGE)
    draft = MessageDraft(mutation_id=MESSAGE, body="hello", attributes={"x": "y" * 500}, subject="z" * 200)
    encoded = message_codec.encode(draft, {}, budget=budget, imprint=keys)
    assert budget >= sum(len((key + value).encode()) for key, value in encoded.metadata.items())
    decoded = message_codec.decode(encoded.content, encoded.metadata, encoded.overflow)
    assert {key: keys[key] for key in KEYS if key in keys} == decoded.imprint
    assert ({"x": "y" * 500}, "z" * 200) == (decoded.attributes, decoded.subject)
