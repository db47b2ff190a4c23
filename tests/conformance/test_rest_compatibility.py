"""The page of the REST API says what is so."""

from __future__ import annotations

import pytest

from tests.conformance.rest_compatibility import PAGE, STATUSES, Entry, entries, page, text_of

ENTRIES = [pytest.param(each, id=each.theirs.name) for each in entries()]


def test_the_page_is_the_one_that_make_docs_writes() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run: make docs"


def test_the_page_has_all_operations() -> None:
    assert 103 == len(ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES)
def test_each_operation_is_called_in_the_text_of_the_scenario_that_proves_it(entry: Entry) -> None:
    assert f".{entry.operation.verb}" in text_of(entry)


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_not_as_at_twilio_says_why(entry: Entry) -> None:
    assert entry.support.status in STATUSES
    assert (entry.support.status == "supported") or entry.support.reason.endswith(".")
