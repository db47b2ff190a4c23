"""The request that calls a webhook is one that twilio-python's own validator accepts."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from twilio_compat.webhooks.requests import Signer, WebhookCall, request

SIGNER = Signer(auth_token="a token", account_sid="AC1")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(["Body", "Author", "Attributes", "MessagingBinding.Type", "isOnline"])
URLS = st.sampled_from(
    [
        "https://example.com",
        "https://example.com/hooks/twilio?room=a%20b&x=1",
        "http://127.0.0.1:8000/hook",
        "https://example.com:443/a/../b?",
        "https://example.com/ä/ö?q=ü",
    ]
)


def call(url: str = "https://example.com/hook", method: str = "POST", **parameters: str) -> WebhookCall:
    return WebhookCall(url=url, method=method, key="a key", parameters=parameters)


@given(URLS, st.dictionaries(NAMES, TEXT))
def test_a_form_that_is_posted_is_signed_as_the_validator_expects(
    url: str, parameters: dict[str, str]
) -> None:
    made = request(call(url, **parameters), SIGNER, retries=2)
    form = dict(parse_qsl((made.body or b"").decode(), keep_blank_values=True))
    assert form == parameters | {"AccountSid": "AC1", "RetryCount": "2"}
    assert RequestValidator("a token").validate(made.url, form, made.headers["X-Twilio-Signature"])


@given(URLS, st.dictionaries(NAMES, TEXT))
def test_a_query_is_signed_as_the_validator_expects(url: str, parameters: dict[str, str]) -> None:
    made = request(call(url, "get", **parameters), SIGNER, retries=0)
    query = dict(parse_qsl(made.url.partition("?")[2], keep_blank_values=True))
    assert parameters.items() <= query.items()
    assert ("GET", None) == (made.method, made.body)
    assert RequestValidator("a token").validate(made.url, {}, made.headers["X-Twilio-Signature"])


def test_what_the_url_already_asks_stays_in_the_query() -> None:
    made = request(call("https://example.com/?room=1#rc=3", "GET", Body="hi"), SIGNER, retries=0)
    assert "https://example.com/?room=1&Body=hi&AccountSid=AC1&RetryCount=0" == made.url


def test_credentials_travel_in_a_header_and_are_not_signed() -> None:
    made = request(call("https://me%40home:p%3Aw@example.com/hook"), SIGNER, retries=0)
    assert ("https://example.com/hook", ("me@home", "p:w")) == (made.url, made.credentials)


def test_it_looks_as_twilio_s_does() -> None:
    headers = request(call(Body="hi"), SIGNER, retries=0).headers
    assert "application/x-www-form-urlencoded; charset=utf-8" == headers["Content-Type"]
    assert ("TwilioProxy/1.1", "*/*") == (headers["User-Agent"], headers["Accept"])


def test_its_token_is_the_same_however_often_it_is_repeated_and_another_one_for_another_call() -> None:
    tokens = {
        request(call(Body="hi"), SIGNER, retries=each).headers["I-Twilio-Idempotency-Token"]
        for each in range(3)
    }
    other = WebhookCall(url="https://example.com", method="POST", key="another key", parameters={})
    assert 1 == len(tokens)
    assert request(other, SIGNER, retries=0).headers["I-Twilio-Idempotency-Token"] not in tokens


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "example.com/hook", "https://", "http://[", "javascript:1"]
)
def test_only_http_and_https_are_called(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        request(call(url), SIGNER, retries=0)
