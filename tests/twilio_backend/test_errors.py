"""From Twilio's answers to the port's errors: code, status and words are Twilio's."""

from __future__ import annotations

import json

import aiohttp
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException

from twilio_backend.errors import UnclearError, no_answer, refusal, translated
from twilio_compat.errors import (
    AnswerError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidResponseError,
    LimitError,
    NotFoundError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
)

V1 = "https://conversations.twilio.com/v1"


def body(code: int | None, message: str = "Words") -> str:
    return json.dumps({"code": code, "message": message, "more_info": "", "status": 0})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 50003, LimitError),
        (400, 50109, NotFoundError),
        (400, 50507, NotFoundError),
        (403, 50107, ForbiddenError),
        (403, 50430, ForbiddenError),
        (409, 50353, ConflictError),
        (409, 50433, ConflictError),
        (413, 50512, LimitError),
        (408, None, ServiceTimeoutError),
        (429, 20429, RateLimitedError),
        (429, 50063, RateLimitedError),
        (500, 20500, ServiceUnavailableError),
        (503, 20503, ServiceUnavailableError),
        (504, None, ServiceTimeoutError),
        (302, None, InvalidResponseError),
    ],
)
def test_an_answer_becomes_the_error_for_it(status: int, code: int | None, kind: type[AnswerError]) -> None:
    error = refusal(status, body(code), f"{V1}/Conversations/CH1")
    assert type(error) is kind
    assert isinstance(error, AnswerError)
    assert (status, code or kind.default_code, "Words") == (error.status, error.code, error.detail)


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/Conversations/CH1", 50350, "Conversation not found"),
        ("/Services/IS1/Conversations/CH1", 50350, "Conversation not found"),
        ("/Conversations/CH1/Messages", 50350, "Conversation not found"),
        ("/Conversations/CH1/Messages/IM1", 50500, "Message not found"),
        ("/Conversations/CH1/Messages/IM1/Receipts", 50500, "Message not found"),
        ("/Conversations/CH1/Participants/a%2Fb", 50432, "Participant not found"),
        ("/Users/US1", 50200, "User not found"),
        ("/Users/US1/Conversations", 50200, "User not found"),
        ("/Users/US1/Conversations/CH1", 50350, "Conversation not found"),
        ("/Roles/RL1", 50100, "Role not found"),
        ("/Services/IS1", 50050, "Service Instance not found"),
        ("/Services/IS1/Conversations", 50050, "Service Instance not found"),
        ("/Services/IS1/Media/ME1", 50507, "Media not found"),
        ("/Services/IS1/Bindings/BS1", 20404, "Words"),
        ("/Conversations", 20404, "Words"),
    ],
)
def test_the_path_says_what_is_not_there(path: str, code: int, words: str) -> None:
    error = refusal(404, body(20404), V1 + path)
    assert isinstance(error, NotFoundError)
    assert (404, code, words) == (error.status, error.code, error.detail)


def test_what_is_on_the_way_may_answer_anything() -> None:
    for text in ("", "<html>", "[]", '{"code": "x"}', '{"code": 502}'):
        error = refusal(502, text, f"{V1}/Conversations")
        assert isinstance(error, ServiceUnavailableError)
        assert (502, 20503, "HTTP status 502") == (error.status, error.code, error.detail)


def test_refused_credentials_are_a_matter_of_configuration() -> None:
    error = refusal(401, body(20003, "Authenticate"), f"{V1}/Conversations")
    assert isinstance(error, ConfigurationError)
    assert "Authenticate" in str(error)


def test_no_answer_is_late_or_unavailable() -> None:
    assert isinstance(no_answer(TimeoutError()), ServiceTimeoutError)
    assert isinstance(no_answer(aiohttp.ServerDisconnectedError()), ServiceUnavailableError)


def test_what_the_official_client_raises_by_itself_is_translated() -> None:
    with pytest.raises(ConflictError) as taken, translated():
        raise TwilioRestException(409, f"{V1}/Users", "Unable to create record: User already exists", 50201)
    assert (50201, "User already exists") == (taken.value.code, taken.value.detail)
    with pytest.raises(InvalidResponseError), translated():
        raise TwilioException("Page Records can not be deserialized")
    with pytest.raises(InvalidResponseError), translated():
        json.loads("<html>")
    with pytest.raises(ServiceTimeoutError), translated():
        raise TimeoutError
    with pytest.raises(ConflictError), translated():
        raise ConflictError("one of the port's own passes")


def test_what_is_unclear_is_kept_for_who_asks_and_an_error_for_others() -> None:
    unclear = UnclearError(ServiceUnavailableError("gone"), answered=False)
    with pytest.raises(UnclearError), translated(is_unclear_kept=True):
        raise unclear
    with pytest.raises(ServiceUnavailableError), translated():
        raise unclear
