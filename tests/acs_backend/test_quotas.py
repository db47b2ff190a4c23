"""Which rates ACS documents, and which request counts against which."""

from __future__ import annotations

import pytest

from acs_backend.quotas import QUOTAS, operation_of
from acs_emulator import rate_limits
from acs_emulator.operations import OPERATIONS, Operation


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_is_known_by_its_request(operation: Operation) -> None:
    path = operation.path.format(thread_id="19%3Aa%40thread.v2", message_id="17", user_id="8:acs:x")
    thread = "19:a@thread.v2" if "{thread_id}" in operation.path else ""
    assert (operation.name, thread) == operation_of(operation.method, path)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_rates_are_those_that_the_emulator_enforces(operation: Operation) -> None:
    ours = [(each.scope, each.count, each.seconds) for each in QUOTAS[operation.name].limits]
    enforced = rate_limits.LIMITS[operation.name]
    assert [(each.scope.replace("+", " and "), each.count, each.seconds) for each in enforced] == ours


def test_an_id_may_be_encoded_or_not() -> None:
    assert operation_of("GET", "/chat/threads/19:a@b/messages") == operation_of(
        "GET", "/chat/threads/19%3Aa%40b/messages"
    )


@pytest.mark.parametrize(("method", "path"), [("PUT", "/chat/threads"), ("GET", "/other"), ("GET", "/")])
def test_an_unknown_request_is_no_operation(method: str, path: str) -> None:
    assert operation_of(method, path) is None


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("SendChatMessage", "10 message writes in 10 seconds and 30 in a minute per thread"),
        ("CreateChatThread", "10 new threads in 10 seconds per user"),
        (
            "GetChatMessage",
            "50 readings of a message in 10 seconds per user and thread, "
            "250 readings of a message in 10 seconds per thread",
        ),
    ],
)
def test_rates_have_words(operation: str, words: str) -> None:
    assert words == QUOTAS[operation].words()


def test_words_may_be_about_one_scope() -> None:
    assert "100 listings of read receipts in 10 seconds per thread" == QUOTAS["ListChatReadReceipts"].words(
        "thread"
    )
