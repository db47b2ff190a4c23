"""What is for Conversations is answered in process, everything else is left to the client that was there before."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import Mock

import pytest
from requests.exceptions import ReadTimeout, Timeout
from twilio.http import AsyncHttpClient, HttpClient
from twilio.http.response import Response

from tests.rest.stand_in import DEFAULT, HOST, Services, application, settings
from twilio_compat.backend import Backend
from twilio_compat.rest.app import Application
from twilio_compat.rest.call import Answer, Call
from twilio_compat.rest.deployment import Deployment
from twilio_compat.rest.http_client import (
    AsyncInProcessHttpClient,
    InProcessHttpClient,
    in_process,
    pairs_of,
    to_request,
)
from twilio_compat.rest.portal import Portal

CONVERSATION = f"{HOST}/v1/Conversations/CH1"


class Elsewhere(HttpClient):
    """A client that answers everything, and notes what it was asked."""

    def __init__(self, timeout: float | None = None) -> None:
        super().__init__(logging.getLogger("elsewhere"), False, timeout)
        self.asked: list[tuple[Any, ...]] = []
        self.session = object()

    def request(self, *args: Any, **kwargs: Any) -> Response:
        self.asked.append((*args, *kwargs.values()))
        return Response(200, '{"from": "elsewhere"}')


class AwaitedElsewhere(AsyncHttpClient):
    """The same, to be awaited."""

    def __init__(self, timeout: float | None = None) -> None:
        super().__init__(logging.getLogger("elsewhere"), True, timeout)
        self.asked: list[tuple[Any, ...]] = []

    async def request(self, *args: Any, **kwargs: Any) -> Response:
        self.asked.append((*args, *kwargs.values()))
        return Response(200, '{"from": "elsewhere"}')


class Server:
    """Serves an application that nobody opens."""

    def __init__(self, portal: Portal, served: Application) -> None:
        self.portal = portal
        self._deployment = _Ready(settings(), lambda _: cast(Backend, Services()), served)

    def deployment(self) -> Deployment:
        return self._deployment


class _Ready(Deployment):
    """A deployment whose application is there already."""

    __slots__ = ("served",)

    def __init__(self, *fields: Any) -> None:
        super().__init__(*fields[:2])
        object.__setattr__(self, "served", fields[2])

    def application(self) -> Any:
        return _Entered(self.served)  # type: ignore[attr-defined]


class _Entered:
    def __init__(self, served: Application) -> None:
        self._served = served

    async def __aenter__(self) -> Application:
        return self._served

    async def __aexit__(self, *exc_info: object) -> None:
        pass


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as running:
        yield running


@pytest.fixture
def server(portal: Portal) -> Server:
    return Server(portal, application())


# Where a request goes


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}/v1/Conversations/CH1",
        "https://conversations.dublin.ie1.twilio.com/v1/Conversations/CH1",
        "https://conversations.au1.twilio.com/v1/Conversations/CH1",
        "https://Conversations.Twilio.com:443/v1/Conversations/CH1",
    ],
)
def test_conversations_at_every_edge_are_answered_in_process(url: str, server: Server) -> None:
    elsewhere = Elsewhere()
    answer = InProcessHttpClient(elsewhere, server).request("GET", url)
    assert (200, {"Sid": "CH1"}) == (answer.status_code, json.loads(answer.text)["path"])
    assert answer.headers["Twilio-Request-Id"].startswith("RQ")
    assert [] == elsewhere.asked


def test_files_are_answered_in_process_too(server: Server) -> None:
    url = f"https://mcs.us1.twilio.com/v1/Services/{DEFAULT}/Media/ME1/Content"
    assert 307 == InProcessHttpClient(Elsewhere(), server).request("GET", url).status_code


@pytest.mark.parametrize(
    "url",
    [
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json",
        f"{HOST}/v2/Conversations",
        "http://127.0.0.1:8080/v1/Conversations",
        "https://conversations.twilio.com.example.com/v1/Conversations",
        "https://example.com/?https://conversations.twilio.com/v1/Conversations",
        "https://chat.twilio.com/v2/Services",
    ],
)
def test_everything_else_is_left_to_the_client_that_is_wrapped(url: str, server: Server) -> None:
    elsewhere = Elsewhere()
    arguments = ({"a": 1}, {"b": 2}, {"c": "3"}, ("user", "password"), 4.0, True)
    answer = InProcessHttpClient(elsewhere, server).request("POST", url, *arguments)
    assert '{"from": "elsewhere"}' == answer.text
    assert [("POST", url, *arguments)] == elsewhere.asked


async def test_an_awaited_client_does_the_same(server: Server) -> None:
    elsewhere = AwaitedElsewhere()
    client = AsyncInProcessHttpClient(elsewhere, server)
    assert {"Sid": "CH1"} == json.loads((await client.request("GET", CONVERSATION)).text)["path"]
    assert '{"from": "elsewhere"}' == (await client.request("GET", "https://api.twilio.com/")).text
    assert [("GET", "https://api.twilio.com/", None, None, None, None, None, False)] == elsewhere.asked


def test_an_awaited_client_answers_on_every_loop(server: Server) -> None:
    client = AsyncInProcessHttpClient(AwaitedElsewhere(), server)
    for _ in range(3):
        assert 200 == asyncio.run(client.request("GET", CONVERSATION)).status_code


# What is wrapped


def test_a_client_is_wrapped_as_what_it_is(server: Server) -> None:
    assert InProcessHttpClient is type(in_process(Elsewhere(), server))
    awaited = in_process(AwaitedElsewhere(), server)
    assert AsyncInProcessHttpClient is type(awaited)
    assert awaited.is_async
    assert awaited is in_process(awaited, server)


def test_what_an_application_knows_of_its_client_it_finds(server: Server) -> None:
    elsewhere = Elsewhere(timeout=3)
    client = in_process(elsewhere, server)
    assert (elsewhere.session, 3, elsewhere.logger) == (client.session, client.timeout, client.logger)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = client.nonsense


def test_a_mock_can_be_wrapped(server: Server) -> None:
    mock = Mock()
    client = in_process(mock, server)
    assert 200 == client.request("GET", CONVERSATION).status_code
    assert mock.request.return_value is client.request("GET", "https://api.twilio.com/")


# Time


def never(begun: threading.Event) -> Any:
    async def wait(call: Call) -> Answer:
        begun.set()
        await asyncio.Event().wait()
        return None

    return wait


def test_the_timeout_of_a_call_and_else_that_of_the_client_counts(portal: Portal) -> None:
    server = Server(portal, application(conversations_fetch=never(threading.Event())))
    with pytest.raises(ReadTimeout):
        InProcessHttpClient(Elsewhere(), server).request("GET", CONVERSATION, timeout=0.05)
    with pytest.raises(Timeout):
        InProcessHttpClient(Elsewhere(timeout=0.05), server).request("GET", CONVERSATION)


async def test_an_awaited_call_has_a_timeout_too(portal: Portal) -> None:
    server = Server(portal, application(conversations_fetch=never(threading.Event())))
    with pytest.raises(TimeoutError):
        await AsyncInProcessHttpClient(AwaitedElsewhere(0.05), server).request("GET", CONVERSATION)


def test_no_time_at_all_is_no_timeout(server: Server) -> None:
    with pytest.raises(ValueError, match="0"):
        InProcessHttpClient(Elsewhere(), server).request("GET", CONVERSATION, timeout=0)


# What is logged


def test_requests_are_logged_where_twilio_python_logs_them(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    client = InProcessHttpClient(Elsewhere(), server)
    client.request("GET", CONVERSATION)
    assert [] == caplog.records
    with caplog.at_level(logging.INFO, "elsewhere"):
        client.request("GET", CONVERSATION, {"a": 1}, headers={"Authorization": "secret", "X-A": "b"})
    said = "\n".join(each.getMessage() for each in caplog.records)
    assert "GET Request: https://conversations.twilio.com/v1/Conversations/CH1?a=1" in said
    assert "Response Status Code: 400" in said
    assert "secret" not in said


# Requests


def test_fields_are_sent_as_requests_sends_them() -> None:
    fields = {
        "a": "x",
        "b": 1,
        "c": ["y", 2, None],
        "d": None,
        "e": True,
        "f": ("z",),
        "g": "",
        "h": b"\xc3\xa9",
    }
    assert [
        ("a", "x"),
        ("b", "1"),
        ("c", "y"),
        ("c", "2"),
        ("e", "True"),
        ("f", "z"),
        ("g", ""),
        ("h", "é"),
    ] == pairs_of(fields)
    assert [] == pairs_of(None)


def test_bytes_that_are_no_text_are_told_from_text(server: Server) -> None:
    answer = InProcessHttpClient(Elsewhere(), server).request(
        "POST", CONVERSATION, data={"FriendlyName": b"\xff"}
    )
    assert (400, 20422) == (answer.status_code, json.loads(answer.text)["code"])


def test_headers_go_by_lower_case_names() -> None:
    request = to_request("get", CONVERSATION, None, None, {"X-Twilio-Webhook-Enabled": "true"})
    assert ("GET", {"x-twilio-webhook-enabled": "true"}) == (request.method, request.headers)


def test_a_form_that_is_written_already_is_read() -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = to_request("POST", CONVERSATION, None, "FriendlyName=a+b&FriendlyName=%C3%A9", form)
    assert [("FriendlyName", "a b"), ("FriendlyName", "é")] == request.parameters


@pytest.mark.parametrize("kind", ["image/png", "application/x-www-form-urlencoded"])
def test_the_bytes_of_a_file_are_its_body_whatever_they_are_called(kind: str) -> None:
    url = f"https://mcs.us1.twilio.com/v1/Services/{DEFAULT}/Media"
    request = to_request("POST", url, None, b"a=b", {"Content-Type": kind})
    assert ([], b"a=b") == (request.parameters, request.body)


async def test_an_open_file_is_read_piece_by_piece() -> None:
    url = f"https://mcs.us1.twilio.com/v1/Services/{DEFAULT}/Media"
    request = to_request("POST", url, None, io.BytesIO(b"x" * 100_000), {"Content-Type": "image/png"})
    assert not isinstance(request.body, bytes)
    assert [65536, 34464] == [len(piece) async for piece in request.body]
