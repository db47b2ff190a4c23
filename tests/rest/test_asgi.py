"""The REST API over HTTP: who may ask, what a body may be, and what a server needs to be told."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator, Mapping, MutableMapping
from typing import Any, cast

import httpx
import pytest

from tests.rest.contract.server import uvicorn_on
from tests.rest.stand_in import DEFAULT, Services, application
from twilio_compat.backend import Backend
from twilio_compat.errors import ConfigurationError
from twilio_compat.records import MEGABYTE
from twilio_compat.rest.app import Application
from twilio_compat.rest.asgi import FILE_LIMIT, FORM_LIMIT, Server, create_app
from twilio_compat.rest.call import Answer, Call, Handler
from twilio_compat.rest.deployment import Deployment
from twilio_compat.settings import Settings

ACCOUNT, TOKEN = "AC" + "1" * 32, "the auth token"
KEY, SECRET = "SK" + "2" * 32, "the secret: with a colon"
SETTINGS = Settings(
    twilio_account_sid=ACCOUNT, twilio_auth_token=TOKEN, twilio_api_key=KEY, twilio_api_secret=SECRET
)
CONVERSATION = "/v1/Conversations/CH1"
MEDIA = f"/v1/Services/{DEFAULT}/Media"


class Backends:
    """Opens backends without anything in them, and keeps them; the first cannot be opened if it says so."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.opened: list[Services] = []
        self.failure = failure

    def __call__(self, settings: Settings) -> Backend:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.opened.append(Services())
        return cast(Backend, self.opened[-1])


def served(**instead: Handler) -> Server:
    """Return a server whose handlers say what they were given."""
    server = create_app(SETTINGS, Backends())
    ready = application(account_sid=ACCOUNT, **instead)

    async def opened() -> Application:
        return ready

    server._application = opened  # type: ignore[method-assign]
    return server


def client(server: Server | None = None, **options: Any) -> httpx.AsyncClient:
    """Return a client of a server that is not told of its start."""
    transport = httpx.ASGITransport(server or served(), **options)
    return httpx.AsyncClient(transport=transport, base_url="https://chat.example.com", auth=(ACCOUNT, TOKEN))


# Who may ask


@pytest.mark.parametrize("pair", [(ACCOUNT, TOKEN), (KEY, SECRET)])
async def test_the_account_and_its_api_key_may_ask(pair: tuple[str, str]) -> None:
    async with client() as http:
        assert 200 == (await http.get(CONVERSATION, auth=pair)).status_code


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Bearer " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode(),
        "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}x".encode()).decode(),
        "Basic " + base64.b64encode(f"{ACCOUNT}:{SECRET}".encode()).decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    ],
)
async def test_nobody_else_may(authorization: str | None) -> None:
    async with client() as http:
        http.auth = None
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = await http.get(CONVERSATION, headers=headers)
    assert 401 == answer.status_code
    assert 'Basic realm="Twilio API"' == answer.headers["WWW-Authenticate"]
    assert {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    } == answer.json()


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(twilio_account_sid=ACCOUNT), Settings(twilio_api_key=KEY)]
)
def test_a_server_that_nobody_could_ask_does_not_start(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"TWILIO_(ACCOUNT_SID|AUTH_TOKEN) is not set"):
        create_app(settings, Backends())


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_API_KEY", KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", SECRET)
    assert isinstance(create_app(), Server)


# Requests


async def test_a_form_and_a_query_are_read() -> None:
    async with client() as http:
        form = {"FriendlyName": "é & +", "UniqueName": ""}
        made = (await http.post("/v1/Conversations", data=form)).json()
        listed = (await http.get("/v1/Conversations?PageSize=2&State=closed")).json()
    assert form == made["values"]
    assert ACCOUNT == made["account"]
    assert "https://chat.example.com/v1/Conversations/CH1" == made["url"]
    assert "https://chat.example.com/v1/Conversations?State=closed&PageSize=2&Page=0" == listed["meta"]["url"]


async def test_a_path_is_taken_as_it_was_written() -> None:
    async with client() as http:
        answer = await http.get("/v1/Conversations/a%2Fb%20c%C3%A9")
    assert {"Sid": "a/b cé"} == answer.json()["path"]


async def test_a_server_that_does_not_tell_how_the_path_was_written_is_served_too() -> None:
    _, body = await asked(served(), path="/v1/Conversations/a b", raw_path=None)
    assert {"Sid": "a b"} == json.loads(body)["path"]


async def test_it_can_be_mounted_below_another_path() -> None:
    async with client(root_path="/twilio") as http:
        answer = await http.get("/twilio/v1/Conversations/CH1")
        missing = await http.get("/twilio/v1/Nothing")
    assert "https://chat.example.com/twilio/v1/Conversations/CH1" == answer.json()["url"]
    assert "The requested resource /Nothing was not found" == missing.json()["message"]


async def test_webhooks_are_asked_for_by_a_header() -> None:
    async with client() as http:
        answer = await http.post(CONVERSATION, headers={"X-Twilio-Webhook-Enabled": "true"})
    assert answer.json()["webhooks"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"FriendlyName=%FF", "FriendlyName must be Unicode text"),
        (b"FriendlyName=\xff", "FriendlyName must be Unicode text"),
        (b"FriendlyName=%00", "FriendlyName must be Unicode text"),
        (b"FriendlyName=%ED%A0%80", "FriendlyName must be Unicode text"),
        (b"a&" * 20_000, "Max number of fields exceeded"),
        (b"FriendlyName=" + b"x" * FORM_LIMIT, "Invalid Parameter"),
    ],
)
async def test_a_form_that_cannot_be_is_refused(content: bytes, text: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    async with client() as http:
        answer = await http.post("/v1/Conversations", content=content, headers=form)
    assert 400 == answer.status_code
    assert text in answer.json()["message"]


async def test_a_form_in_pieces_that_is_too_long_in_all_is_refused() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (FORM_LIMIT // 2)

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with client() as http:
        answer = await http.post("/v1/Conversations", content=pieces(), headers=form)
    assert (400, 20422) == (answer.status_code, answer.json()["code"])


# Files


async def sizes(call: Call) -> Answer:
    """Answer with the sizes of the pieces that came."""
    assert not isinstance(call.body, bytes)
    return {"pieces": [len(piece) async for piece in call.body], "type": call.headers["content-type"]}


@pytest.mark.parametrize("kind", ["image/png", "application/x-www-form-urlencoded"])
async def test_a_file_is_passed_on_as_it_comes(kind: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for size in (1, 2, 3):
            yield b"x" * size

    async with client(served(media_create=sizes)) as http:
        answer = await http.post(MEDIA, content=pieces(), headers={"Content-Type": kind})
    assert (201, {"pieces": [1, 2, 3], "type": kind}) == (answer.status_code, answer.json())


async def test_a_file_that_says_that_it_is_too_large_is_refused_unread() -> None:
    headers = {"content-type": "image/png", "content-length": str(FILE_LIMIT + 1)}
    status, body = await asked(served(media_create=sizes), method="POST", path=MEDIA, headers=headers)
    assert (413, 50512) == (status, json.loads(body)["code"])


async def test_a_file_that_turns_out_too_large_is_refused_where_it_does() -> None:
    piece = {"type": "http.request", "body": b"x" * MEGABYTE, "more_body": True}
    messages = [piece] * (FILE_LIMIT // MEGABYTE + 2)
    server, headers = served(media_create=counted), {"content-type": "image/png"}
    status, body = await asked(server, *messages, method="POST", path=MEDIA, headers=headers)
    assert (413, 50512) == (status, json.loads(body)["code"])


async def counted(call: Call) -> Answer:
    """Read everything."""
    assert not isinstance(call.body, bytes)
    return {"size": sum([len(piece) async for piece in call.body])}


async def test_a_file_that_is_cut_off_is_no_file() -> None:
    messages = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    server, headers = served(media_create=counted), {"content-type": "image/png"}
    status, body = await asked(server, *messages, method="POST", path=MEDIA, headers=headers)
    assert (400, 20422) == (status, json.loads(body)["code"])


async def test_bytes_are_where_the_answer_leads() -> None:
    async with client() as http:
        answer = await http.get(f"{MEDIA}/ME1/Content")
    assert (307, "https://files.example.com/ME1?signed") == (answer.status_code, answer.headers["Location"])


# Answers


async def test_what_is_deleted_is_answered_with_nothing() -> None:
    async with client() as http:
        answer = await http.delete(CONVERSATION)
    assert (204, b"") == (answer.status_code, answer.content)
    assert "content-length" not in answer.headers


async def test_only_the_head_of_an_answer_is_sent_where_that_was_asked_for() -> None:
    async with client() as http:
        whole, head = await http.get(CONVERSATION), await http.head(CONVERSATION)
    assert (200, b"") == (head.status_code, head.content)
    assert whole.headers["Content-Length"] == head.headers["Content-Length"]


async def test_it_says_how_a_path_can_be_asked_to_anybody() -> None:
    async with client() as http:
        http.auth = None
        here, nowhere = await http.options(CONVERSATION), await http.options("/v1/Nothing")
    assert (204, "DELETE, GET, HEAD, OPTIONS, POST") == (here.status_code, here.headers["Allow"])
    assert (204, "OPTIONS") == (nowhere.status_code, nowhere.headers["Allow"])


async def test_what_is_not_there_is_answered_as_in_process() -> None:
    async with client() as http:
        answers = [await http.get("/v1/Nothing"), await http.put(CONVERSATION), await http.get("/")]
    assert [(404, 20404), (405, 20004), (404, 20404)] == [
        (each.status_code, each.json()["code"]) for each in answers
    ]


# Starting and ending


async def asked(
    server: Server,
    *messages: Mapping[str, Any],
    method: str = "GET",
    path: str = CONVERSATION,
    raw_path: bytes | None = b"",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Ask a server as ASGI has it, and return the status and the body."""
    sent: list[MutableMapping[str, Any]] = []
    coming = iter(messages)
    pair = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    given = {"authorization": f"Basic {pair}", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": raw_path,
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }

    async def receive() -> MutableMapping[str, Any]:
        return dict(next(coming, {"type": "http.request"}))

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await server(scope, receive, send)
    return int(sent[0]["status"]), bytes(sent[1]["body"])


async def lived(server: Server) -> list[str]:
    """Have a server start and end, and return what it says of that."""
    coming, sent = iter(["lifespan.startup", "lifespan.shutdown"]), list[str]()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": next(coming)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(f"{message['type']} {message.get('message', '')}".strip())

    await server({"type": "lifespan"}, receive, send)
    return sent


async def test_what_is_opened_at_the_start_is_closed_at_the_end() -> None:
    backends = Backends()
    complete = ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert complete == await lived(create_app(SETTINGS, backends))
    assert [1] == [each.closed for each in backends.opened]


async def test_a_start_that_fails_says_why() -> None:
    backends = Backends(ConfigurationError("THIS is not set"))
    said = await lived(create_app(SETTINGS, backends))
    assert "lifespan.startup.failed THIS is not set" == said[0]


async def test_a_server_that_tells_of_no_start_opens_with_the_first_request_and_tries_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backends = Backends(ConfigurationError("THIS is not set"))
    server = Server(Deployment(SETTINGS, backends))
    with caplog.at_level(logging.ERROR):
        assert 500 == (await asked(server, path="/v1/Nothing"))[0]
    assert "THIS is not set" in caplog.text
    assert [404, 404] == [(await asked(server, path="/v1/Nothing"))[0] for _ in range(2)]
    assert 1 == len(backends.opened)
    await lived(server)


async def test_other_connections_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="websocket"):
        await served()({"type": "websocket"}, cast(Any, None), cast(Any, None))


def test_it_runs_in_uvicorn() -> None:
    backends = Backends()
    with uvicorn_on(create_app(SETTINGS, backends)) as address:
        answer = httpx.get(f"{address}/v1/Nothing", auth=(ACCOUNT, TOKEN))
        refused = httpx.post(f"{address}/v1/Conversations", data={"Nonsense": "1"}, auth=(ACCOUNT, TOKEN))
    assert (404, 20404) == (answer.status_code, answer.json()["code"])
    assert (400, 20001) == (refused.status_code, refused.json()["code"])
    assert "RQ" == answer.headers["Twilio-Request-Id"][:2]
    assert [1] == [each.closed for each in backends.opened]
