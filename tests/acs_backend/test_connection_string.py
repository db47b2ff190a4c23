"""Connection strings are taken apart, and endpoints that would leak a token are refused."""

import pytest

from acs_backend.connection_string import ConnectionString, check_endpoint, parse_connection_string
from twilio_compat.errors import ConfigurationError

KEY = "c2VjcmV0"


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (f"endpoint=https://a.communication.azure.com/;accesskey={KEY}", "https://a.communication.azure.com"),
        (f"AccessKey={KEY};Endpoint=https://a.communication.azure.com", "https://a.communication.azure.com"),
        (f" endpoint=http://127.0.0.1:8080/ ; accesskey={KEY};", "http://127.0.0.1:8080"),
        (f"endpoint=http://[::1]:8080/;accesskey={KEY}", "http://[::1]:8080"),
        (f"endpoint=http://localhost/;accesskey={KEY}", "http://localhost"),
    ],
)
def test_a_connection_string_is_an_endpoint_and_a_key(text: str, endpoint: str) -> None:
    assert ConnectionString(endpoint, KEY) == parse_connection_string(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "no endpoint and no accesskey"),
        ("endpoint=https://a/", "no accesskey"),
        (f"accesskey={KEY}", "no endpoint"),
        ("endpoint=https://a/;accesskey=???", "not base64"),
        (f"endpoint=ftp://a/;accesskey={KEY}", "must begin with https://"),
        (f"endpoint=a.communication.azure.com;accesskey={KEY}", "must begin with https://"),
        (f"endpoint=http://a.communication.azure.com/;accesskey={KEY}", "in the clear"),
        (f"endpoint=http://127.0.0.1.evil.example/;accesskey={KEY}", "in the clear"),
        (f"endpoint=https://a/chat/threads;accesskey={KEY}", "must end after the host"),
        (f"endpoint=https://a:port/;accesskey={KEY}", "not a URL"),
    ],
)
def test_a_faulty_connection_string_is_refused_with_the_reason(text: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        parse_connection_string(text)


def test_the_key_is_shown_neither_in_a_repr_nor_in_an_error() -> None:
    parsed = parse_connection_string(f"endpoint=https://a/;accesskey={KEY}")
    assert KEY not in repr(parsed)
    with pytest.raises(ConfigurationError) as caught:
        parse_connection_string("endpoint=https://a/;accesskey=c2VjcmV0!")
    assert "c2VjcmV0" not in str(caught.value)


def test_the_endpoint_of_direct_mode_is_checked_alike() -> None:
    with pytest.raises(ConfigurationError, match="COMMUNICATION_SERVICES_ENDPOINT"):
        check_endpoint("http://a.example", "COMMUNICATION_SERVICES_ENDPOINT")
