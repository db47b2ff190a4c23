"""The compatibility page says what is so."""

from __future__ import annotations

import re

import pytest

from tests.conformance.compatibility import PAGE, STATUSES, Entry, entries, page
from tests.conformance.proofs import CONSTANTS, text_of

ENTRIES = entries()


def test_the_page_is_the_one_that_make_docs_writes() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run: make docs"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.owner}.{entry.name}-{entry.kind}")
def test_each_name_is_in_the_text_of_the_test_that_proves_it(entry: Entry) -> None:
    text = text_of(entry.test)
    assert entry.test == CONSTANTS or re.search(rf"\b{entry.name}\b", text)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.owner}.{entry.name}-{entry.kind}")
def test_what_is_not_as_at_twilio_says_why(entry: Entry) -> None:
    assert entry.status in STATUSES
    assert bool(entry.note) or entry.status not in ("differs", "not possible")


def test_a_test_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(LookupError, match="There is no test measured: nothing"):
        text_of("measured: nothing")
    with pytest.raises(LookupError, match="There is no test tests/test_nothing"):
        text_of("tests/test_nothing.py::test_nothing")
