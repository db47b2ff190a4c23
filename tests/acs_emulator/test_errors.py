"""Error bodies, in both envelopes."""

from __future__ import annotations

from acs_emulator.errors import bad_request, envelope, forbidden, too_many_requests


def test_the_specified_envelope() -> None:
    assert envelope(forbidden("no"), "error") == {"error": {"code": "Forbidden", "message": "no"}}
    assert envelope(bad_request("A string is expected", "topic"), "error") == {
        "error": {
            "code": "BadRequest",
            "message": "A string is expected",
            "target": "topic",
            "details": [{"code": "BadRequest", "message": "A string is expected", "target": "topic"}],
        }
    }


def test_the_observed_envelope() -> None:
    assert envelope(forbidden("no"), "CommunicationError") == {
        "CommunicationError": {"Code": "Forbidden", "Message": "no", "Details": []}
    }
    assert envelope(bad_request("A string is expected", "topic"), "CommunicationError") == {
        "communicationError": {
            "code": "BadRequest",
            "message": "A string is expected",
            "details": [{"message": "A string is expected", "target": "topic"}],
        }
    }


def test_retry_after_is_a_header_and_may_be_left_out() -> None:
    assert too_many_requests(5).headers == {"Retry-After": "5"}
    assert too_many_requests(None).headers == {}
