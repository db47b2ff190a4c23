"""What may be repeated, and after which pause."""

from __future__ import annotations

import pytest

from twilio_backend.retries import Backoff, Kind, kind_of, makes_something, may_repeat

V1 = "https://conversations.twilio.com/v1/Services/IS1"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (307, None),
        (400, Kind.REFUSED),
        (404, Kind.REFUSED),
        (408, Kind.UNCLEAR),
        (429, Kind.THROTTLED),
        (500, Kind.UNCLEAR),
        (501, Kind.REFUSED),
        (503, Kind.UNCLEAR),
    ],
)
def test_a_status_says_what_became_of_a_request(status: int, kind: Kind | None) -> None:
    assert kind is kind_of(status)


@pytest.mark.parametrize(
    ("method", "path", "makes"),
    [
        ("POST", "/Conversations", True),
        ("POST", "/Conversations?PageSize=1", True),
        ("POST", "/Conversations/CH1/Messages", True),
        ("POST", "/Conversations/CH1/Messages/IM1", False),
        ("POST", "/Conversations/CH1/Participants/Messages%2F", False),
        ("POST", "/Configuration", False),
        ("POST", "/Configuration/Webhooks", False),
        ("POST", "/Conversations/CH1/Webhooks", True),
        ("GET", "/Conversations", False),
        ("DELETE", "/Conversations/CH1", False),
    ],
)
def test_who_makes_something_is_not_repeated_where_it_is_unclear(method: str, path: str, makes: bool) -> None:
    assert makes is makes_something(method, V1 + path)
    assert makes is not may_repeat(Kind.UNCLEAR, method, V1 + path)
    assert may_repeat(Kind.THROTTLED, method, V1 + path)
    assert may_repeat(Kind.NEVER_SENT, method, V1 + path)
    assert not may_repeat(Kind.REFUSED, method, V1 + path)


def test_pauses_grow_up_to_a_limit_unless_twilio_says_how_long() -> None:
    backoff = Backoff()
    assert [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0] == [backoff.pause(each, 1.0) for each in range(7)]
    assert 0.125 == backoff.pause(0, 0.0)
    assert 7.0 == backoff.pause(0, 0.0, {"Retry-After": " 7 "})
    assert 0.125 == backoff.pause(0, 0.0, {"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"})
