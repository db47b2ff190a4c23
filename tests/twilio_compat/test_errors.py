"""What an application reads from an error."""

from __future__ import annotations

import pytest

from twilio_compat.errors import (
    AnswerError,
    ArgumentError,
    ConfigurationError,
    ConflictError,
    TwilioCompatError,
    TwilsockUpstreamError,
)


def test_an_answer_has_the_status_the_reason_phrase_and_the_body() -> None:
    error = ConflictError("Participant already exists", code=50433)
    assert (409, "Conflict", 50433) == (error.status, error.message, error.code)
    assert {"status": 409, "code": 50433, "message": "Participant already exists"} == error.body
    assert "Participant already exists (HTTP 409, Twilio code 50433)" == str(error)


def test_a_status_that_has_no_reason_phrase_is_its_own() -> None:
    assert ("599", "odd (HTTP 599)") == (
        TwilsockUpstreamError("odd", status=599).message,
        str(TwilsockUpstreamError("odd", status=599)),
    )


@pytest.mark.parametrize("kind", [TwilioCompatError, ArgumentError, ConfigurationError])
def test_the_message_of_what_is_no_answer_is_its_text(kind: type[TwilioCompatError]) -> None:
    assert not issubclass(kind, AnswerError)
    assert "No next page" == kind("No next page").message
